//! Durable runs per second of one scheduler: rows made, begun and ended on SQLite, PostgreSQL and CrateDB, in the batches
//! that the scheduler sends them in; on servers that sync what they write.
//!
//! - *at once*: what a fire does that may begin: one row, made as running behind its job's gate, and its end.
//! - *by claim*: what waits: a row made as pending, a claim by the job's gate, and its end.
//! - Beside them, what the same statements cost where nobody batches: one run at a time.
//!
//! Peers are measured in the same run, by the programs of `benches/peers` that are named in the environment
//! (`CLUSTERKEEP_BENCH_PEERS`, separated by `:`): each gets the addresses and prints, for what it can do there, a line with its
//! name and version, its runs per second and its settings, with tabs in between. The ratio is that of ours *by claim* to it.
//!
//!     cargo bench -p clusterkeep-benches --bench durable

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_benches::median;
use clusterkeep_core::Result;
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::Db;
use clusterkeep_scheduler::{
    Advance, Claim, Gate, Job, NewRun, Otherwise, RunEnd, RunKey, RunKind, RunRecord, RunState, ScheduleRecord, Store,
    open,
};
use uuid::Uuid;

/// As many jobs fire in the same second; the scheduler sends so many in one call.
const JOBS: usize = 1_000;
/// So many ends go in one call.
const ENDS: usize = 1_000;
const RUNS: usize = 5;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| clusterkeep_core::Error::caused("start the runtime", e))?.block_on(all())
}

async fn all() -> Result<()> {
    println!(
        "durable runs/s of one scheduler: {JOBS} jobs that fire together, ends by {ENDS}; median of {RUNS} rounds"
    );
    println!("{:<12}{:>12}{:>12}{:>14}  target", "", "at once", "by claim", "one by one");
    let folder = tempfile::tempdir().expect("a folder for the file");
    let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
    let ours = measure("SQLite", &url, "20,000 (synchronous = FULL)", 5, 200).await?;
    peers(&url, ours);

    let postgres = LocalServer::postgres().durable(true).without_password();
    if postgres.installed().is_some() {
        let server = postgres.start().await?;
        let ours = measure("PostgreSQL", server.url(), "8,000", 5, 50).await?;
        peers(server.url(), ours);
        server.stop().await?;
    }
    let crate_db = LocalServer::cratedb().setting("cluster.routing.allocation.disk.threshold_enabled", "false");
    if crate_db.installed().is_some() {
        let server = crate_db.start().await?;
        measure("CrateDB", server.url(), "1,000", 1, 10).await?;
        server.stop().await?;
    }
    Ok(())
}

/// Tells programs of others where the store is; they make tables of their own.
fn peers(url: &str, ours: f64) {
    for peer in std::env::var("CLUSTERKEEP_BENCH_PEERS").unwrap_or_default().split(':').filter(|peer| !peer.is_empty())
    {
        let output = match Command::new(peer).arg(url).output() {
            Ok(output) if output.status.success() => output,
            Ok(output) => {
                println!("  {peer}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
                continue;
            }
            Err(error) => {
                println!("  {peer}: {error}");
                continue;
            }
        };
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match line.splitn(3, '\t').collect::<Vec<_>>().as_slice() {
                [name, rate, settings] => {
                    let times =
                        rate.parse::<f64>().map_or_else(|_| "-".to_owned(), |rate| format!("{:.1}", ours / rate));
                    println!("  {name:<36}{rate:>12}/s  ours is {times} times that; {settings}");
                }
                _ => println!("  {peer}: {line}"),
            }
        }
    }
}

/// Prints what is measured on a store, and gives the runs per second by claim.
async fn measure(name: &str, url: &str, target: &str, seconds: usize, single: usize) -> Result<f64> {
    let url = url.parse()?;
    let store = open(&url).await?;
    let server = Db::connect_with(&url, clusterkeep_core::sql::ConnectOptions::default()).await?.server().await?;
    let schedules: Vec<ScheduleRecord> = (0..JOBS).map(schedule).collect::<Result<_>>()?;
    store.put(&schedules).await?;
    store.beat("bench", WORKER, "here", Duration::from_secs(3_600)).await?;
    let mut clock = DateTime::<Utc>::from_timestamp(1_800_000_000, 0).expect("an instant");
    let mut rates = Vec::new();
    for pattern in [Pattern::AtOnce, Pattern::ByClaim] {
        let mut times = Vec::new();
        // The first round is no one's: caches, plans and pages are cold.
        for round in 0..=RUNS {
            let start = Instant::now();
            for _ in 0..seconds {
                clock += TimeDelta::seconds(1);
                second(&*store, clock, pattern).await?;
            }
            if round > 0 {
                times.push(start.elapsed());
            }
        }
        rates.push(rate(JOBS * seconds, median(times)));
    }
    let start = Instant::now();
    for job in 0..single {
        let runs = [run(job, clock + TimeDelta::seconds(1), Pattern::AtOnce)];
        store.fire(&runs, &[advance(job, clock + TimeDelta::seconds(1))]).await?;
        store.finish(&[end(&runs[0].run, clock)]).await?;
    }
    rates.push(rate(single, start.elapsed()));
    println!(
        "{name:<12}{:>12}{:>12}{:>14}  {target}; {} {}",
        rates[0], rates[1], rates[2], server.product, server.version
    );
    Ok(rates[1] as f64)
}

fn rate(runs: usize, time: Duration) -> u128 {
    runs as u128 * 1_000_000 / time.as_micros().max(1)
}

const WORKER: Uuid = Uuid::from_u128(7);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    AtOnce,
    ByClaim,
}

/// What one second of all jobs sends.
async fn second(store: &dyn Store, at: DateTime<Utc>, pattern: Pattern) -> Result<()> {
    let runs: Vec<NewRun> = (0..JOBS).map(|job| run(job, at, pattern)).collect();
    let advances: Vec<Advance> = (0..JOBS).map(|job| advance(job, at)).collect();
    let made = store.fire(&runs, &advances).await?;
    assert!(made.iter().all(|made| made.is_made()), "each row is made");
    for some in runs.chunks(ENDS) {
        if pattern == Pattern::ByClaim {
            let claim = |new: &NewRun| {
                let (key, earlier) = (new.run.key.clone(), Vec::new());
                Claim { key, attempt: 0, worker: WORKER, at_once: 1, at, earlier }
            };
            let begun = store.claim(&some.iter().map(claim).collect::<Vec<_>>()).await?;
            assert!(begun.iter().all(|begun| *begun), "each is begun");
        }
        let ends: Vec<RunEnd> = some.iter().map(|new| end(&new.run, at)).collect();
        let ended = store.finish(&ends).await?;
        assert!(ended.iter().all(|ended| *ended), "each is ended");
    }
    Ok(())
}

fn name(job: usize) -> String {
    format!("job {job}")
}

fn schedule(job: usize) -> Result<ScheduleRecord> {
    Ok(ScheduleRecord {
        namespace: "bench".into(),
        spec: Job::named(name(job)).run("nothing").cron("* * * * * *").build()?,
        generation: 1,
        valid_from: DateTime::UNIX_EPOCH,
        next_fire: None,
        high_water: None,
        zone_data: "-".into(),
        zone_data_since: None,
        retired: None,
        paused: None,
        source: None,
    })
}

fn run(job: usize, at: DateTime<Utc>, pattern: Pattern) -> NewRun {
    let key =
        RunKey { namespace: "bench".into(), job: name(job), nominal: at, kind: RunKind::Scheduled, generation: 1 };
    let mut run = RunRecord::new(key, RunState::Pending);
    if pattern == Pattern::AtOnce {
        (run.state, run.attempt, run.worker, run.started) = (RunState::Running, 1, Some(WORKER), Some(at));
    }
    NewRun { run, gate: Gate { at_once: 1, otherwise: Otherwise::Skip } }
}

fn advance(job: usize, at: DateTime<Utc>) -> Advance {
    let next_fire = Some(at + TimeDelta::seconds(1));
    Advance { namespace: "bench".into(), job: name(job), generation: 1, paused: false, high_water: at, next_fire }
}

fn end(run: &RunRecord, at: DateTime<Utc>) -> RunEnd {
    RunEnd {
        key: run.key.clone(),
        attempt: 1,
        state: RunState::Succeeded,
        error: None,
        at,
        not_before: None,
        exit: None,
        result: None,
        output: None,
    }
}
