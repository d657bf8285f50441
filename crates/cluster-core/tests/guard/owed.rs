//! What is owed to a cluster, and by whom: never more than what was done, never less, and not for ever.

use std::time::Duration;

use chrono::Utc;
use clusterkeep_core::cloud::{CloudClient, CloudSettings, Credentials, Wait};
use clusterkeep_core::managed::sweep::{Decision, Sweep};
use clusterkeep_core::managed::{Left, Suspend};
use clusterkeep_testkit::cloud::{Fault, Kind};

use crate::child::Holder;
use crate::world::{World, until};

fn client(world: &World) -> CloudClient {
    world.settings().client().unwrap()
}

fn wait() -> Wait {
    Wait::default().pauses(Duration::from_millis(5), Duration::from_millis(20))
}

fn sweep(world: &World) -> Sweep {
    Sweep::open(client(world), world.folder.path()).unwrap()
}

/// Somebody starts it, and is killed before he can suspend it.
fn left_running(world: &World) {
    let mut holder = Holder::spawn(world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    holder.kill();
}

#[tokio::test]
async fn a_suspension_that_failed_is_tried_again_by_the_sweep() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    world.cloud.fail_next_operation(Kind::Suspend, Some("A backup is running."));
    cluster.stop().await.unwrap_err();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Suspend, "{plan}");
    sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    world.ends_suspended(id);
}

#[tokio::test]
async fn a_suspension_that_fails_behind_a_dropped_guard_is_tried_again_by_the_sweep() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    world.cloud.fail_next_operation(Kind::Suspend, None);
    drop(cluster);
    until("it is over", || world.records().iter().all(|record| record.leaving.is_none()));
    assert!(!world.settled(id).is_suspended(id));
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Suspend, "{plan}");
}

/// A guard's request meets another's operation, and the guard does not live to see how that ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_resumes_is_not_suspended_by_a_start_that_is_cancelled() {
    let (world, id) = World::suspended();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").slow(Duration::from_millis(200)).conflict(409));
    let start = tokio::spawn(world.builder("staging").start());
    until("the guard has asked", || world.suspend_calls() == 1);
    world.cloud.set_operation_time(Duration::from_millis(800));
    client(&world).set_suspended(id, false).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    start.abort();
    assert!(start.await.is_err(), "it was cut short");
    until("nothing is on record", || world.records().is_empty());
    world.ends_running(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_resumes_is_not_suspended_by_a_start_that_is_refused() {
    let (world, id) = World::suspended();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").slow(Duration::from_millis(300)).status(403));
    let start = tokio::spawn(world.builder("staging").start());
    until("the guard has asked", || world.suspend_calls() == 1);
    client(&world).resume(id, &wait()).await.unwrap();
    start.await.unwrap().unwrap_err();
    world.ends_running(id);
}

#[tokio::test]
async fn who_says_never_wants_it_to_run_on() {
    let (world, id) = World::suspended();
    let first = world.builder("staging").start().await.unwrap();
    let never = world.builder("staging").suspend(Suspend::Never).start().await.unwrap();
    assert_eq!(first.stop().await.unwrap(), Left::Held { others: 1 });
    assert_eq!(never.stop().await.unwrap(), Left::Running);
    world.ends_running(id);
    // The same where the one that owed it is gone.
    let (world, id) = World::suspended();
    left_running(&world);
    drop(world.builder("staging").suspend(Suspend::Never).start().await.unwrap());
    world.ends_running(id);
}

/// Weeks later the cluster is somebody else's, who resumed it at the console.
#[tokio::test]
async fn what_was_suspended_and_resumed_since_is_owed_nothing() {
    let (world, id) = World::suspended();
    left_running(&world);
    client(&world).suspend(id, &wait()).await.unwrap();
    client(&world).resume(id, &wait()).await.unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Forget, "{plan}");
    let guard = world.builder("staging").start().await.unwrap();
    assert_eq!(guard.stop().await.unwrap(), Left::Running);
    world.ends_running(id);
}

#[tokio::test]
async fn a_caller_who_cannot_see_a_cluster_does_not_forget_it() {
    let (world, id) = World::suspended();
    left_running(&world);
    let other = world.cloud.add_organization("other");
    let (key, secret) = world.cloud.add_member(other, "somebody@example.org");
    let stranger = CloudSettings::new(world.cloud.endpoint(), Credentials::key(&key, &secret)).client().unwrap();
    let plan = Sweep::open(stranger, world.folder.path()).unwrap().plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Keep, "{plan}");
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].object.id, Some(id));
    assert_eq!(plan.verdicts[0].verdict, Decision::Suspend, "{plan}");
}

#[tokio::test]
async fn one_endpoint_in_two_spellings_is_one_endpoint() {
    let (world, id) = World::suspended();
    let shouted = format!("{}/", world.cloud.endpoint().replace("http", "HTTP"));
    let first = world.builder("staging").start().await.unwrap();
    let second = world.builder("staging").endpoint(shouted).start().await.unwrap();
    assert_eq!(first.stop().await.unwrap(), Left::Held { others: 1 });
    assert_eq!(second.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
}

/// The one who started it has let go, and the one who is still there keeps it.
#[tokio::test]
async fn who_keeps_it_keeps_it_for_all() {
    let (world, id) = World::suspended();
    let first = world.builder("staging").start().await.unwrap();
    let second = world.builder("staging").start().await.unwrap();
    second.keep().unwrap();
    assert_eq!(first.stop().await.unwrap(), Left::Running);
    world.ends_running(id);
}

/// A disk that is full, or away, for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_comes_back_loses_no_cluster() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    let (records, away) = (world.folder.path().join("registry/clusters"), world.folder.path().join("away"));
    std::fs::rename(&records, &away).unwrap();
    let error = cluster.stop().await.unwrap_err();
    assert!(error.hint().unwrap().contains(&format!("clusterkeep cluster stop --cluster {id}")), "{error}");
    assert!(!world.is_suspended(id), "whether others hold it can't be told");
    std::fs::rename(&away, &records).unwrap();
    world.ends_suspended(id);
}

#[tokio::test]
async fn one_killed_before_its_resumption_was_answered_is_swept_up_after() {
    let (world, id) = World::suspended();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").hang_after());
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    until("the resumption is under way", || world.cloud.operations(id).len() == 2);
    holder.kill();
    world.settled(id);
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Suspend, "{plan}");
    sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    world.ends_suspended(id);
}

#[tokio::test]
async fn always_counts_also_where_another_one_is_the_last() {
    let (world, id) = World::suspended();
    client(&world).resume(id, &wait()).await.unwrap();
    let always = world.builder("staging").suspend(Suspend::Always).start().await.unwrap();
    let other = world.builder("staging").start().await.unwrap();
    assert_eq!(always.stop().await.unwrap(), Left::Held { others: 1 });
    assert_eq!(other.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
}
