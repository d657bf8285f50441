//! Values keep their type and every digit, whichever way they go in and out.

use clusterkeep_core::sql::{Db, Engine, Records, SqlBuilder, TableName, Value, sql};
use clusterkeep_core::{Error, Result};
use futures::TryStreamExt as _;

use super::type_cases::{at, cases};
use super::{Subject, chain, fail, table};

/// Every type of the engine: written one by one and many at once, read at once and as a stream.
pub async fn round_trip(subject: &Subject) {
    let db = subject.connect().await;
    for case in cases(subject.engine()) {
        let name = table("round_trip");
        create(subject, &db, &name, case.declared).await;
        let mut expected = Vec::new();
        for (id, (written, read)) in (0_i64..).zip(&case.pairs) {
            let what = || format!("{} of type {:?}", brief(written), case.declared);
            let inserted = db.execute(insert(subject.engine(), &name).bind(id).bind(written.clone())).await;
            assert_eq!(inserted.unwrap_or_else(|e| fail(&what(), &e)), 1, "{}", what());
            expected.push(read);
        }
        let read = read(subject, &db, &name).await.unwrap_or_else(|e| fail(case.declared, &e));
        check(case.declared, &read, &expected);

        // The same values through the other ways in and out.
        let rows: Vec<Vec<Value>> =
            (1000_i64..).zip(&case.pairs).map(|(id, (value, _))| vec![id.into(), value.clone()]).collect();
        let mut session = db.session().await.unwrap();
        let changed = session.execute_many(&insert(subject.engine(), &name), &rows).await;
        assert_eq!(changed.unwrap_or_else(|e| fail(case.declared, &e)), rows.len() as u64);
        subject.refresh(&db, &name).await;
        let mut query = SqlBuilder::new(subject.engine());
        query.push("SELECT v FROM ").table(&name).push(" WHERE id >= 1000 ORDER BY id");
        let query = query.build();
        let streamed: Vec<_> = session.stream(&query).await.unwrap().try_collect().await.unwrap();
        let streamed: Vec<_> = streamed.into_iter().map(|row| row.into_values().remove(0)).collect();
        check(case.declared, &streamed, &expected);
        drop(session);
        drop_table(&db, &name).await;
    }
}

/// A type's declaration and NULL: whatever the column, NULL goes in and comes out.
pub async fn null_of_every_type(subject: &Subject) {
    let db = subject.connect().await;
    for case in cases(subject.engine()) {
        let name = table("nulls");
        create(subject, &db, &name, case.declared).await;
        let insert = insert(subject.engine(), &name);
        db.execute(insert.clone().bind(1).bind(Value::Null)).await.unwrap_or_else(|e| fail(case.declared, &e));
        let mut session = db.session().await.unwrap();
        let rows = [vec![2.into(), Value::Null], vec![3.into(), case.pairs[0].0.clone()], vec![4.into(), Value::Null]];
        session.execute_many(&insert, &rows).await.unwrap_or_else(|e| fail(case.declared, &e));
        let read = read(subject, &db, &name).await.unwrap_or_else(|e| fail(case.declared, &e));
        check(case.declared, &read, &[&Value::Null, &Value::Null, &case.pairs[0].1, &Value::Null]);
        drop_table(&db, &name).await;
    }
}

/// What has no form as a value is an error that names the column and its type, and never some other value.
pub async fn undecodable_is_an_error(subject: &Subject) {
    let db = subject.connect().await;
    let statements: &[&'static str] = match subject.engine() {
        Engine::Postgres => &[
            "SELECT 'infinity'::timestamptz AS odd",
            "SELECT '-infinity'::date AS odd",
            "SELECT 'NaN'::numeric AS odd",
            "SELECT '24:00'::time AS odd",
            "SELECT '(1,2)'::point AS odd",
            "SELECT 1 AS plain, ARRAY['(1,2)'::point] AS odd",
        ],
        Engine::Mysql => {
            &["SELECT 1 AS plain, ST_GeomFromText('POINT(1 1)') AS odd", "SELECT TIME('-01:00:00') AS odd"]
        }
        Engine::Cratedb => &["SELECT 1 AS plain, 9223372036854775000::bigint::timestamptz AS odd"],
        _ => &["SELECT CAST(x'ff' AS TEXT) AS odd"],
    };
    for statement in statements {
        let error = db.query(sql(statement)).await.expect_err(statement);
        let Error::Decode { column, type_name, .. } = &error else { panic!("{statement}: {}", chain(&error)) };
        assert_eq!(column, "odd", "{statement}");
        assert!(!type_name.is_empty(), "{statement}");
        // The session is not used again with half a result on its way.
        assert_eq!(db.query(sql("SELECT 7")).await.unwrap().scalar::<i64>().unwrap(), 7);
    }
}

/// Instants are one point in time, whatever zone they were written in.
pub async fn zones_are_converted(subject: &Subject) {
    let db = subject.connect().await;
    let statement = match subject.engine() {
        Engine::Postgres => sql("SELECT timestamptz '2013-07-01 08:34:56.789012-04'"),
        // The session is in UTC, so that a TIMESTAMP shows the instant that it keeps.
        Engine::Mysql => sql("SELECT TIMESTAMP'2013-07-01 12:34:56.789012'"),
        Engine::Cratedb => sql("SELECT '2013-07-01T08:34:56.789-04:00'::timestamptz"),
        _ => sql("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', '2013-07-01 08:34:56-04:00')"),
    };
    let records = db.query(statement).await.unwrap();
    let expected = match subject.engine() {
        Engine::Postgres => at("2013-07-01T12:34:56.789012Z"),
        Engine::Mysql => Value::DateTime("2013-07-01T12:34:56.789012".parse().unwrap()),
        Engine::Cratedb => at("2013-07-01T12:34:56.789Z"),
        _ => "2013-07-01T12:34:56Z".into(),
    };
    assert_eq!(records.one().unwrap().values(), [expected]);
    let now = match subject.engine() {
        Engine::Mysql => sql("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"),
        Engine::Postgres => sql("SELECT extract(timezone FROM now())::bigint"),
        _ => return,
    };
    assert_eq!(db.query(now).await.unwrap().scalar::<i64>().unwrap(), 0, "the session is not in UTC");
}

async fn create(subject: &Subject, db: &Db, name: &TableName, declared: &'static str) {
    let mut create = SqlBuilder::new(subject.engine());
    create.push("CREATE TABLE ").table(name).push(" (id BIGINT, v ").push(declared).push(")");
    db.execute(create.build()).await.unwrap_or_else(|error| fail(declared, &error));
}

async fn drop_table(db: &Db, name: &TableName) {
    let mut drop = SqlBuilder::new(db.engine());
    drop.push("DROP TABLE ").table(name);
    db.execute(drop.build()).await.unwrap();
}

fn insert(engine: Engine, name: &TableName) -> clusterkeep_core::sql::Statement {
    let mut insert = SqlBuilder::new(engine);
    insert.push("INSERT INTO ").table(name).push(" (id, v) VALUES (?, ?)");
    insert.build()
}

async fn read(subject: &Subject, db: &Db, name: &TableName) -> Result<Vec<Value>> {
    subject.refresh(db, name).await;
    let mut query = SqlBuilder::new(subject.engine());
    query.push("SELECT v FROM ").table(name).push(" ORDER BY id");
    let records: Records = db.query(query.build()).await?;
    Ok(records.into_iter().map(|row| row.into_values().remove(0)).collect())
}

fn check(declared: &str, read: &[Value], expected: &[&Value]) {
    assert_eq!(read.len(), expected.len(), "{declared}");
    for (read, expected) in read.iter().zip(expected) {
        assert!(same(read, expected), "{declared}: {} came back as {}", brief(expected), brief(read));
    }
}

/// Equality to the last digit and sign, with NaN equal to itself.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::Decimal(a), Value::Decimal(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

fn brief(value: &Value) -> String {
    let text = format!("{value:?}");
    text.chars().take(120).collect()
}
