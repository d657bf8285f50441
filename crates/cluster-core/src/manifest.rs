//! Reading of YAML and JSON documents: strict, one `kind` per document, errors with line and column.

use std::fmt;

use crate::error::Error;

/// Divides what is wrong from what to do about it in the message of a deserialisation error.
const HINT: char = '\u{1f}';

/// The message of a deserialisation error with a hint, which [`read_str`] and its like take apart again.
///
/// Serde's errors carry one text; this is the convention by which a `Deserialize` implementation gives a hint, too.
pub fn reject(what: impl fmt::Display, hint: impl fmt::Display) -> String {
    format!("{what}{HINT}{hint}")
}

/// An error of this crate as a deserialisation error, its hint kept.
pub fn custom<E: serde::de::Error>(error: Error) -> E {
    match error.hint() {
        Some(hint) => E::custom(reject(error, hint)),
        None => E::custom(error),
    }
}
