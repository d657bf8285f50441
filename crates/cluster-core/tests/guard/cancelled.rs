//! A start that does not come to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use clusterkeep_core::Result;
use clusterkeep_core::managed::{Deploy, ManagedCluster};
use clusterkeep_testkit::cloud::{Fault, Fixture, Kind};

use crate::world::{REGION, World};

/// Drives `start` until it has waited `times` times, and drops it then; what came of it where it was done before.
async fn cut_short(
    start: impl Future<Output = Result<ManagedCluster>>,
    times: usize,
) -> Option<Result<ManagedCluster>> {
    let mut start = pin!(start);
    let mut waited = 0;
    poll_fn(|context| match start.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == times => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_await_of_a_resumption() {
    let world = World::new();
    world.cloud.set_operation_time(Duration::from_millis(10));
    let mut times = 0;
    loop {
        let name = format!("c-{times}");
        let id = world.cloud.add_cluster(Fixture::named(&name).suspended(true)).unwrap();
        let ended = cut_short(world.builder(&name).start(), times).await;
        let over = ended.is_some();
        drop(ended.map(Result::unwrap));
        world.settled(id).ends_suspended(id);
        if over {
            break;
        }
        times += 1;
    }
    assert!(times > 1, "it was cut short {times} times only");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_await_of_a_creation() {
    let world = World::new();
    world.cloud.set_operation_time(Duration::from_millis(10));
    let mut times = 0;
    loop {
        let name = format!("c-{times}");
        let deploy = Deploy::new().region(REGION).product("cr1").admin("admin", "correct-horse-battery-staple");
        let ended = cut_short(world.builder(&name).deploy(deploy).start(), times).await;
        let over = ended.is_some();
        drop(ended.map(Result::unwrap));
        crate::world::until("nothing is on record", || world.records().is_empty());
        for cluster in world.cloud.clusters() {
            assert_eq!(cluster["suspended"], true, "cut short after {times}: {cluster}");
        }
        if over {
            break;
        }
        times += 1;
    }
    assert!(times > 1, "it was cut short {times} times only");
    let projects = world.settings().client().unwrap().projects().await.unwrap();
    let names: std::collections::BTreeSet<_> = projects.iter().map(|project| &project.name).collect();
    assert_eq!(names.len(), projects.len(), "no project was made twice");
}

#[tokio::test]
async fn by_its_deadline() {
    let (world, id) = World::suspended();
    world.cloud.set_operation_time(Duration::from_secs(1));
    let error = world.builder("staging").timeout(Duration::from_millis(300)).start().await.unwrap_err();
    assert!(error.to_string().contains("start cluster staging"), "{error}");
    world.settled(id).ends_suspended(id);
}

#[tokio::test]
async fn by_a_resumption_that_fails() {
    let (world, id) = World::suspended();
    world.cloud.fail_next_operation(Kind::Suspend, Some("No capacity in this region."));
    let error = world.builder("staging").start().await.unwrap_err();
    assert!(error.to_string().contains("No capacity in this region."), "{error}");
    world.settled(id).ends_suspended(id);
}

#[tokio::test]
async fn by_a_database_that_never_answers() {
    let (world, _) = World::suspended();
    // Nothing listens behind this one.
    let dead = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let id =
        world.cloud.add_cluster(Fixture::named("broken").suspended(true).backed_by(&format!("http://{dead}"))).unwrap();
    let error = world.builder("broken").timeout(Duration::from_secs(2)).start().await.unwrap_err();
    assert!(error.to_string().contains("start cluster broken"), "{error}");
    world.settled(id).ends_suspended(id);
}

#[tokio::test]
async fn by_a_cloud_that_accepts_and_never_answers() {
    let (world, id) = World::suspended();
    world.cloud.inject(Fault::on("GET", "*/clusters/*").always().hang());
    let error = world.builder("staging").timeout(Duration::from_millis(400)).start().await.unwrap_err();
    assert!(error.to_string().contains("start cluster staging"), "{error}");
    world.cloud.clear_faults();
    world.ends_suspended(id);
}

#[tokio::test]
async fn before_anything_was_done() {
    let (world, id) = World::suspended();
    drop(world.builder("staging").start());
    world.ends_suspended(id);
    assert_eq!(world.cloud.requests().len(), 0);
}
