//! What planning never does, and what is never told: nothing is written while somebody only looks, and no password gets
//! into a plan, an audit, a report or an error.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::audit::{Event, MemoryAudit, Sink};
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Statement, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy, Rollup, percent};
use clusterkeep_testkit::fault::{Trap, faulty};
use clusterkeep_testkit::servers;

fn now() -> DateTime<Utc> {
    "2026-01-31T00:00:00Z".parse().unwrap()
}

/// A plain table of ten days, twelve rows each, and a policy that rolls it up and lets most of it go.
async fn prepare(db: &Db) -> Policy {
    db.execute(sql("CREATE TABLE raw (ts BIGINT, v INTEGER)")).await.unwrap();
    let start: DateTime<Utc> = "2026-01-20T00:00:00Z".parse().unwrap();
    let rows: Vec<_> = (0..120_i64).map(|n| vec![(start.timestamp() + n * 7200).into(), n.into()]).collect();
    let mut session = db.session().await.unwrap();
    session.execute_many(&sql("INSERT INTO raw (ts, v) VALUES (?, ?)"), &rows).await.unwrap();
    if db.engine() == clusterkeep_core::sql::Engine::Cratedb {
        session.execute(&sql("REFRESH TABLE raw")).await.unwrap();
    }
    Policy::for_table("raw")
        .time("ts")
        .meaning(Meaning::EpochSeconds)
        .downsample(Rollup::daily().of(["v"]).into("daily"))
        .drop_after(days(5))
        .max_share(percent(100))
}

async fn only_looks(db: Db) {
    let policy = prepare(&db).await;
    let witness = Trap::nowhere();
    let own = Arc::new(MemoryAudit::default());
    let retention = Retention::new(faulty(db.clone(), Arc::clone(&witness))).policy(policy).plan_audit(own.clone());
    let plan = retention.plan(now()).await.unwrap();
    assert!(!plan.is_empty(), "{plan}");

    let said = witness.said();
    assert!(said.len() > 3, "it has looked: {said:?}");
    for statement in &said {
        let reads = ["SELECT", "WITH", "PRAGMA", "SHOW", "BEGIN", "COMMIT", "ROLLBACK", "SET TRANSACTION", "REFRESH"];
        assert!(reads.iter().any(|word| statement.trim_start().starts_with(word)), "{statement}");
        let upper = statement.to_ascii_uppercase();
        for word in ["INSERT INTO", "UPDATE \"", "DELETE FROM", "MERGE INTO", "SELECT INTO", "FOR UPDATE"] {
            assert!(!upper.contains(word), "{statement}");
        }
    }
    let records = own.read(1, 10).await.unwrap();
    let entries: Vec<_> = records.iter().map(|record| record.entry().unwrap()).collect();
    assert_eq!(entries.len(), 1, "and yet it is on record that somebody looked");
    assert_eq!((entries[0].event, &entries[0].plan), (Event::Planned, &plan.hash.to_string()));
    // Nothing is there that was not there before: no rollup, to begin with.
    assert!(db.query(sql("SELECT count(*) FROM daily")).await.is_err());
}

#[tokio::test]
async fn case_26_a_plan_writes_nothing_on_sqlite() {
    only_looks(memory().await).await;
}

#[tokio::test]
async fn case_26_a_plan_writes_nothing_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    only_looks(database.connect().await).await;
}

#[tokio::test]
async fn case_26_a_plan_writes_nothing_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    only_looks(database.connect().await).await;
}

#[tokio::test]
async fn case_26_a_plan_writes_nothing_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    only_looks(database.connect().await).await;
}

async fn memory() -> Db {
    Db::connect_with(&"sqlite::memory:".parse().unwrap(), ConnectOptions::default().create()).await.unwrap()
}

/// Users with a password of their own, on the engines that ask for one.
async fn says_no_password(database: servers::TestDatabase, statements: Vec<String>) {
    const PASSWORD: &str = "tr0ub4dor-and-3";
    let admin = database.connect().await;
    let policy = prepare(&admin).await;
    for statement in statements {
        admin.execute(Statement::assert_safe(statement.replace("$WORD", PASSWORD))).await.unwrap();
    }
    let (scheme, rest) = database.url().split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://keeper:{PASSWORD}@{place}");
    let db = Db::connect(&url).await.unwrap();
    let own = Arc::new(MemoryAudit::default());
    let retention = Retention::new(db.clone()).policy(policy).plan_audit(own.clone());
    let plan = retention.plan(now()).await.unwrap();
    let report = retention.apply(&plan, Approval::from(plan.hash)).await.unwrap();
    assert_eq!(report.exit_code().code(), 0, "{report:?}");

    // What goes wrong tells of the address, too: the table is gone, the user is locked out, nobody answers.
    admin.execute(sql("DROP TABLE raw")).await.unwrap();
    let missing = retention.plan(now()).await.unwrap_err();
    let wrong = Db::connect(&format!("{scheme}://keeper:{PASSWORD}-not@{place}")).await.unwrap_err();
    let port = place.split_once(':').unwrap().1.split('/').next().unwrap();
    let nobody = format!("{scheme}://keeper:{PASSWORD}@{}", place.replacen(port, "1", 1));
    let soon = ConnectOptions::default().connect_timeout(std::time::Duration::from_millis(300));
    let nobody = Db::connect_with(&nobody.parse().unwrap(), soon).await.unwrap_err();

    let mut told = vec![format!("{plan}"), format!("{plan:?}"), serde_json::to_string(&plan.plan).unwrap()];
    told.extend([format!("{report:?}"), serde_json::to_string(&report).unwrap(), format!("{retention:?}")]);
    told.extend([
        format!("{db:?}"),
        db.address(),
        format!("{:?}", url.parse::<clusterkeep_core::address::DatabaseUrl>().unwrap()),
    ]);
    for error in [missing, wrong, nobody] {
        told.push(format!("{error} {error:?} {:?}", error.hint()));
    }
    for audit in [&*own as &dyn Sink, &*retention.audit_sink()] {
        let records = audit.read(1, 1000).await.unwrap();
        assert!(!records.is_empty());
        told.push(format!("{records:?}"));
    }
    for text in told {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

#[tokio::test]
async fn case_28_no_password_is_told_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    // Roles are of the whole server: this test alone has this one.
    let statements = ["CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '$WORD'"].map(str::to_owned).to_vec();
    says_no_password(database, statements).await;
}

#[tokio::test]
async fn case_28_no_password_is_told_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    let statements = ["CREATE USER keeper@'%' IDENTIFIED BY '$WORD'", "GRANT ALL ON *.* TO keeper@'%'"];
    says_no_password(database, statements.map(str::to_owned).to_vec()).await;
}
