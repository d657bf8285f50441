//! The parser's errors in words for somebody who wrote a file, not a program.

use std::borrow::Cow;

use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use crate::error::{Error, HINT_MARK, Place};

/// The error with its place and a hint.
pub(super) fn translate(error: &YamlError, kind: &str, file: &str) -> Error {
    let position = error.location().filter(|at| at.line() > 0).map(|at| (at.line(), at.column().max(1)));
    let (what, hint) = text(original(error));
    let hint = hint.unwrap_or_else(|| match original(error) {
        YamlError::ExternalMessage { .. } => "reading stopped here; the mistake may stand on a line above".into(),
        _ => format!("`clusterkeep schema {}` says what goes where", kind.to_lowercase()).into(),
    });
    Error::input(single_line(&what)).at(Place { file: file.into(), position }).with_hint(single_line(&hint))
}

/// The error itself, out of the wrappers that say by which alias it was reached.
fn original(mut error: &YamlError) -> &YamlError {
    while let YamlError::AliasError { error: inner, .. } | YamlError::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    error
}

/// What the parser says of the commonest slips, in a part of its words; what it means; and what to do.
const SYNTAX: [(&str, &str, &str); 3] = [
    ("simple key expected", "`:` is missing after a key", "write `key: value`, with a blank after the colon"),
    (
        "mapping values are not allowed",
        "`:` stands where no key can be",
        "is the line indented like its neighbours? a value with `: ` in it goes in quotes",
    ),
    ("tabs disallowed", "a tab indents this line", "indent with blanks"),
];

fn text(error: &YamlError) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match error {
        YamlError::Message { msg, .. } => match msg.split_once(HINT_MARK) {
            Some((what, hint)) => (what.into(), Some(hint.into())),
            None => (msg.into(), None),
        },
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown field `{field}`").into(), Some(one_of(field, expected).into()))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown value `{variant}`").into(), Some(one_of(variant, expected).into()))
        }
        YamlError::SerdeMissingField { field, .. } => (format!("field `{field}` is missing").into(), None),
        YamlError::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(|key| format!(" `{key}`")).unwrap_or_default();
            (format!("key{key} is given twice").into(), Some("keep one of the two".into()))
        }
        YamlError::MergeKeyNotAllowed { .. } => {
            ("merge keys (`<<`) are not taken".into(), Some("write the keys out where they are meant".into()))
        }
        YamlError::Budget { .. } => {
            ("the document is too large or nested too deeply".into(), Some("is it the right file?".into()))
        }
        // Said in terms of the parser's events; a user knows lists and keys with values.
        YamlError::Unexpected { expected: "mapping start", .. } => ("keys with values are expected here".into(), None),
        YamlError::Unexpected { expected: "sequence start", .. } => {
            ("a list is expected here".into(), Some("write `[a, b]`, or `- a` on lines of their own".into()))
        }
        YamlError::Unexpected { expected: "string scalar", .. } => ("text is expected here".into(), None),
        YamlError::UnknownAnchor { .. } => ("the alias refers to nothing above it".into(), None),
        YamlError::ExternalMessage { msg, .. } => {
            let known = SYNTAX.iter().find(|(theirs, ..)| msg.contains(theirs));
            known.map_or((msg.into(), None), |(_, what, hint)| ((*what).into(), Some((*hint).into())))
        }
        other => (UserMessageFormatter.format_message(other), None),
    }
}

/// What would be known here, the nearest word first where one is near.
pub(super) fn one_of(given: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "nothing is known here".into();
    }
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(given, known) {
        Some(name) => format!("did you mean `{name}`? known here: {list}"),
        None => format!("known here: {list}"),
    }
}

/// The word that takes the fewest edits, where those are at most a third of it.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let (edits, name) = known.iter().map(|name| (strsim::damerau_levenshtein(given, name), *name)).min()?;
    (edits * 3 <= name.chars().count().max(3)).then_some(name)
}

/// Messages quote the file, and what is quoted must neither break the line nor steer a terminal.
pub(super) fn single_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_proposed_and_a_far_one_is_not() {
        assert_eq!(nearest("tabel", &["table", "time"]), Some("table"));
        assert_eq!(nearest("keep_newst", &["max_share", "keep_newest"]), Some("keep_newest"));
        assert_eq!(nearest("banana", &["table", "time"]), None);
    }
}
