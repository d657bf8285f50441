//! Dropping a guard wherever that can happen.

use std::time::{Duration, Instant};

use clusterkeep_core::managed::{ManagedCluster, blocking};
use clusterkeep_testkit::cloud::Fault;
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn start(runtime: &Runtime, world: &World) -> ManagedCluster {
    runtime.block_on(world.builder("staging").start()).unwrap()
}

#[test]
fn in_a_multi_thread_runtime() {
    let (world, id) = World::suspended();
    let runtime = multi_thread();
    let cluster = start(&runtime, &world);
    runtime.block_on(async { runtime.spawn(async move { drop(cluster) }).await.unwrap() });
    world.ends_suspended(id);
}

#[test]
fn in_a_current_thread_runtime() {
    let (world, id) = World::suspended();
    let runtime = current_thread();
    let cluster = start(&runtime, &world);
    runtime.block_on(async { drop(cluster) });
    world.ends_suspended(id);
}

#[test]
fn in_a_local_set() {
    let (world, id) = World::suspended();
    let runtime = current_thread();
    let local = tokio::task::LocalSet::new();
    let cluster = start(&runtime, &world);
    local.block_on(&runtime, async { tokio::task::spawn_local(async move { drop(cluster) }).await.unwrap() });
    world.ends_suspended(id);
}

#[test]
fn without_a_runtime() {
    let (world, id) = World::suspended();
    let runtime = multi_thread();
    let cluster = start(&runtime, &world);
    drop(runtime);
    drop(cluster);
    world.ends_suspended(id);
}

#[test]
fn during_the_shutdown_of_its_runtime() {
    for runtime in [multi_thread(), current_thread()] {
        let (world, id) = World::suspended();
        let cluster = start(&runtime, &world);
        runtime.spawn(async move {
            let _held = cluster;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        world.ends_suspended(id);
    }
}

#[test]
fn in_the_background_shutdown_of_its_runtime() {
    let (world, id) = World::suspended();
    let runtime = multi_thread();
    let cluster = start(&runtime, &world);
    runtime.spawn(async move {
        let _held = cluster;
        std::future::pending::<()>().await;
    });
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
    runtime.shutdown_background();
    world.ends_suspended(id);
}

#[test]
fn on_a_thread_that_ends() {
    let (world, id) = World::suspended();
    let runtime = multi_thread();
    let cluster = start(&runtime, &world);
    std::thread::spawn(move || drop(cluster)).join().unwrap();
    world.ends_suspended(id);
}

#[test]
fn it_waits_no_longer_than_it_was_told() {
    let (world, id) = World::suspended();
    let runtime = multi_thread();
    let limit = Duration::from_millis(200);
    let cluster = runtime.block_on(world.builder("staging").drop_timeout(limit).start()).unwrap();
    world.cloud.inject(Fault::on("PUT", "*/suspend/").times(1).slow(Duration::from_secs(2)));
    let begun = Instant::now();
    drop(cluster);
    assert!(begun.elapsed() >= limit && begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // What it does not wait for goes on while the process lives.
    world.ends_suspended(id);
}

#[test]
fn blocking_programs_have_the_same_guard() {
    let (world, id) = World::suspended();
    let cluster = blocking::ManagedCluster::start(world.builder("staging")).unwrap();
    assert!(cluster.ready());
    assert_eq!(cluster.query("SELECT 1").unwrap().len(), 1);
    cluster.stop().unwrap();
    world.ends_suspended(id);
    drop(blocking::ManagedCluster::start(world.builder("staging")).unwrap());
    world.ends_suspended(id);
}

#[test]
fn blocking_calls_work_on_a_thread_of_a_runtime() {
    let (world, id) = World::suspended();
    current_thread().block_on(async {
        let cluster = blocking::ManagedCluster::start(world.builder("staging")).unwrap();
        assert!(cluster.ready());
    });
    world.ends_suspended(id);
}
