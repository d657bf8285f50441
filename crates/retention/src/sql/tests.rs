//! What is generated is one statement of the kind and for the table that it is meant to be, whatever the names are.
//!
//! Case 25, held against a parser that this program did not write.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Engine, Ident, Statement, TableName};
use proptest::prelude::*;
use sqlparser::ast::{self, FromTable, ObjectName, ObjectNamePart, SetExpr, TableFactor, TableObject};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::{RollupSql, Runs, SourceSql, Sums, TimeKind};
use crate::aggregate::Extras;
use crate::model::{Coverage, Extra, Meaning, percent};
use clusterkeep_core::age::hours;

const HOSTILE: [&str; 9] = [
    r#"x"; DROP TABLE users; --"#,
    "x'; DELETE FROM users; --",
    "a.b",
    "select",
    "Grüße 🦀",
    "`tick`",
    "/* x */",
    "$1",
    "?",
];

fn parse(engine: Engine, statement: &Statement) -> ast::Statement {
    let dialect: &dyn Dialect = match engine {
        Engine::Sqlite => &SQLiteDialect {},
        Engine::Mysql => &MySqlDialect {},
        _ => &PostgreSqlDialect {},
    };
    // A bare `?` is an operator of PostgreSQL; within quotes it is part of a name.
    let mut quoted = false;
    let numbered = |c| {
        quoted ^= c == engine.quote();
        if c == '?' && !quoted && engine == Engine::Postgres { "$1".to_owned() } else { String::from(c) }
    };
    let text: String = statement.text().chars().map(numbered).collect();
    let mut parsed = Parser::parse_sql(dialect, &text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(parsed.len(), 1, "{text}");
    parsed.remove(0)
}

fn is(name: &ObjectName, table: &TableName) -> bool {
    let parts: Vec<_> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(|ident| ident.value.as_str()).collect();
    let wanted: Vec<_> = table.schema.iter().map(Ident::as_str).chain([table.name.as_str()]).collect();
    parts == wanted
}

fn from_one(table: &ast::TableWithJoins, wanted: &TableName) -> bool {
    table.joins.is_empty() && matches!(&table.relation, TableFactor::Table { name, .. } if is(name, wanted))
}

fn check(engine: Engine, names: [&str; 5]) {
    let ident = |text: &str| Ident::new(text).unwrap();
    let [schema, table, target, column, series] = names.map(ident);
    let source_table = TableName::within(schema.clone(), table);
    let target = TableName::within(schema, target);
    let kind = if engine == Engine::Sqlite {
        TimeKind::Count(Meaning::EpochSeconds.count().unwrap())
    } else {
        TimeKind::Instant
    };
    let source = SourceSql {
        engine,
        table: source_table.clone(),
        time: column.clone(),
        kind,
        singles: Vec::new(),
        parts: Vec::new(),
        key_base: None,
    };
    let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
    let runs = Runs::of(&Every::Day.boundaries(Berlin, start, start + TimeDelta::days(60))).unwrap();
    let columns = [column];
    let by = [series];
    let rollup = RollupSql {
        source: &source,
        target: &target,
        by: &by,
        sums: Sums { columns: &columns, by: &by, rolled: false },
        extras: Extras::of(&Extra::ALL),
    };

    match parse(engine, &rollup.fill(&runs)) {
        ast::Statement::Insert(insert) => {
            assert!(matches!(&insert.table, TableObject::TableName(name) if is(name, &target)));
            let Some(query) = insert.source else { panic!("nothing is inserted") };
            let SetExpr::Select(select) = *query.body else { panic!("no select") };
            assert!(select.from.len() == 1 && from_one(&select.from[0], &source_table));
        }
        other => panic!("{other}"),
    }
    match parse(engine, &rollup.clear(runs.from(), runs.until())) {
        ast::Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            assert!(from.len() == 1 && from_one(&from[0], &target), "{delete}");
            assert!(delete.selection.is_some(), "a delete without a condition: {delete}");
        }
        other => panic!("{other}"),
    }
    match parse(engine, &rollup.create(&[], &runs)) {
        ast::Statement::CreateTable(create) => assert!(is(&create.name, &target) && create.if_not_exists),
        other => panic!("{other}"),
    }
    match parse(engine, &rollup.insert()) {
        ast::Statement::Insert(insert) => {
            assert!(matches!(&insert.table, TableObject::TableName(name) if is(name, &target)));
        }
        other => panic!("{other}"),
    }
    for (statement, table) in [
        (rollup.rows(runs.from(), runs.until(), Extras::default()), &source_table),
        (rollup.states(runs.from(), runs.until()), &target),
    ] {
        let ast::Statement::Query(query) = parse(engine, &statement) else { panic!("no query") };
        let SetExpr::Select(select) = *query.body else { panic!("no select") };
        assert!(select.from.len() == 1 && from_one(&select.from[0], table));
    }
    let coverage = Coverage { min: percent(50), step: hours(1) };
    for statement in rollup.unknown(&[runs.from(), runs.until()], coverage) {
        match parse(engine, &statement) {
            ast::Statement::Update(update) => assert!(from_one(&update.table, &target) && update.selection.is_some()),
            other => panic!("{other}"),
        }
    }
    if let Some(index) = rollup.create_index() {
        assert!(matches!(parse(engine, &index), ast::Statement::CreateIndex(_)));
    }
}

#[test]
fn case_25_hostile_names_stay_names() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mysql] {
        for at in 0..HOSTILE.len() {
            check(engine, std::array::from_fn(|nth| HOSTILE[(at + nth) % HOSTILE.len()]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn case_25_any_name_stays_a_name(names in prop::array::uniform5("[^\u{0}]{1,20}")) {
        for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mysql] {
            check(engine, [&names[0], &names[1], &names[2], &names[3], &names[4]]);
        }
    }
}
