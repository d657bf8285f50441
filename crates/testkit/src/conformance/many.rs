//! One statement for many rows.

use clusterkeep_core::sql::{Engine, Value, sql};
use clusterkeep_core::{ErrorClass, ExitCode};

use super::{Subject, fail, must_be, table};

const INSERT: &str = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)";
const COLUMNS: &str = "a BIGINT PRIMARY KEY, b DOUBLE PRECISION, c VARCHAR(100)";

fn rows(numbers: impl IntoIterator<Item = i32>) -> Vec<Vec<Value>> {
    let odd = |n| n % 7 == 3;
    numbers
        .into_iter()
        .map(|n| {
            vec![n.into(), if odd(n) { Value::Null } else { f64::from(n).sqrt().into() }, format!("row {n} 'é'").into()]
        })
        .collect()
}

/// More rows than one statement takes, and every one of them as it was given.
pub async fn inserts_and_reads_back(subject: &Subject) {
    const COUNT: i32 = 30_011;
    let db = subject.connect().await;
    subject.create(&db, &table("t"), COLUMNS).await;
    let mut session = db.session().await.unwrap();
    let all = rows(0..COUNT);
    let changed = session.execute_many(&sql(INSERT), &all).await.unwrap_or_else(|error| fail("many rows", &error));
    assert_eq!(changed, all.len() as u64);
    assert_eq!(session.execute_many(&sql(INSERT), &[]).await.unwrap(), 0);
    subject.refresh(&db, &table("t")).await;
    let query = sql("SELECT a, b, c FROM t ORDER BY a");
    let read: Vec<_> = session.query(&query).await.unwrap().into_iter().map(|row| row.into_values()).collect();
    assert_eq!(read.len(), all.len());
    assert!(read == all, "first difference: {:?}", read.iter().zip(&all).find(|(read, written)| read != written));
}

/// Statements other than a plain insert, and inserts that keep what is there.
pub async fn any_statement(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), COLUMNS).await;
    let mut session = db.session().await.unwrap();
    session.execute_many(&sql(INSERT), &rows(0..10)).await.unwrap();
    subject.refresh(&db, &table("t")).await;
    let update = sql("UPDATE t SET c = ? WHERE a = ?");
    let pairs: Vec<Vec<Value>> = (5..15).map(|n| vec!["changed".into(), n.into()]).collect();
    let changed = session.execute_many(&update, &pairs).await.unwrap_or_else(|error| fail("an update", &error));
    assert_eq!(changed, 5);
    let keep = match subject.engine() {
        Engine::Mysql => sql("INSERT IGNORE INTO t (a, b, c) VALUES (?, ?, ?)"),
        _ => sql("INSERT INTO t (a, b, c) VALUES (?, ?, ?) ON CONFLICT (a) DO NOTHING"),
    };
    let changed = session.execute_many(&keep, &rows(8..12)).await.unwrap_or_else(|error| fail("ON CONFLICT", &error));
    assert_eq!(changed, 2);
    subject.refresh(&db, &table("t")).await;
    let kept = db.query(sql("SELECT count(*) FROM t WHERE c = 'changed'")).await.unwrap();
    assert_eq!(kept.scalar::<i64>().unwrap(), 5);
}

/// Rows that don't fit the statement are bad input, and nothing is sent.
pub async fn wrong_widths_are_refused(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), COLUMNS).await;
    let mut session = db.session().await.unwrap();
    let mut ragged = rows(0..3);
    ragged[1].pop();
    for error in [
        session.execute_many(&sql(INSERT), &ragged).await.unwrap_err(),
        session.execute_many(&sql(INSERT).bind(1), &rows(0..1)).await.unwrap_err(),
    ] {
        assert_eq!(ExitCode::from(&error), ExitCode::BadInput, "{error}");
    }
    assert_eq!(subject.count(&db, &table("t")).await, 0);
}

/// One row that fails takes all with it.
pub async fn is_atomic(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), COLUMNS).await;
    let mut session = db.session().await.unwrap();
    let mut twice = rows(0..30_000);
    twice.push(twice[0].clone());
    must_be(ErrorClass::DuplicateKey, session.execute_many(&sql(INSERT), &twice).await);
    assert_eq!(subject.count(&db, &table("t")).await, 0);
    session.execute_many(&sql(INSERT), &rows(0..10)).await.unwrap_or_else(|error| fail("the session goes on", &error));
    assert_eq!(subject.count(&db, &table("t")).await, 10);
}

/// In an open transaction it is part of it; where it fails, only it is undone.
pub async fn within_a_transaction(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), COLUMNS).await;
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap();
    session.execute_many(&sql(INSERT), &rows(0..10)).await.unwrap();
    must_be(ErrorClass::DuplicateKey, session.execute_many(&sql(INSERT), &rows([20, 21, 20])).await);
    assert_eq!(subject.count(&db, &table("t")).await, 0, "nothing is committed yet");
    session.execute_many(&sql(INSERT), &rows(30..40)).await.unwrap_or_else(|error| fail("go on", &error));
    session.commit().await.unwrap_or_else(|error| fail("commit", &error));
    assert_eq!(subject.count(&db, &table("t")).await, 20);
    session.begin().await.unwrap();
    session.execute_many(&sql(INSERT), &rows(50..60)).await.unwrap();
    session.rollback().await.unwrap();
    assert_eq!(subject.count(&db, &table("t")).await, 20);
}
