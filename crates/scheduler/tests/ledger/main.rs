//! Two schedulers, each a process of its own, on one store: they are killed, stopped for longer than their lease, and lose
//! their store, and at the end each fire is accounted for exactly once.
//!
//! Being beaten up takes about half a minute per store; `CLUSTERKEEP_LEDGER_SECONDS` says how long it goes on instead. The
//! walk kills one of the two at every eleventh statement, and at each, both before and after it, with
//! `CLUSTERKEEP_ALL_FAULTS`.

#![cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "cratedb"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "it is how a test fails, and says why")]

mod child;
mod ring;

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use clusterkeep_core::managed::local::{LocalServer, LocalServerBuilder};
use clusterkeep_core::sql::Engine;
use clusterkeep_testkit::fault::Fault;
use clusterkeep_testkit::servers;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::child::Fate;
use crate::ring::Ring;

/// How long one lives that meets no statement to be killed at: it fires three times, and drains.
const LIFE: Duration = Duration::from_millis(2_600);

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn long() -> Option<Duration> {
    let seconds = std::env::var("CLUSTERKEEP_LEDGER_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap()))
}

async fn beat_up(ring: &mut Ring) {
    sleep(Duration::from_secs(3)).await;
    ring.stop_one().await;
    let start = Instant::now();
    for round in 0_u32.. {
        ring.kill_one().await;
        let over = long().map_or(round >= 2, |long| start.elapsed() >= long);
        if over {
            return;
        }
        if round % 5 == 4 {
            ring.heal();
            sleep(Duration::from_secs(3)).await;
            ring.stop_one().await;
        }
    }
}

/// Beside one that goes on, another one is killed at a statement of its life, and the next at a later one, until one lives
/// through it.
async fn walk(ring: &mut Ring) {
    let all = std::env::var_os("CLUSTERKEEP_ALL_FAULTS").is_some();
    let both = [Fault::KillBefore, Fault::KillAfter];
    let mut places: Box<dyn Iterator<Item = (u64, Fault)>> = if all {
        Box::new((1..).flat_map(|at| both.map(|fault| (at, fault))))
    } else {
        Box::new((1..).step_by(11).zip(both.into_iter().cycle()))
    };
    let last = loop {
        let (at, fault) = places.next().unwrap();
        let mut child = ring.child(Fate { trap: Some((at, fault)), life: Some(LIFE) });
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("statement {at} makes it hang");
            }
            sleep(Duration::from_millis(20)).await;
        };
        if status.signal() != Some(Signal::KILL.as_raw()) {
            assert!(status.success(), "statement {at}: {status}");
            break at;
        }
        ring.killed += 1;
    };
    println!("lived through {last} statements");
    assert!(last > 30, "a life has more than {last} statements");
}

/// A server whose directory stays where it is ended and started again.
struct Restarting<B: Fn() -> LocalServerBuilder> {
    builder: B,
    data: tempfile::TempDir,
}

impl<B: Fn() -> LocalServerBuilder> Restarting<B> {
    fn new(builder: B) -> Self {
        Self { builder, data: tempfile::tempdir().unwrap() }
    }

    async fn start(&self, port: Option<u16>) -> LocalServer {
        let builder = (self.builder)().directory(self.data.path().join("server"));
        let builder = if let Some(port) = port { builder.port(port) } else { builder };
        builder.start().await.unwrap()
    }
}

fn postgres() -> Restarting<impl Fn() -> LocalServerBuilder> {
    Restarting::new(|| LocalServer::postgres().without_password())
}

fn cratedb() -> Restarting<impl Fn() -> LocalServerBuilder> {
    let disk = ("cluster.routing.allocation.disk.threshold_enabled", "false");
    Restarting::new(move || LocalServer::cratedb().setting(disk.0, disk.1))
}

fn url(server: &LocalServer) -> String {
    if server.url().starts_with("postgres") {
        format!("{}?schema=clusterkeep", server.url())
    } else {
        server.url_of("clusterkeep")
    }
}

/// The same with a server that is ended and started again in the middle.
async fn beat_up_on<B: Fn() -> LocalServerBuilder>(place: Restarting<B>) {
    let folder = tempfile::tempdir().unwrap();
    let server = place.start(None).await;
    let port = server.port();
    let mut ring = Ring::new(&url(&server), folder.path(), 2).await;
    beat_up(&mut ring).await;
    server.stop().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let server = place.start(Some(port)).await;
    ring.kill_one().await;
    ring.settle().await;
    server.stop().await.unwrap();
}

async fn walk_on<B: Fn() -> LocalServerBuilder>(place: Restarting<B>) {
    let folder = tempfile::tempdir().unwrap();
    let server = place.start(None).await;
    let mut ring = Ring::new(&url(&server), folder.path(), 1).await;
    walk(&mut ring).await;
    ring.settle().await;
    server.stop().await.unwrap();
}

fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("jobs.db").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::new(&sqlite(&folder), folder.path(), 2).await;
    beat_up(&mut ring).await;
    ring.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_postgres() {
    if servers::is_there(Engine::Postgres) {
        beat_up_on(postgres()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_cratedb() {
    if servers::is_there(Engine::Cratedb) {
        beat_up_on(cratedb()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_statement_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::new(&sqlite(&folder), folder.path(), 1).await;
    walk(&mut ring).await;
    ring.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_statement_on_postgres() {
    if servers::is_there(Engine::Postgres) {
        walk_on(postgres()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_statement_on_cratedb() {
    if servers::is_there(Engine::Cratedb) {
        walk_on(cratedb()).await;
    }
}
