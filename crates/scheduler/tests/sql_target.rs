//! Statements as jobs, on SQLite and PostgreSQL.

#![cfg(all(feature = "sql", feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_scheduler::target::{Addresses, Sql, SqlRunner};
use clusterkeep_scheduler::{Job, RunRecord, RunState, Scheduler, Target, TargetKind, Targets, Triggered};
use clusterkeep_testkit::servers;

async fn once(target: impl Into<Target>) -> RunRecord {
    let targets = Targets::none().with(TargetKind::Sql, SqlRunner::on(Addresses));
    let job = Job::named("it").target(target).at("2100-01-01T00:00:00Z".parse().unwrap());
    let triggered = Scheduler::builder().targets(targets).job(job).trigger("it").await.unwrap();
    let Triggered::Ran(run) = triggered else { panic!("it ran elsewhere") };
    *run
}

fn on(cluster: &str, statements: &[&str]) -> Sql {
    Sql { cluster: Some(cluster.to_owned()), ..Sql::of(statements.iter().copied()) }
}

/// What holds on any engine with transactions.
async fn conformance(url: &str) {
    let sequence = on(
        url,
        &[
            "CREATE TABLE t (a BIGINT, b TEXT); INSERT INTO t VALUES (1, 'x;y'), (2, NULL)",
            "DELETE FROM t WHERE a = 2",
            "SELECT a, b FROM t",
        ],
    );
    let run = once(sequence).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.error);
    assert_eq!(run.result, Some(serde_json::json!([{ "a": 1, "b": "x;y" }])));
    assert_eq!(run.message.as_deref(), Some("4 statements: 1 rows read, 3 changed"));
    assert!(run.output.unwrap().ends_with("DELETE FROM t WHERE a = 2: 1 rows changed\nSELECT a, b FROM t: 1 rows\n"));

    // The first that fails ends the run; those before it stay, unless it is one transaction.
    let run = once(on(url, &["INSERT INTO t VALUES (3, 'c')", "SELECT * FROM nowhere", "DELETE FROM t"])).await;
    assert_eq!(run.state, RunState::Failed);
    let error = run.error.unwrap();
    assert!(error.starts_with("statement 2 of 3 (`SELECT * FROM nowhere`)") && error.contains("nowhere"), "{error}");
    assert_eq!(run.output.as_deref(), Some("INSERT INTO t VALUES (3, 'c'): 1 rows changed\n"));
    let run = once(Sql { transaction: true, ..on(url, &["DELETE FROM t", "SELECT * FROM nowhere"]) }).await;
    assert_eq!(run.state, RunState::Failed);
    let run =
        once(Sql { transaction: true, ..on(url, &["DELETE FROM t WHERE a = 3", "SELECT count(*) AS n FROM t"]) }).await;
    assert_eq!(run.result, Some(serde_json::json!([{ "n": 1 }])), "{:?}", run.error);

    // What may not write does not.
    let run = once(Sql { write: false, ..on(url, &["DELETE FROM t"]) }).await;
    assert_eq!(run.state, RunState::Failed);
    let run = once(Sql { write: false, ..on(url, &["SELECT a FROM t"]) }).await;
    assert_eq!(run.result, Some(serde_json::json!([{ "a": 1 }])), "{:?}", run.error);

    // Many rows are counted and not kept.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i FROM n";
    let run = once(on(url, &[many])).await;
    assert_eq!((run.result, run.message.as_deref()), (None, Some("1 statement: 50000 rows read, 0 changed")));
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let url = format!("sqlite://{}", path.display());
    let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default().create()).await.unwrap();
    db.execute(sql("CREATE TABLE made (a BIGINT)")).await.unwrap();
    db.close().await;
    conformance(&url).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    conformance(database.url()).await;
    // A statement that waits is stopped on the server, too.
    let url = database.url();
    let slow = Job::named("it").target(on(url, &["SELECT pg_sleep(3600)"])).timeout("300ms".parse().unwrap());
    let targets = Targets::none().with(TargetKind::Sql, SqlRunner::on(Addresses));
    let job = slow.at("2100-01-01T00:00:00Z".parse().unwrap());
    let Triggered::Ran(run) = Scheduler::builder().targets(targets).job(job).trigger("it").await.unwrap() else {
        panic!("it ran elsewhere")
    };
    assert_eq!(run.state, RunState::Failed);
    let left = || async {
        let asked =
            "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
        once(on(url, &[asked])).await.result.unwrap()[0]["n"].as_i64().unwrap()
    };
    for _ in 0..50 {
        if left().await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the statement goes on");
}

#[tokio::test]
async fn a_password_is_a_reference() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("address");
    std::fs::write(&address, "sqlite::memory:\n").unwrap();
    let run = once(on(&format!("file:{}", address.display()), &["SELECT 1 AS a"])).await;
    assert_eq!(run.result, Some(serde_json::json!([{ "a": 1 }])), "{:?}", run.error);
    let run = once(on("postgres://u@127.0.0.1:1/x?password=env:CLUSTERKEEP_NO_SUCH", &["SELECT 1"])).await;
    assert!(run.error.unwrap().contains("CLUSTERKEEP_NO_SUCH"));
    let run = once(Sql::of(["SELECT 1"])).await;
    assert!(run.error.unwrap().contains("names no cluster"));
}
