//! What processes left behind, and the sweep.

use chrono::Utc;
use clusterkeep_core::managed::sweep::{Decision, Reason, Sweep};
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_testkit::cloud::{Fixture, Kind};

use crate::child::Holder;
use crate::world::World;

fn sweep(world: &World) -> Sweep {
    Sweep::open(world.settings().client().unwrap(), world.folder.path()).unwrap()
}

#[tokio::test]
async fn a_killed_process_is_swept_up_after() {
    let (world, id) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    let held = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(held.verdicts[0].verdict, Decision::Keep, "it lives: {held}");
    holder.kill();

    world.cloud.clear_requests();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!((plan.verdicts[0].verdict, plan.verdicts[0].object.id), (Decision::Suspend, Some(id)), "{plan}");
    assert!(plan.to_string().contains("suspend 1 cluster"), "{plan}");
    assert!(world.cloud.requests().iter().all(|request| request.method == "GET"), "a plan changes nothing");
    let report = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Done, "{report:?}");
    assert_eq!(report.outcomes[0].outcome, Outcome::Done);
    world.ends_suspended(id);
    assert!(sweep(&world).plan(Utc::now()).await.unwrap().is_empty(), "the second time there is nothing to do");
}

#[tokio::test]
async fn one_killed_while_it_created_is_swept_up_after() {
    let world = World::new();
    world.cloud.set_operation_time(std::time::Duration::from_secs(1));
    let mut holder = Holder::spawn_with(&world, world.folder.path(), "fresh", true);
    crate::world::until("it is being created", || !world.cloud.clusters().is_empty());
    holder.kill();
    let id = world.cloud.clusters()[0]["id"].as_str().unwrap().parse().unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert!(plan.verdicts.iter().any(|verdict| matches!(verdict.reason, Reason::Changing { .. })), "{plan}");
    world.settled(id);
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    let report = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Done, "{plan}\n{report:?}");
    crate::world::until("it is suspended", || world.is_suspended(id));
    assert!(sweep(&world).plan(Utc::now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_suspended_or_gone_by_now_is_forgotten() {
    let (world, id) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    holder.kill();
    let client = world.settings().client().unwrap();
    client.suspend(id, &clusterkeep_core::cloud::Wait::default()).await.unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::AlreadySuspended, "{plan}");
    client.delete_cluster(id).await.unwrap();
    crate::world::until("the cluster is gone", || world.cloud.cluster(id).is_null());
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::Gone, "{plan}");
    let report = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Done);
    assert!(world.records().is_empty());
}

#[tokio::test]
async fn a_guard_that_comes_in_the_meantime_goes_before_the_sweep() {
    let (world, id) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    holder.kill();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    let guard = world.builder("staging").start().await.unwrap();
    let error = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap_err();
    assert!(matches!(error, Error::Drifted { .. }), "{error}");
    assert!(!world.settled(id).is_suspended(id));
    guard.stop().await.unwrap();
    world.ends_suspended(id);
}

#[tokio::test]
async fn a_suspension_that_fails_stays_on_record() {
    let (world, id) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    holder.kill();
    world.cloud.fail_next_operation(Kind::Suspend, Some("A backup is running."));
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    let report = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.outcomes[0].outcome, Outcome::Failed);
    assert!(report.outcomes[0].message.as_ref().unwrap().contains("A backup is running."), "{report:?}");
    assert!(!world.settled(id).is_suspended(id));
    assert_eq!(world.records().len(), 1);
}

#[tokio::test]
async fn clusters_of_another_endpoint_are_left_alone() {
    let (world, _) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    holder.kill();
    let (other, _) = World::with(Fixture::named("staging"));
    let client = other.settings().client().unwrap();
    let plan = Sweep::open(client, world.folder.path()).unwrap().plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::OtherEndpoint);
    assert!(plan.is_empty());
    assert_eq!(other.cloud.requests().len(), 0, "it is not even asked");
}
