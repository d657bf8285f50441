//! Tells a statement that only reads from any other, by parsing it. Pure.
//!
//! It is the outer of two fences; the inner one is a session that the engine itself keeps from writing. Each stops what
//! the other can't: a read-only transaction of PostgreSQL still runs `COPY ... TO PROGRAM`, and a parser can't know what
//! a function does.

use std::ops::ControlFlow;

use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, Result};
use sqlparser::ast::{Query, Select, Statement, Visit, Visitor};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// Checks that `text` is one statement that only reads.
///
/// # Errors
///
/// Text that does not parse, several statements, and a statement that does or may do something else than reading.
pub(super) fn only_reads(text: &str, engine: Engine) -> Result<()> {
    let statement = one(text, engine)?;
    // MySQL and MariaDB run what stands in these comments, and MariaDB's own kind is none that the parser knows.
    let comment = text.to_ascii_lowercase();
    if engine == Engine::Mysql && (comment.contains("/*!") || comment.contains("/*m!")) {
        return Err(refused("has a comment that the server runs"));
    }
    match statement.visit(&mut Reading) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => Err(refused(what)),
    }
}

/// Whether the statement may give rows; else what counts is how many it changes.
pub(super) fn gives_rows(text: &str, engine: Engine) -> bool {
    match one(text, engine) {
        Ok(Statement::Insert(insert)) => insert.returning.is_some(),
        Ok(Statement::Update(update)) => update.returning.is_some(),
        Ok(Statement::Delete(delete)) => delete.returning.is_some(),
        _ => true,
    }
}

fn one(text: &str, engine: Engine) -> Result<Statement> {
    let dialect: &dyn Dialect = match engine {
        Engine::Sqlite => &SQLiteDialect {},
        Engine::Mysql => &MySqlDialect {},
        // CrateDB speaks PostgreSQL's dialect, near enough to tell reading from writing.
        _ => &PostgreSqlDialect {},
    };
    let mut statements = Parser::parse_sql(dialect, text).map_err(|error| Error::Input {
        what: "parse the statement".into(),
        place: None,
        hint: Some("a statement that can't be parsed can't be known to read only; run it with --write".into()),
        source: Some(error.into()),
    })?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Error::input("there is no statement").with_hint("write one, such as `SELECT 1`")),
        (Some(_), false) => {
            Err(Error::input("there is more than one statement").with_hint("run them one after the other"))
        }
    }
}

fn refused(what: &str) -> Error {
    Error::refused(format!("the statement {what}"))
        .with_hint("without --write it only reads, by SELECT, VALUES, SHOW or EXPLAIN")
}

/// Breaks with what is wrong at the first part that is not for reading.
struct Reading;

impl Visitor for Reading {
    type Break = &'static str;

    // Called for the statement itself and for those within it: the parts of a WITH, and what EXPLAIN explains.
    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
        match statement {
            Statement::Explain { analyze: true, .. } => ControlFlow::Break("runs what it explains"),
            Statement::Explain { options: Some(options), .. }
                if options.iter().any(|option| option.name.value.eq_ignore_ascii_case("analyze")) =>
            {
                ControlFlow::Break("runs what it explains")
            }
            statement if reads(statement) => ControlFlow::Continue(()),
            _ => ControlFlow::Break("does not only read"),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if query.locks.is_empty() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break("locks the rows that it reads")
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        if select.into.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break("writes what it selects") }
    }
}

/// Whether this kind of statement is one for reading.
const fn reads(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::ExplainTable { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowVariable { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowCreate { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowProcessList { .. }
            | Statement::ShowSchemas { .. }
            | Statement::ShowCharset(_)
            | Statement::ShowTables { .. }
            | Statement::ShowViews { .. }
            | Statement::ShowCollation { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Engine; 4] = [Engine::Sqlite, Engine::Postgres, Engine::Mysql, Engine::Cratedb];

    #[test]
    fn reading_is_let_through() {
        for text in [
            "SELECT 1",
            "select count(*) from observations where temp > 95.0 -- the hot ones",
            "SELECT 1;",
            "VALUES (1), (2)",
            "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2",
            "SELECT * FROM (SELECT 1 AS a) AS t WHERE EXISTS (SELECT 1)",
            "EXPLAIN SELECT 1",
            "SELECT 'DELETE FROM t; /* INTO */ FOR UPDATE'",
            "SELECT \"insert\" FROM t",
        ] {
            for engine in ALL {
                assert!(only_reads(text, engine).is_ok(), "{engine}: {text}");
            }
        }
        assert!(only_reads("EXPLAIN QUERY PLAN SELECT 1", Engine::Sqlite).is_ok());
        assert!(only_reads("SHOW search_path", Engine::Postgres).is_ok());
        assert!(only_reads("EXPLAIN (FORMAT json) SELECT 1", Engine::Postgres).is_ok());
        assert!(only_reads("SHOW CREATE TABLE t", Engine::Cratedb).is_ok());
        assert!(only_reads("SELECT tags['a'] FROM sys.nodes", Engine::Cratedb).is_ok());
        assert!(only_reads("SHOW VARIABLES LIKE 'version'", Engine::Mysql).is_ok());
        assert!(only_reads("DESCRIBE t", Engine::Mysql).is_ok());
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            "",
            ";",
            "-- nothing",
            "SELECT 1; DELETE FROM t",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "DROP TABLE t",
            "TRUNCATE TABLE t",
            "CREATE TABLE t AS SELECT 1",
            "ALTER TABLE t ADD COLUMN a INT",
            "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a",
            "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            "SELECT * INTO t FROM s",
            "SELECT * FROM (SELECT 1 INTO t) AS x",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) AS x",
            "EXPLAIN ANALYZE SELECT 1",
            "EXPLAIN DELETE FROM t",
            "EXPLAIN ANALYZE DELETE FROM t",
            "SET x = 1",
            "BEGIN",
            "COMMIT",
            "CALL f()",
            "GRANT ALL ON t TO u",
            "PRAGMA journal_mode = DELETE",
            "ATTACH DATABASE 'x' AS y",
            "VACUUM",
            "COPY t TO PROGRAM 'rm -rf /'",
            "COPY (SELECT 1) TO '/tmp/x'",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "KILL 5",
            "SELECT",
            "this is no SQL",
        ] {
            for engine in ALL {
                assert!(only_reads(text, engine).is_err(), "{engine}: {text}");
            }
        }
        for text in ["EXPLAIN (ANALYZE) SELECT 1", "EXPLAIN (VERBOSE, ANALYZE true) DELETE FROM t"] {
            assert!(only_reads(text, Engine::Postgres).is_err(), "{text}");
        }
        for text in [
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SELECT 1 INTO DUMPFILE '/tmp/x'",
            "SELECT 1 INTO @x",
            "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
            "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
            "SELECT 1 /*M! INTO OUTFILE '/tmp/x' */",
            "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
            "HANDLER t OPEN",
        ] {
            assert!(only_reads(text, Engine::Mysql).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        let text = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
        assert!(only_reads(&text, Engine::Postgres).is_err());
    }

    #[test]
    fn rows_are_known_to_come_or_not() {
        assert!(!gives_rows("INSERT INTO t VALUES (1)", Engine::Sqlite));
        assert!(gives_rows("DELETE FROM t RETURNING a", Engine::Sqlite));
        assert!(gives_rows("SELECT 1", Engine::Sqlite));
    }
}
