//! Rewrites `?` placeholders into an engine's own, and tells what a statement is, before it is sent.
//!
//! `??` stands for the operator `?` (PostgreSQL's `jsonb ?? 'key'`, `??|`, `??&`).

use std::borrow::Cow;

use super::lexer::{Kind, Token, tokens};
use super::{Engine, Statement, Value};
use crate::error::{Error, Result};

/// A statement's text in the engine's own spelling, and what sending it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prepared<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Whether it gives rows, and so columns even where no row comes.
    pub(super) gives_rows: bool,
    /// Whether it can change rows, so that a count of them means something.
    pub(super) changes_rows: bool,
    /// Whether it changes the session for those who get it from the pool later.
    pub(super) alters_session: bool,
}

/// One statement with as many placeholders as it has parameters.
pub(super) fn prepare(engine: Engine, text: &str, params: usize) -> Result<Prepared<'_>> {
    let facts = Facts::of(engine, text)?;
    if facts.placeholders != params {
        return Err(Error::input(format!(
            "a statement has {} and {params} given: {}",
            counted(facts.placeholders, "placeholder"),
            excerpt(text)
        )));
    }
    if facts.statements > 1 && !facts.has_body {
        return Err(Error::input(format!("more than one statement where one is expected: {}", excerpt(text))));
    }
    Ok(Prepared {
        text: rewrite(engine, text, &facts),
        gives_rows: facts.gives_rows,
        changes_rows: facts.changes_rows,
        alters_session: facts.alters_session,
    })
}

/// One statement for many rows of parameters; `None` where there is no row.
pub(super) fn prepare_many<'a>(
    engine: Engine,
    statement: &'a Statement,
    rows: &[Vec<Value>],
) -> Result<Option<Prepared<'a>>> {
    if !statement.params().is_empty() {
        return Err(Error::input("a statement for many rows has its parameters in the rows alone"));
    }
    let Some(first) = rows.first() else { return Ok(None) };
    let prepared = prepare(engine, statement.text(), first.len())?;
    if let Some((number, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != first.len()) {
        let (have, want) = (counted(row.len(), "value"), first.len());
        return Err(Error::input(format!("row {} has {have} where the first has {want}", number + 1)));
    }
    Ok(Some(prepared))
}

/// The text of a script, which has no parameters; `??` is `?` in it, too.
pub(super) fn prepare_script(engine: Engine, text: &str) -> Result<Cow<'_, str>> {
    let facts = Facts::of(engine, text)?;
    if facts.placeholders > 0 {
        return Err(Error::input(format!("a script can't have placeholders: {}", excerpt(text))));
    }
    Ok(rewrite(engine, text, &facts))
}

fn rewrite<'a>(engine: Engine, text: &'a str, facts: &Facts) -> Cow<'a, str> {
    let numbered = engine == Engine::Postgres && facts.placeholders > 0;
    if !numbered && !facts.has_escapes {
        return Cow::Borrowed(text);
    }
    let mut rewritten = String::with_capacity(text.len() + 2 * facts.placeholders);
    let mut number = 0_usize;
    for token in tokens(engine, text) {
        match token.kind {
            Kind::Placeholder if numbered => {
                number += 1;
                rewritten.push('$');
                rewritten.push_str(&number.to_string());
            }
            Kind::Question => rewritten.push('?'),
            _ => rewritten.push_str(token.text),
        }
    }
    Cow::Owned(rewritten)
}

#[derive(Debug, Default)]
struct Facts {
    placeholders: usize,
    has_escapes: bool,
    statements: usize,
    has_body: bool,
    gives_rows: bool,
    changes_rows: bool,
    alters_session: bool,
}

/// First words after which a session is not what it was: it is not given to others.
const ALTERING: &[&str] = &[
    "abort",
    "attach",
    "begin",
    "commit",
    "declare",
    "deallocate",
    "detach",
    "discard",
    "end",
    "execute",
    "flush",
    "handler",
    "listen",
    "load",
    "lock",
    "pragma",
    "prepare",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "set",
    "start",
    "unlisten",
    "unlock",
    "use",
];

/// Functions that lock for the session, not for the transaction.
const SESSION_LOCKS: &[&str] = &["pg_advisory_lock", "pg_try_advisory_lock", "get_lock"];

impl Facts {
    fn of(engine: Engine, text: &str) -> Result<Self> {
        let mut facts = Self::default();
        let (mut words, mut first, mut in_statement, mut after_placeholder) = (0_usize, "", false, false);
        for token in tokens(engine, text) {
            if after_placeholder
                && matches!(token.kind, Kind::Word | Kind::Literal | Kind::Placeholder | Kind::Question)
            {
                return Err(Error::input(format!("placeholder `?{}` in: {}", token.text, excerpt(text)))
                    .with_hint("placeholders are a bare `?`, without number or name"));
            }
            after_placeholder = token.kind == Kind::Placeholder;
            match token.kind {
                Kind::Space => continue,
                Kind::Placeholder => facts.placeholders += 1,
                Kind::Question => facts.has_escapes = true,
                Kind::Word => {
                    words += 1;
                    if words == 1 {
                        first = token.text;
                    }
                    facts.word(engine, token, words, first);
                }
                _ if token.is_mark(";") => {
                    in_statement = false;
                    continue;
                }
                _ => {}
            }
            if !in_statement {
                in_statement = true;
                facts.statements += 1;
            }
        }
        Ok(facts)
    }

    fn word(&mut self, engine: Engine, word: Token<'_>, number: usize, first: &str) {
        let is_one_of = |words: &[&str]| words.iter().any(|candidate| word.is_word(candidate));
        if number == 1 {
            // PostgreSQL's table locks end with their transaction.
            self.alters_session = is_one_of(ALTERING) && !(engine == Engine::Postgres && word.is_word("lock"));
            self.gives_rows = is_one_of(&["select", "with", "values", "table", "show"]);
            self.changes_rows = is_one_of(&["insert", "update", "delete", "replace", "merge", "copy"]);
        } else if number == 2 && engine == Engine::Postgres && first.eq_ignore_ascii_case("set") {
            // And so does what is set for one alone.
            self.alters_session &= !is_one_of(&["local", "transaction", "constraints"]);
        } else if first.eq_ignore_ascii_case("with") && is_one_of(&["insert", "update", "delete", "replace", "merge"]) {
            self.changes_rows = true;
        } else if first.eq_ignore_ascii_case("create") {
            // Their bodies hold statements of their own. SQLite, which would run what follows, knows triggers alone.
            let routine = number <= 12 && is_one_of(&["trigger", "procedure", "function", "event"]);
            self.has_body |= routine && (engine != Engine::Sqlite || (number <= 3 && word.is_word("trigger")));
        }
        self.gives_rows |= word.is_word("returning");
        self.alters_session |= is_one_of(SESSION_LOCKS);
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The beginning of a statement, on one line, for messages; values are never in it.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn postgres(text: &str, params: usize) -> Result<String> {
        prepare(Engine::Postgres, text, params).map(|prepared| prepared.text.into_owned())
    }

    #[test]
    fn placeholders_are_numbered_for_postgres_alone() -> Result<()> {
        assert_eq!(postgres("SELECT ?, '?', ? -- ?", 2)?, "SELECT $1, '?', $2 -- ?");
        assert_eq!(prepare(Engine::Mysql, "SELECT ?, ?", 2)?.text, "SELECT ?, ?");
        Ok(())
    }

    #[test]
    fn doubled_question_mark_is_the_operator() -> Result<()> {
        assert_eq!(postgres("SELECT a ?? 'k' AND b ??| ? AND c ??& ?", 2)?, "SELECT a ? 'k' AND b ?| $1 AND c ?& $2");
        assert_eq!(postgres("SELECT ?||'x'", 1)?, "SELECT $1||'x'");
        Ok(())
    }

    #[test]
    fn count_must_agree() {
        let error = postgres("SELECT ?, ?", 1).unwrap_err();
        assert_eq!(error.to_string(), "a statement has 2 placeholders and 1 given: SELECT ?, ?");
        assert!(postgres("SELECT 1", 1).is_err());
        assert!(postgres("SELECT ?1", 1).is_err(), "would become $11");
        assert!(prepare(Engine::Sqlite, "SELECT ?a", 1).is_err());
    }

    #[test]
    fn only_one_statement_at_a_time() {
        assert!(prepare(Engine::Sqlite, "SELECT 1; -- end\n ;", 0).is_ok());
        assert!(prepare(Engine::Sqlite, "SELECT 1; DROP TABLE t", 0).is_err());
        assert!(prepare(Engine::Sqlite, "SELECT ';' FROM t", 0).is_ok());
        let trigger = "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u; DELETE FROM v; END";
        assert!(prepare(Engine::Sqlite, trigger, 0).is_ok());
        assert!(prepare(Engine::Sqlite, "CREATE TABLE event (a); DROP TABLE t", 0).is_err());
        let procedure = "CREATE DEFINER=me@here PROCEDURE p() BEGIN DELETE FROM u; DELETE FROM v; END";
        assert!(prepare(Engine::Mysql, procedure, 0).is_ok());
        assert!(prepare_script(Engine::Sqlite, "SELECT 1; SELECT 2").is_ok());
        assert!(prepare_script(Engine::Sqlite, "SELECT ?").is_err());
    }

    #[test]
    fn rows_must_agree_with_the_statement() {
        let insert = crate::sql::sql("INSERT INTO t VALUES (?, ?)");
        let rows = |widths: &[usize]| widths.iter().map(|n| vec![Value::Int(1); *n]).collect::<Vec<_>>();
        let many = |statement: &Statement, rows: &[Vec<Value>]| {
            prepare_many(Engine::Sqlite, statement, rows).map(|prepared| prepared.is_some())
        };
        assert!(many(&insert, &rows(&[2, 2])).unwrap());
        assert!(!many(&insert, &[]).unwrap());
        assert!(many(&insert, &rows(&[3])).is_err());
        let error = many(&insert, &rows(&[2, 2, 1])).unwrap_err();
        assert_eq!(error.to_string(), "row 3 has 1 value where the first has 2");
        assert!(many(&insert.clone().bind(1), &rows(&[2])).is_err());
    }

    #[test]
    fn what_changes_rows_or_the_session_is_seen() -> Result<()> {
        let facts = |text| Facts::of(Engine::Postgres, text).map(|f| (f.changes_rows, f.alters_session));
        assert_eq!(facts("/* a */ insert into t values (1)")?, (true, false));
        assert_eq!(facts("WITH a AS (SELECT 1) DELETE FROM t")?, (true, false));
        assert_eq!(facts("WITH a AS (SELECT 1) SELECT 'delete' FROM t")?, (false, false));
        assert_eq!(facts("CREATE TABLE t (a int)")?, (false, false));
        assert_eq!(facts("set search_path = x")?, (false, true));
        for ends_with_the_transaction in ["LOCK TABLE t", "SET LOCAL lock_timeout = 1", "SET TRANSACTION READ ONLY"] {
            assert_eq!(facts(ends_with_the_transaction)?, (false, false), "{ends_with_the_transaction}");
        }
        let elsewhere = Facts::of(Engine::Mysql, "LOCK TABLES t WRITE")?;
        assert!(elsewhere.alters_session, "a lock of MariaDB's belongs to the session");
        assert_eq!(facts("SELECT pg_advisory_lock(1)")?, (false, true));
        assert_eq!(facts("SELECT pg_advisory_xact_lock(1)")?, (false, false));
        Ok(())
    }

    /// Parts with the number of placeholders in each, and what PostgreSQL gets.
    fn part() -> impl Strategy<Value = (&'static str, usize)> {
        prop::sample::select(vec![
            ("SELECT", 0),
            ("?", 1),
            ("'a ? b'", 0),
            ("'it''s ?'", 0),
            (r"E'\'?'", 0),
            ("$x$ ? $x$", 0),
            ("/* ? */", 0),
            ("/* /* ? */ ? */", 0),
            ("-- ?\n", 0),
            ("\"odd ? name\"", 0),
            ("??", 0),
            ("a1", 0),
            ("(?,?)", 2),
            ("12.5", 0),
            ("é", 0),
            ("::int", 0),
            ("->>", 0),
        ])
    }

    proptest! {
        #[test]
        fn every_placeholder_is_numbered_once_and_nothing_else_is_touched(parts in prop::collection::vec(part(), 0..30)) {
            let text = parts.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(" ");
            let count = parts.iter().map(|(_, count)| count).sum();
            let rewritten = postgres(&text, count).unwrap();
            let mut number = 0;
            let expected = parts.iter().map(|(text, count)| match (*text, *count) {
                ("??", _) => "?".to_owned(),
                (text, 0) => text.to_owned(),
                (text, count) => (0..count).fold(text.to_owned(), |text, _| {
                    number += 1;
                    text.replacen('?', &format!("${number}"), 1)
                }),
            });
            prop_assert_eq!(rewritten, expected.collect::<Vec<_>>().join(" "));
            prop_assert!(postgres(&text, count + 1).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", params in 0_usize..3) {
            for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mysql, Engine::Cratedb] {
                prepare(engine, &text, params).ok();
            }
        }
    }
}
