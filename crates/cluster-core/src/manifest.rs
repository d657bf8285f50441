//! Reading of YAML and JSON documents: strict, one `kind` per document, errors with line and column.
//!
//! A file is a stream of documents, each of which says first what it is: `kind: Retention`. JSON goes the same way, since
//! it is YAML, too. Documents of another kind that Clusterkeep knows are passed over, but must be well-formed; everything
//! that is not understood is refused: duplicate and unknown keys, merge keys, unknown kinds, unknown tags.
//!
//! Nothing here reads the environment, includes other files, or replaces variables: a file means what it says.
//!
//! # Errors with a hint
//!
//! An error that a `Deserialize` implementation raises gets its place by itself, and its hint by [`custom`]:
//!
//! ```
//! use clusterkeep_core::Error;
//! use clusterkeep_core::{error, manifest};
//! # #[derive(Debug)] struct Zero;
//! impl<'de> serde::Deserialize<'de> for Zero {
//!     fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
//!         match u64::deserialize(deserializer)? {
//!             0 => Ok(Zero),
//!             n => Err(error::custom(Error::input(format!("{n} is not nothing")).with_hint("write 0"))),
//!         }
//!     }
//! }
//! # #[derive(Debug, serde::Deserialize)] struct Doc { #[serde(rename = "zero")] _zero: Zero }
//! # impl manifest::Manifest for Doc { const KIND: &'static str = "Retention"; }
//! let error = manifest::read_str::<Doc>("kind: Retention\nzero: 1", "z.yaml").unwrap_err();
//! assert_eq!(error.to_string(), "z.yaml:2:7: 1 is not nothing");
//! assert_eq!(error.hint().as_deref(), Some("write 0"));
//! ```

mod message;
pub mod tree;

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Place, Result, custom};

/// Every kind of document that there is.
pub const KINDS: &[&str] = &["Retention", "Timetable", "Permissions"];

/// The largest file that is read; manifests are written by people.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A type that documents of one kind are read into.
///
/// The type itself has no field `kind`, and says `#[serde(deny_unknown_fields)]`.
pub trait Manifest: DeserializeOwned {
    /// What stands after `kind:`, one of [`KINDS`].
    const KIND: &'static str;
}

/// A document, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// What the document says.
    pub value: T,
    /// Its file and first line.
    pub place: Place,
}

/// Reads the documents of one kind from a file; documents of other known kinds are checked and left out.
///
/// # Errors
///
/// A file that is missing, can't be read, is too large or no UTF-8 text; and whatever [`read_str`] refuses.
pub fn read_file<T: Manifest>(path: impl AsRef<Path>) -> Result<Vec<Located<T>>> {
    let path = path.as_ref();
    read_str(&read_text(path)?, &path.display().to_string())
}

/// The text of a file that a person wrote.
///
/// # Errors
///
/// A file that is missing, can't be read, is too large or no UTF-8 text.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let unreadable = |source: std::io::Error| Error::Input {
        what: format!("read `{}`", path.display()),
        place: None,
        hint: Some("is the path right, and may this user read the file?".into()),
        source: Some(source.into()),
    };
    let file = path.display().to_string();
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(too_large(size, &file));
    }
    decode(std::fs::read(path).map_err(unreadable)?, &file)
}

/// The text of what was read from elsewhere; `file` is what messages call it.
///
/// # Errors
///
/// It is too large, or no UTF-8 text.
pub fn decode(bytes: Vec<u8>, file: &str) -> Result<String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(bytes.len() as u64, file));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        Error::input("this is no UTF-8 text")
            .at(Place { file: file.to_owned(), position: Some((line, 1)) })
            .with_hint("save the file as UTF-8")
    })
}

fn too_large(size: u64, file: &str) -> Error {
    Error::input(format!("the file has {size} bytes, which is more than a manifest needs"))
        .at(Place { file: file.to_owned(), position: None })
        .with_hint("is it the right file?")
}

/// Reads the documents of one kind from text; `file` is what messages call it.
///
/// # Errors
///
/// Text that does not parse, holds no document, repeats a key, or does not say what `T` asks for; a document without a
/// kind or of an unknown one. Each has line and column.
pub fn read_str<T: Manifest>(text: &str, file: &str) -> Result<Vec<Located<T>>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        reject_unsupported_tags: true,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
    };
    let documents = serde_saphyr::from_multiple_with_options::<Document<T>>(text, options)
        .map_err(|error| message::translate(&error, T::KIND, file))?;
    if documents.is_empty() {
        return Err(Error::input("the file is empty")
            .at(Place { file: file.into(), position: None })
            .with_hint(format!("begin a document with `kind: {}`", T::KIND)));
    }
    let place = |line| Place { file: file.into(), position: Some((line, 1)) };
    let of_this_kind = |document: Document<T>| Some(Located { value: document.value?, place: place(document.line) });
    Ok(documents.into_iter().filter_map(of_this_kind).collect())
}

/// The schema of a kind of document, with the `kind` that its type leaves out.
///
/// # Panics
///
/// Never: a schema is an object.
#[must_use]
pub fn schema<T: Manifest + schemars::JsonSchema>() -> schemars::Schema {
    let mut schema = schemars::schema_for!(T);
    let object = schema.ensure_object();
    let kind = serde_json::json!({ "const": T::KIND, "description": "what the document is; its first key" });
    match object.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        Some(properties) => {
            properties.insert("kind".into(), kind);
        }
        None => {
            object.insert("properties".into(), serde_json::json!({ "kind": kind }));
        }
    }
    match object.get_mut("required").and_then(serde_json::Value::as_array_mut) {
        Some(required) => required.insert(0, "kind".into()),
        None => {
            object.insert("required".into(), serde_json::json!(["kind"]));
        }
    }
    schema
}

/// One document of a file: what it says where it is of the kind that is asked for, and nothing where it is of another.
struct Document<T> {
    value: Option<T>,
    line: u64,
}

impl<'de, T: Manifest> Deserialize<'de> for Document<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor(PhantomData))
    }
}

/// Reads the kind from the first key and hands the rest on as it streams by, so that every error keeps its place.
struct DocumentVisitor<T>(PhantomData<T>);

impl<'de, T: Manifest> Visitor<'de> for DocumentVisitor<T> {
    type Value = Document<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document that begins with `kind:`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<T>, A::Error> {
        if map.next_key::<KindKey>()?.is_none() {
            return Err(custom(missing_kind()));
        }
        let kind: serde_saphyr::Spanned<Kind> = map.next_value()?;
        let line = kind.referenced.line();
        if kind.value.0 == T::KIND {
            return T::deserialize(MapAccessDeserializer::new(map)).map(|value| Document { value: Some(value), line });
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Document { value: None, line })
    }
}

/// The key `kind`; a type of its own, so that the error about another one stands at that key.
struct KindKey;

impl<'de> Deserialize<'de> for KindKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "kind" => Ok(Self),
            _ => Err(custom(missing_kind())),
        }
    }
}

fn known_kinds() -> String {
    match KINDS {
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
        [] => String::new(),
    }
}

fn missing_kind() -> Error {
    let example = KINDS.first().copied().unwrap_or_default();
    Error::input("the document does not say first what it is")
        .with_hint(format!("begin it with `kind: {example}`; known kinds are {}", known_kinds()))
}

/// A known kind; a type of its own, so that the error about another one stands at its value.
struct Kind(String);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = String::deserialize(deserializer)?;
        if KINDS.contains(&kind.as_str()) {
            return Ok(Self(kind));
        }
        let known = format!("known kinds are {}", known_kinds());
        Err(custom(Error::input(format!("kind `{kind}` is unknown")).with_hint(known)))
    }
}

#[cfg(test)]
mod tests;
