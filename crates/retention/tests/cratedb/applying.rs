//! What is dropped is what was planned, counted right before and looked for after.

use std::sync::Arc;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Manifest, Policy, percent};
use clusterkeep_retention::plan::Action;
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use tokio_util::sync::CancellationToken;

use super::world::{World, assert_done, at, dropped};

const NOW: &str = "2026-02-01T00:00:00Z";

fn policy() -> Policy {
    Policy::for_table("readings").time("ts").drop_after(days(20))
}

/// Twenty daily partitions of two rows, of which eleven have expired.
async fn prepare(world: &World) {
    world
        .run(sql("CREATE TABLE readings (id INTEGER, ts TIMESTAMP WITH TIME ZONE, day TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day)"))
        .await;
    let rows: Vec<Vec<Value>> = (0..40)
        .map(|n| vec![n.into(), Value::Timestamp(at("2026-01-01T06:00:00Z") + chrono::TimeDelta::hours(12 * n))])
        .collect();
    world.insert("readings", sql("INSERT INTO readings (id, ts) VALUES (?, ?)"), &rows).await;
}

#[tokio::test]
async fn partitions_vanish_and_not_only_their_rows() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_eq!((dropped(&plan).len(), plan.steps.len()), (11, 1));
    assert!(matches!(plan.steps[0].action, Action::DropPartitions { .. }));
    assert_done(&report);
    assert_eq!(world.keys("readings").await.len(), 9, "a row by row delete would leave twenty");
    world.refresh("readings").await;
    let rows: i64 = world.db.query(sql("SELECT count(*) FROM readings")).await.unwrap().scalar().unwrap();
    assert_eq!(rows, 18);

    let (plan, report) = world.apply(policy(), NOW).await;
    assert_eq!((plan.steps.len(), report.exit_code), (0, ExitCode::Done), "nothing is left to do");
}

#[tokio::test]
async fn case_16_a_row_that_came_after_the_plan_is_seen() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let retention = world.retention(policy());
    let plan = retention.plan(at(NOW)).await.unwrap();
    world.run(sql("INSERT INTO readings (id, ts) VALUES (99, '2026-01-03T01:00:00Z')")).await;
    let refused = retention.apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::Drifted, "{refused}");
    assert_eq!(world.keys("readings").await.len(), 20);

    // Into a partition that stays it changes nothing.
    let plan = retention.plan(at(NOW)).await.unwrap();
    world.run(sql("INSERT INTO readings (id, ts) VALUES (99, '2026-01-20T01:00:00Z')")).await;
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!(world.keys("readings").await.len(), 9);
}

#[tokio::test]
async fn a_blocked_table_is_refused_with_what_lifts_the_block() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    world.run(sql("ALTER TABLE readings SET (\"blocks.write\" = true)")).await;
    let (_, report) = world.apply(policy(), NOW).await;
    assert!(report.outcomes.iter().all(|outcome| outcome.outcome == Outcome::Refused), "{report:?}");
    let message = report.outcomes[0].message.clone().unwrap();
    assert!(message.contains("blocked against changes"), "{message}");
    assert_eq!(world.keys("readings").await.len(), 20);
    world.run(sql("ALTER TABLE readings RESET (\"blocks.write\")")).await;
    assert_done(&world.apply(policy(), NOW).await.1);
}

#[tokio::test]
async fn case_23_one_table_that_fails_does_not_stop_another() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    world
        .run(sql("CREATE TABLE blocked (ts TIMESTAMP WITH TIME ZONE, day TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('day', ts)) PARTITIONED BY (day)"))
        .await;
    world.run(sql("INSERT INTO blocked (ts) VALUES ('2026-01-01'), ('2026-01-31')")).await;
    world.run(sql("ALTER TABLE blocked SET (\"blocks.write\" = true)")).await;
    let blocked = Policy::for_table("blocked").time("ts").drop_after(days(20)).max_share(percent(100));
    let manifest = Manifest::named("two").policy(blocked).policy(policy().max_share(percent(100)));
    let retention = world.retention(policy()).manifest(manifest);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!(report.exit_code.code(), 7, "{report:?}");
    assert_eq!((world.keys("readings").await.len(), world.keys("blocked").await.len()), (9, 2));
}

#[tokio::test]
async fn case_24_of_two_runs_one_gets_the_lock() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    world.state.ensure(at(NOW)).await.unwrap();
    let held = world.state.lock("retention").await.unwrap();
    let retention = world.retention(policy());
    let plan = retention.plan(at(NOW)).await.unwrap();
    let locked = retention.apply(&plan, Approval::WithinGuards).await.unwrap_err();
    assert_eq!(ExitCode::from(&locked), ExitCode::Locked, "{locked}");
    assert_eq!(world.keys("readings").await.len(), 20);
    clusterkeep_core::plan::Lock::release(Box::new(held)).await.unwrap();
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
}

#[tokio::test]
async fn case_27_an_interrupted_run_says_what_is_left() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let retention = world.retention(policy()).cancel(cancel);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!(report.exit_code.code(), 130);
    assert_eq!(report.count(Outcome::Skipped), 11, "{report:?}");
    assert_eq!(world.keys("readings").await.len(), 20, "no half step");
}

/// How the catalogue is asked which partitions are there, in a step.
pub(crate) const LISTED: &str = "SELECT partition_ident AS ident FROM information_schema.table_partitions";

async fn apply_trapped(world: &World, trap: Arc<Trap>) -> super::world::Report {
    let retention = Retention::new(faulty(world.db.clone(), Arc::clone(&trap)))
        .state(world.state.clone())
        .manifest(Manifest::named("test").policy(policy().max_share(percent(100))));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert!(trap.sprung(), "it came to that statement");
    report
}

#[tokio::test]
async fn case_21_a_drop_that_the_server_only_says_it_did_shows() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let report = apply_trapped(&world, Trap::first("DELETE FROM \"readings\"", Fault::NotDone)).await;
    assert_eq!(report.count(Outcome::StillPresent), 11, "{report:?}");
    assert!(report.exit_code != ExitCode::Done, "{:?}", report.exit_code);
    // The next run does what was not done.
    assert_done(&world.apply(policy(), NOW).await.1);
    assert_eq!(world.keys("readings").await.len(), 9);
}

#[tokio::test]
async fn case_22_what_is_gone_already_is_done_already() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let two = sql("DELETE FROM readings WHERE day IN (1767225600000, 1767312000000)");
    let report = apply_trapped(&world, Trap::overtaken(LISTED, two)).await;
    assert_eq!((report.count(Outcome::AlreadyDone), report.count(Outcome::Done)), (2, 9), "{report:?}");
    assert_eq!(report.exit_code, ExitCode::Done);
    assert_eq!(world.keys("readings").await.len(), 9);
}

#[tokio::test]
async fn case_16_a_row_that_comes_between_lock_and_drop_stops_the_step() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let row = sql("INSERT INTO readings (id, ts) VALUES (99, '2026-01-03T01:00:00Z')");
    let report = apply_trapped(&world, Trap::overtaken(LISTED, row)).await;
    assert_eq!(report.count(Outcome::Refused), 11, "{report:?}");
    let message = report.outcomes[0].message.clone().unwrap();
    assert!(message.contains("has 3 rows, the plan saw 2"), "{message}");
    assert_eq!(world.keys("readings").await.len(), 20);
}
