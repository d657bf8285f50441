//! Recognises `INSERT .. VALUES (?, ?, ..)`, whose one tuple can be repeated to insert many rows with one statement.

use std::ops::Range;

use super::Engine;
use super::lexer::{Kind, tokens};

/// An insert of one row whose values are all placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SingleRowInsert<'a> {
    /// What stands before `VALUES`.
    pub(super) head: &'a str,
    /// `(?, ?)`.
    pub(super) tuple: &'a str,
    /// What follows, such as `ON CONFLICT`; it has no placeholder.
    pub(super) tail: &'a str,
    /// How many values a row has.
    pub(super) width: usize,
}

impl<'a> SingleRowInsert<'a> {
    /// `None` where the text is anything else.
    pub(super) fn find(engine: Engine, text: &'a str) -> Option<Self> {
        let mut at = 0;
        let mut parts = tokens(engine, text).map(|token| {
            let start = at;
            at += token.text.len();
            (token, start..at)
        });
        let (first, _) = parts.by_ref().find(|(token, _)| token.kind != Kind::Space)?;
        if !first.is_word("insert") && !first.is_word("replace") {
            return None;
        }
        // A placeholder or a parenthesised select before VALUES is another kind of statement.
        let mut depth = 0_u32;
        while let Some((token, Range { start: before_values, .. })) = parts.next() {
            match token.kind {
                Kind::Placeholder => return None,
                Kind::Mark if token.text == "(" => depth += 1,
                Kind::Mark if token.text == ")" => depth = depth.checked_sub(1)?,
                Kind::Word if depth == 0 && token.is_word("select") => return None,
                Kind::Word if depth == 0 && token.is_word("values") => {
                    let (range, width) = placeholders(&mut parts)?;
                    let tail = &text[range.end..];
                    return plain_tail(engine, tail).then(|| Self {
                        head: &text[..before_values],
                        tuple: &text[range],
                        tail: tail.trim_end().trim_end_matches(';'),
                        width,
                    });
                }
                _ => {}
            }
        }
        None
    }

    /// The statement for `rows` rows.
    #[cfg(any(test, feature = "sqlite", feature = "mysql"))]
    pub(super) fn repeated(&self, rows: usize) -> String {
        let mut text = String::with_capacity(self.head.len() + rows * (self.tuple.len() + 1) + self.tail.len());
        text.push_str(self.head);
        text.push_str("VALUES ");
        for row in 0..rows {
            if row > 0 {
                text.push(',');
            }
            text.push_str(self.tuple);
        }
        text.push_str(self.tail);
        text
    }
}

/// Where the tuple stands, and how many placeholders it has; `None` if anything else is in it.
fn placeholders<'a>(
    parts: &mut impl Iterator<Item = (super::lexer::Token<'a>, Range<usize>)>,
) -> Option<(Range<usize>, usize)> {
    let mut parts = parts.filter(|(token, _)| token.kind != Kind::Space);
    let (open, Range { start, .. }) = parts.next()?;
    if !open.is_mark("(") {
        return None;
    }
    let mut width = 0;
    loop {
        if parts.next()?.0.kind != Kind::Placeholder {
            return None;
        }
        width += 1;
        let (token, Range { end, .. }) = parts.next()?;
        if token.is_mark(")") {
            return Some((start..end, width));
        }
        if !token.is_mark(",") {
            return None;
        }
    }
}

/// Whether what follows the tuple neither holds a placeholder nor another tuple, nor rows to return.
fn plain_tail(engine: Engine, tail: &str) -> bool {
    let mut parts = tokens(engine, tail).filter(|token| token.kind != Kind::Space).peekable();
    !parts.peek().is_some_and(|token| token.is_mark(","))
        && parts.all(|token| !matches!(token.kind, Kind::Placeholder | Kind::Question) && !token.is_word("returning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(engine: Engine, text: &str) -> Option<String> {
        SingleRowInsert::find(engine, text).map(|insert| insert.repeated(2))
    }

    #[test]
    fn tuple_is_repeated_and_the_rest_kept() {
        assert_eq!(
            repeated(
                Engine::Sqlite,
                "INSERT INTO t (a, \"values\") VALUES /* one */ ( ?, ? ) ON CONFLICT (a) DO NOTHING;"
            )
            .unwrap(),
            "INSERT INTO t (a, \"values\") VALUES ( ?, ? ),( ?, ? ) ON CONFLICT (a) DO NOTHING"
        );
        assert_eq!(repeated(Engine::Mysql, "replace into t values(?)").unwrap(), "replace into t VALUES (?),(?)");
    }

    #[test]
    fn anything_else_is_left_alone() {
        for text in [
            "UPDATE t SET a = ? WHERE b = ?",
            "INSERT INTO t VALUES (?, 1)",
            "INSERT INTO t VALUES (?), (?)",
            "INSERT INTO t VALUES (lower(?))",
            "INSERT INTO t SELECT ?",
            "INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET b = ?",
            "INSERT INTO t VALUES (?) RETURNING id",
            "INSERT INTO t VALUES ()",
            "INSERT INTO t DEFAULT VALUES",
            "INSERT INTO t VALUES (?",
            "",
        ] {
            assert_eq!(repeated(Engine::Sqlite, text), None, "{text}");
        }
    }
}
