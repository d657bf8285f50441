//! Case 18: a row that changes between its archive and its drop stays, and the drop says why.

use std::sync::Arc;

use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::Retention;
use clusterkeep_testkit::fault::{Trap, faulty};

use crate::world::{Kind, NOW, World, assert_done, at};

/// As many rows as before, and one of them with another value, right before what `beginning` begins.
async fn changed(kind: Kind, beginning: &'static str) {
    let Some(world) = World::new(kind).await else { return };
    let trap = Trap::overtaken(beginning, sql("UPDATE raw SET note = 'changed' WHERE n = 5"));
    let url = format!("sqlite://{}", world.folder.path().join("state.db").display()).parse().unwrap();
    let state = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    let retention = Retention::new(faulty(world.db.clone(), Arc::clone(&trap)))
        .state(State::of(state.clone()))
        .policy(world.policy())
        .parallel(1);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert!(trap.sprung(), "it came to that statement");
    let refused: Vec<_> = report.outcomes.iter().filter(|one| one.outcome == Outcome::Refused).collect();
    assert_eq!(report.exit_code, ExitCode::Partial, "{report:?}");
    let message = refused[0].message.clone().unwrap();
    assert!(message.contains("other values in column `note`"), "{message}");
    assert!(world.rows().await.contains(",5,changed"), "it stays");

    let retention = Retention::new(world.db.clone()).state(State::of(state)).policy(world.policy());
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 72);
    assert_eq!(world.archives().await.len(), 6, "what it was then, and what it is now");
}

#[tokio::test]
async fn case_18_in_a_slice_of_sqlite() {
    changed(Kind::Sqlite, "BEGIN").await;
}

#[tokio::test]
async fn case_18_in_a_partition_of_postgresql() {
    changed(Kind::Partitions, "LOCK TABLE").await;
}

#[tokio::test]
async fn case_18_in_a_slice_of_postgresql() {
    changed(Kind::Plain, "WITH gone").await;
}

#[tokio::test]
async fn case_18_in_a_partition_of_mariadb() {
    changed(Kind::Mariadb, "LOCK TABLES").await;
}

#[tokio::test]
async fn case_18_in_a_slice_of_mariadb() {
    changed(Kind::MariadbPlain, "SET TRANSACTION").await;
}
