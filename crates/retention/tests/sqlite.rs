//! What is particular to SQLite: which indexes help, and what a delete would set off.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use clusterkeep_core::age::days;
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_retention::model::{Meaning, Policy, percent};
use clusterkeep_retention::{Planned, Retention};

async fn plan(db: &Db, table: &str) -> Planned {
    let policy = Policy::for_table(table).time("ts").meaning(Meaning::EpochSeconds).drop_after(days(1));
    let retention = Retention::new(db.clone()).policy(policy.max_share(percent(100)));
    retention.plan("2026-01-01T00:00:00Z".parse().unwrap()).await.unwrap()
}

async fn memory(script: &'static str) -> Db {
    let options = ConnectOptions::default().create().max_sessions(1);
    let db = Db::connect_with(&"sqlite::memory:".parse().unwrap(), options).await.unwrap();
    db.session().await.unwrap().execute_script(&sql(script)).await.unwrap();
    db
}

fn refused(plan: &Planned) -> Option<String> {
    plan.refused().next().map(|verdict| verdict.reason.to_string())
}

#[tokio::test]
async fn a_large_table_needs_an_index_that_begins_with_its_time() {
    let db = memory(
        "CREATE TABLE n (n INTEGER);
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 150000) INSERT INTO n SELECT n FROM s;
         CREATE TABLE bare (ts INTEGER, v INTEGER); INSERT INTO bare SELECT 1700000000 + n, n FROM n;
         CREATE TABLE key (ts INTEGER PRIMARY KEY, v INTEGER); INSERT INTO key SELECT 1700000000 + n, n FROM n;
         CREATE TABLE pair (ts INTEGER, v INTEGER, PRIMARY KEY (ts, v)) WITHOUT ROWID; INSERT INTO pair SELECT 1700000000 + n, n FROM n;
         CREATE TABLE other (ts INTEGER, v INTEGER, PRIMARY KEY (v, ts)) WITHOUT ROWID; INSERT INTO other SELECT 1700000000 + n, n FROM n;
         CREATE TABLE few (ts INTEGER); INSERT INTO few SELECT 1700000000 + n * 1000 FROM n LIMIT 999;",
    )
    .await;
    let no_index = "no index begins with the column of time: each slice would read the whole table";
    for table in ["bare", "other"] {
        assert_eq!(refused(&plan(&db, table).await).as_deref(), Some(no_index), "{table}");
    }
    for table in ["key", "pair", "few"] {
        let plan = plan(&db, table).await;
        assert!(refused(&plan).is_none() && !plan.is_empty(), "{table}: {plan}");
    }
    for useless in [
        "CREATE INDEX part ON bare (ts) WHERE v > 5",
        "CREATE INDEX second ON bare (v, ts)",
        "CREATE INDEX computed ON bare (ts + 0)",
    ] {
        db.execute(sql(useless)).await.unwrap();
        assert_eq!(refused(&plan(&db, "bare").await).as_deref(), Some(no_index), "{useless}");
    }
    db.execute(sql("CREATE INDEX first ON bare (ts, v)")).await.unwrap();
    assert_eq!(refused(&plan(&db, "bare").await), None);
}

#[tokio::test]
async fn a_trigger_is_found_however_it_is_laid_out() {
    let db = memory(
        "CREATE TABLE raw (ts INTEGER); INSERT INTO raw VALUES (1700000000), (1700900000); CREATE TABLE log (n INTEGER);
         CREATE TRIGGER hidden AFTER
             DELETE/* of a row */ON raw BEGIN INSERT INTO log VALUES (1); END;",
    )
    .await;
    let why = refused(&plan(&db, "raw").await).unwrap();
    assert!(why.contains("trigger hidden"), "{why}");
}
