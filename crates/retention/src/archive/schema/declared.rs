//! A column's type out of a manifest, as it may stand in a statement.
//!
//! A manifest lies where others may write. What it calls a type becomes part of `CREATE TABLE` only where it is one, word
//! by word; anything else is refused and never run.

use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, Result};

/// What may follow a type's first word, in any order.
const FURTHER: &[&str] = &[
    "precision",
    "varying",
    "with",
    "without",
    "time",
    "zone",
    "unsigned",
    "zerofill",
    "int",
    "big",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "to",
];

/// The type, as it may stand in a statement of `engine`.
///
/// # Errors
///
/// It is no type, or one of a form that is not known here.
pub(crate) fn declared(engine: Engine, type_name: &str) -> Result<String> {
    let unknown = || {
        Error::input(format!("`{type_name}` in the manifest is no type that a table can be made with"))
            .with_hint("make the table yourself, and restore into it")
    };
    // A column without a type is one of SQLite's possibilities.
    if engine == Engine::Sqlite && type_name.is_empty() {
        return Ok(String::new());
    }
    is_type(engine, type_name).then(|| type_name.to_owned()).ok_or_else(unknown)
}

fn is_type(engine: Engine, text: &str) -> bool {
    let Some(mut rest) = name(engine, text) else { return false };
    // PostgreSQL's limits stand in the middle: `timestamp(3) with time zone`.
    let mut limits = false;
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.is_empty() {
            return true;
        }
        if rest.starts_with('(') {
            let Some(after) = arguments(rest).filter(|_| !limits) else { return false };
            (rest, limits) = (after, true);
        } else if let Some(after) = rest.strip_prefix("[]") {
            rest = after;
        } else {
            let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            if !FURTHER.contains(&word.to_ascii_lowercase().as_str()) {
                return false;
            }
            rest = after;
        }
    }
}

/// The text after a type's name, which may have a schema and quotes on PostgreSQL.
fn name(engine: Engine, text: &str) -> Option<&str> {
    let after = part(engine, text)?;
    match after.strip_prefix('.') {
        Some(second) if engine == Engine::Postgres => part(engine, second),
        Some(_) => None,
        None => Some(after),
    }
}

fn part(engine: Engine, text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('"').filter(|_| engine == Engine::Postgres) {
        return quoted_end(quoted, '"').filter(|after| after.len() + 1 < quoted.len());
    }
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins.then(|| &text[length..])
}

/// The text after the closing quote; a doubled one is part of what is quoted.
fn quoted_end(text: &str, quote: char) -> Option<&str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once(quote)?;
        match after.strip_prefix(quote) {
            Some(further) => rest = further,
            None => return Some(after),
        }
    }
}

/// The text after a list of whole numbers or of strings in parentheses.
fn arguments(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('(')?;
    loop {
        rest = rest.trim_start_matches(' ');
        rest = match rest.strip_prefix('\'') {
            // An escape would end a string elsewhere than it seems to.
            Some(string) => {
                quoted_end(string, '\'').filter(|after| !string[..string.len() - after.len()].contains('\\'))?
            }
            None => {
                let number = rest.strip_prefix('-').unwrap_or(rest);
                let after = number.trim_start_matches(|c: char| c.is_ascii_digit());
                (after.len() < number.len()).then_some(after)?
            }
        };
        rest = rest.trim_start_matches(' ');
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return rest.strip_prefix(')'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_let_through() {
        for text in [
            "bigint",
            "numeric(22,2)",
            "timestamp(3) with time zone",
            "character varying(10)[]",
            "double precision",
            r#"public."My ""Mood"" type""#,
            "mood",
            "numeric(3,-2)",
        ] {
            assert!(is_type(Engine::Postgres, text), "{text}");
        }
        for text in ["bigint(20) unsigned zerofill", "enum('a','b c','it''s')", "datetime(6)", "decimal(40,10)"] {
            assert!(is_type(Engine::Mysql, text), "{text}");
        }
        for text in ["INTEGER", "VARCHAR(10)", "UNSIGNED BIG INT", "DOUBLE PRECISION"] {
            assert!(declared(Engine::Sqlite, text).is_ok(), "{text}");
        }
        assert_eq!(declared(Engine::Sqlite, "").unwrap(), "");
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "int); DROP TABLE t; --",
            "int DEFAULT (SELECT 1)",
            "int PRIMARY KEY",
            "int,x int",
            "int/**/",
            "int(1)(2)",
            "int(1+1)",
            "enum('a\\',DROP')",
            "enum('a)",
            "\"\"",
            "a.b.c",
            "\"a\" \"b\"",
            "int\nx",
        ] {
            assert!(declared(Engine::Postgres, text).is_err(), "{text}");
            assert!(declared(Engine::Mysql, text).is_err(), "{text}");
        }
        assert!(declared(Engine::Mysql, "\"a\"").is_err(), "a string there");
        assert!(declared(Engine::Sqlite, "\"a\"").is_err());
    }
}
