//! Replication between two CrateDBs: its beginning, its lag, and its end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use chrono::Utc;
use clusterkeep_core::ExitCode;
use clusterkeep_core::copy::replicate::{Reason, Replication, TableState, Upstream};
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::sql::{Db, Engine, Ident, Statement};
use clusterkeep_testkit::servers;
use tempfile::TempDir;

const PASSWORD: &str = "p&w'd?=ü/%";

async fn run(db: &Db, text: &str) {
    db.execute(Statement::assert_safe(text)).await.unwrap();
}

async fn count(db: &Db, table: &str) -> i64 {
    run(db, &format!("REFRESH TABLE {table}")).await;
    db.query(Statement::assert_safe(format!("SELECT count(*) FROM {table}"))).await.unwrap().scalar().unwrap()
}

struct Two {
    source: Db,
    target: Db,
    upstream: Upstream,
    folder: TempDir,
    _servers: [LocalServer; 2],
}

impl Two {
    async fn start() -> Option<Self> {
        let (one, two) = (servers::private(Engine::Cratedb).await?, servers::private(Engine::Cratedb).await?);
        let source = Db::connect(one.url()).await.unwrap();
        let target = Db::connect(two.url()).await.unwrap();
        run(&source, &format!("CREATE USER repl WITH (password = '{}')", PASSWORD.replace('\'', "''"))).await;
        run(&source, "GRANT AL TO repl").await;
        run(&source, "GRANT DQL ON SCHEMA doc TO repl").await;
        let upstream = Upstream::new("127.0.0.1", "repl").password(Secret::new(PASSWORD)).port(one.ports()[1]);
        Some(Self { source, target, upstream, folder: tempfile::tempdir().unwrap(), _servers: [one, two] })
    }

    fn replication(&self) -> Replication {
        // A table of CrateDB 6.4 was seen to stay in the state of being copied though its copy was done: then this fails,
        // and does not wait for an hour.
        Replication::new(self.source.clone(), self.target.clone())
            .state_folder(self.folder.path())
            .timeout(Duration::from_secs(180))
    }
}

#[tokio::test]
async fn tables_follow_until_the_end_is_planned_and_applied() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, "CREATE TABLE doc.t (a BIGINT PRIMARY KEY, b TEXT) WITH (number_of_replicas = 0)").await;
    run(&two.source, "INSERT INTO doc.t SELECT g, 'x' FROM generate_series(1, 1000) g (g)").await;
    run(&two.source, "CREATE TABLE doc.\"o'dd\" (a INT, day INT) PARTITIONED BY (day) WITH (number_of_replicas = 0)")
        .await;
    run(&two.source, "INSERT INTO doc.\"o'dd\" VALUES (1, 1), (2, 2)").await;
    count(&two.source, "doc.t").await;
    let replication = two.replication();
    let plan = replication.plan(Utc::now()).await.unwrap();
    let shown = plan.to_string();
    assert!(shown.contains("publish 2 tables as clusterkeep, then subscribe to clusterkeep"), "{shown}");
    let published = Statement::assert_safe("SELECT pubname FROM pg_catalog.pg_publication");
    assert!(two.source.query(published).await.unwrap().is_empty(), "a plan changes nothing");
    let report = replication.apply(&plan, plan.hash.into(), &two.upstream).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(count(&two.target, "doc.t").await, 1000);

    run(&two.source, "INSERT INTO doc.t (a) SELECT g FROM generate_series(2001, 2500) g (g)").await;
    count(&two.source, "doc.t").await;
    let mut lag = Vec::new();
    for _ in 0..100 {
        count(&two.target, "doc.t").await;
        lag = replication.lag().await.unwrap();
        if lag.iter().all(|table| table.behind == Some(0)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(lag.iter().all(|table| table.state == TableState::Following && table.behind == Some(0)), "{lag:?}");
    assert_eq!((lag[1].source_rows, lag[1].target_rows), (1500, Some(1500)));

    // The password is nowhere: not here, and not in the target's own log of what was run.
    let log = two.target.query(Statement::assert_safe("SELECT stmt FROM sys.jobs_log")).await.unwrap().to_string();
    let audit = std::fs::read_to_string(two.folder.path().join("changes.jsonl")).unwrap();
    assert!(log.contains("CREATE SUBSCRIPTION") && audit.contains("subscribe"), "{log}");
    let encoded = "p%26w%27d%3F%3D%C3%BC%2F%25";
    for secret in [PASSWORD, encoded] {
        assert!(!format!("{shown}{plan:?}{report:?}{audit}{log}{replication:?}").contains(secret));
    }

    // Once more: there is nothing to do. Another set of tables is another publication.
    let again = replication.plan(Utc::now()).await.unwrap();
    assert!(again.is_empty() && again.refused().next().is_none(), "{again}");
    let other = replication.clone().tables(["doc.t".parse().unwrap()]).plan(Utc::now()).await.unwrap();
    assert!(matches!(other.refused().next().unwrap().reason, Reason::OtherTables { .. }), "{other}");

    let end = replication.plan_end(Utc::now()).await.unwrap();
    assert!(end.to_string().contains("stays as it is, up to date, and can be written to"), "{end}");
    let report = replication.apply(&end, end.hash.into(), &two.upstream).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    run(&two.target, "INSERT INTO doc.t (a) VALUES (-1)").await;
    let end = replication.plan_end(Utc::now()).await.unwrap();
    assert!(end.is_empty() && end.refused().next().is_none(), "{end}");
}

#[tokio::test]
async fn what_would_fail_is_refused_and_what_fails_leaves_a_rerun_that_converges() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, "CREATE TABLE doc.t (a BIGINT) WITH (number_of_replicas = 0)").await;
    run(&two.source, "CREATE VIEW doc.v AS SELECT 1").await;
    run(&two.target, "CREATE TABLE doc.t (a BIGINT) WITH (number_of_replicas = 0)").await;
    let plan =
        two.replication().tables(["doc.t".parse().unwrap(), "doc.v".parse().unwrap()]).plan(Utc::now()).await.unwrap();
    let reasons: Vec<_> = plan.refused().map(|verdict| verdict.reason.clone()).collect();
    assert_eq!(reasons, [Reason::Occupied { rows: 0 }, Reason::NotATable { kind: "view".into() }]);
    assert!(plan.is_empty());
    let itself = Replication::new(two.source.clone(), two.source.clone()).state_folder(two.folder.path());
    let itself = itself.plan(Utc::now()).await.unwrap();
    assert!(itself.refused().any(|verdict| verdict.reason == Reason::Itself), "{itself}");
    run(&two.target, "DROP TABLE doc.t").await;

    // A wrong password: the publication is there, the subscription is not; and the password is not told.
    let replication = two.replication().name(Ident::new("it's").unwrap());
    let plan = replication.plan(Utc::now()).await.unwrap();
    let wrong = two.upstream.clone().password(Secret::new("hunter2-hunter2"));
    let report = replication.apply(&plan, plan.hash.into(), &wrong).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Partial, "{report:?}");
    assert_eq!(report.count(Outcome::Failed), 2, "the subscription and its table: {report:?}");
    assert!(
        format!("{report:?}").contains("password authentication failed") && !format!("{report:?}").contains("hunter2")
    );
    let plan = replication.plan(Utc::now()).await.unwrap();
    assert_eq!(plan.steps.len(), 1, "{plan}");
    let report = replication.apply(&plan, plan.hash.into(), &two.upstream).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
}
