//! Leaving a scope, in order and otherwise.

use std::panic::AssertUnwindSafe;

use clusterkeep_core::managed::{Left, RunState, Suspend};
use clusterkeep_core::{Error, Result};
use clusterkeep_testkit::cloud::{Fault, Fixture, Kind};
use futures::FutureExt;

use crate::world::World;

#[tokio::test]
async fn stop_suspends_what_the_start_resumed() {
    let (world, id) = World::suspended();
    assert_eq!(world.builder("staging").probe().await.unwrap(), RunState::Suspended);
    let cluster = world.builder("staging").start().await.unwrap();
    assert!(!world.is_suspended(id));
    assert_eq!(cluster.query("SELECT 1").await.unwrap().len(), 1);
    assert_eq!(world.records()[0].holders.len(), 1, "on record while it runs");
    assert_eq!(cluster.stop().await.unwrap(), Left::Suspended);
    assert!(world.is_suspended(id), "stop has waited for it");
    world.ends_suspended(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_knows_before_the_cloud_is_asked() {
    let (world, id) = World::suspended();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").hang());
    let start =
        world.builder("staging").timeout(std::time::Duration::from_millis(500)).drop_timeout(std::time::Duration::ZERO);
    let start = tokio::spawn(start.start());
    let owed = || world.records().iter().any(|record| record.open().is_some());
    crate::world::until("the resumption is on record", owed);
    assert!(world.is_suspended(id), "the Cloud has not done anything yet");
    assert!(start.await.unwrap().is_err());
    world.ends_suspended(id);
}

#[tokio::test]
async fn leaving_the_scope_suspends() {
    let (world, id) = World::suspended();
    {
        let _cluster = world.builder("staging").start().await.unwrap();
        assert!(!world.is_suspended(id));
    }
    world.ends_suspended(id);
}

#[tokio::test]
async fn leaving_by_an_error_suspends() {
    async fn work(world: &World) -> Result<()> {
        let _cluster = world.builder("staging").start().await?;
        Err(Error::failed("something else"))?;
        Ok(())
    }
    let (world, id) = World::suspended();
    assert!(work(&world).await.unwrap_err().to_string().contains("something else"));
    world.ends_suspended(id);
}

#[tokio::test]
async fn leaving_by_a_panic_suspends() {
    let (world, id) = World::suspended();
    let work = async {
        let _cluster = world.builder("staging").start().await.unwrap();
        panic!("on purpose");
    };
    AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
    world.ends_suspended(id);
}

#[tokio::test]
async fn what_was_found_running_is_left_running() {
    let (world, id) = World::with(Fixture::named("staging"));
    let cluster = world.builder("staging").start().await.unwrap();
    assert_eq!(cluster.stop().await.unwrap(), Left::Running);
    drop(world.builder("staging").start().await.unwrap());
    world.ends_running(id);
    assert_eq!(world.suspend_calls(), 0);
}

#[tokio::test]
async fn what_was_found_running_is_suspended_where_that_was_asked_for() {
    let (world, id) = World::with(Fixture::named("staging"));
    let cluster = world.builder("staging").suspend(Suspend::Always).start().await.unwrap();
    assert_eq!(cluster.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
}

#[tokio::test]
async fn what_is_kept_runs_on() {
    let (world, id) = World::suspended();
    let by_hand = world.builder("staging").start().await.unwrap().keep().unwrap();
    assert_eq!(by_hand, format!("clusterkeep cluster stop --cluster {id}"));
    world.ends_running(id);
    let (world, id) = World::suspended();
    drop(world.builder("staging").suspend(Suspend::Never).start().await.unwrap());
    world.ends_running(id);
}

#[tokio::test]
async fn a_product_that_cannot_be_suspended_is_said_to_be_so_at_the_start() {
    let (world, id) = World::with(Fixture::named("staging").product("s2"));
    let cluster = world.builder("staging").start().await.unwrap();
    assert!(cluster.notes()[0].contains("can't be suspended"), "{:?}", cluster.notes());
    assert_eq!(cluster.stop().await.unwrap(), Left::Running);
    let error = world.builder("staging").suspend(Suspend::Always).start().await.unwrap_err();
    assert!(error.to_string().contains("can't be suspended: product s2"), "{error}");
    world.ends_running(id);
}

#[tokio::test]
async fn a_suspension_that_fails_is_an_error_with_the_clouds_own_words_and_stays_on_record() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    world.cloud.fail_next_operation(Kind::Suspend, Some("A backup is running."));
    let error = cluster.stop().await.unwrap_err();
    assert!(error.to_string().contains("A backup is running."), "{error}");
    assert!(!world.settled(id).is_suspended(id));
    let records = world.records();
    assert!(records[0].holders.is_empty() && !records[0].obligations.is_empty(), "the sweep will name it: {records:?}");
}

#[tokio::test]
async fn the_cloud_that_answers_html_or_nothing_loses_no_cluster() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").times(1).lose_answer());
    assert_eq!(cluster.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
}

#[tokio::test]
async fn several_guards_in_one_process_suspend_with_the_last() {
    let (world, id) = World::suspended();
    let first = world.builder("staging").start().await.unwrap();
    let second = world.builder("staging").start().await.unwrap();
    assert_eq!(first.stop().await.unwrap(), Left::Held { others: 1 });
    assert!(!world.is_suspended(id));
    assert_eq!(second.stop().await.unwrap(), Left::Suspended, "the one that found it running is the last one out");
    world.ends_suspended(id);
}

#[tokio::test]
async fn stop_that_is_cancelled_goes_on_as_a_drop() {
    let (world, id) = World::suspended();
    let cluster = world.builder("staging").start().await.unwrap();
    world.cloud.set_operation_time(std::time::Duration::from_millis(300));
    let stopped = tokio::time::timeout(std::time::Duration::from_millis(100), cluster.stop()).await;
    assert!(stopped.is_err(), "it was cut short");
    world.ends_suspended(id);
}
