//! A scheduler with a million jobs, and one that fires a thousand times a second: what it holds, costs and is late.
//!
//! Each measurement is a process of its own that does nothing else, several times over; the figures are medians.
//!
//! - *a million*: jobs of one handler at 1,400 different times of the day, of which none comes while it is measured; store
//!   in memory. Loading them ends when the scheduler runs. Idle cost is the processor time of the whole process.
//! - *due at once*: 100,000 further jobs that fire in the same second, beside the 900,000 that do not; at most 1,024 run at
//!   once, which goes without saying. Dispatched is from the second on which they are due to the start of the last handler.
//! - *late*: from the nominal instant to the handler's first line, of 1,000 jobs that fire every second: each at a
//!   millisecond of its own, or all together.
//!
//! A peer that can do the same is measured in the same run: the program that `CLUSTERKEEP_BENCH_SCHEDULER_PEER` names, such as
//! `tokio-cron` of `benches/peers/durable`. It gets a measurement and its size and prints what it found, as this one does.
//!
//!     cargo bench -p clusterkeep-benches --bench scheduler

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Timelike, Utc};
use clusterkeep_benches::process::{busy, memory};
use clusterkeep_core::age;
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Job, Run, Scheduler, SchedulerBuilder, SqliteStore, When};
use serde_json::{Value, json};

const MILLION: usize = 1_000_000;
const DUE: usize = 100_000;
const PER_SECOND: usize = 1_000;
/// As many as a peer can be expected to hold.
const FOR_PEERS: usize = 10_000;
const RUNS: usize = 3;
const IDLE: Duration = Duration::from_secs(20);
/// How long fires are measured; those of the first two seconds don't count.
const FIRING: Duration = Duration::from_secs(22);
/// After so long at the latest all is loaded, and what is due together comes due.
const UNTIL_DUE: TimeDelta = TimeDelta::seconds(30);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, what, size] = arguments.as_slice()
        && flag == "--measure"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::caused("start the runtime", error))?;
        let size = size.parse().map_err(|error| Error::caused("read the size", error))?;
        println!("{}", runtime.block_on(measure(what, size))?);
        return Ok(());
    }
    println!("{}", machine());
    println!("median of {RUNS} runs, in brackets the worst; store in memory, where nothing else is said");
    let of_us = [("million", MILLION, MILLION_TARGETS), ("due", DUE, DUE_TARGETS)];
    for (what, size, targets) in of_us {
        report(what, &own(what, size), targets);
    }
    report("apart", &own("apart", MILLION), &[]);
    for (what, targets) in [
        ("late", LATE_TARGETS),
        ("late-together", LATE_TARGETS),
        ("late-sqlite", LATE_DURABLE_TARGETS),
        ("late-sqlite-together", LATE_DURABLE_TARGETS),
    ] {
        report(what, &own(what, PER_SECOND), targets);
    }
    peer();
    Ok(())
}

type Target = (&'static str, f64);
const MILLION_TARGETS: &[Target] = &[("loaded s", 5.0), ("resident MB", 200.0), ("peak MB", 200.0), ("idle %", 0.5)];
const DUE_TARGETS: &[Target] = &[("dispatched s", 3.0)];
const LATE_TARGETS: &[Target] = &[("p99 ms", 10.0)];
const LATE_DURABLE_TARGETS: &[Target] = &[("p99 ms", 25.0)];

/// What ran, where.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(1).collect();
    format!(
        "clusterkeep-scheduler {} on {cores} cores ({model}), load {} when it began; synchronous = FULL where it says SQLite",
        env!("CARGO_PKG_VERSION"),
        load.join(" ")
    )
}

fn own(what: &str, size: usize) -> Vec<Value> {
    let program = std::env::current_exe().expect("the path of this program");
    (0..RUNS).map(|_| run(Command::new(&program).args(["--measure", what, &size.to_string()]))).collect()
}

/// What a process has measured: numbers by their names.
fn run(command: &mut Command) -> Value {
    let output = command.output().expect("a program starts");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| json!({ "failed": String::from_utf8_lossy(&output.stderr).trim() }))
}

/// Prints each number with its target, where it has one.
fn report(what: &str, runs: &[Value], targets: &[Target]) {
    println!("{what}");
    for (name, first) in runs.iter().filter_map(Value::as_object).take(1).flatten() {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(name)?.as_f64()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (Some(median), Some(worst)) = (values.get(values.len() / 2), values.last()) else {
            println!("  {name:<14} {first}");
            continue;
        };
        let target = targets.iter().find(|(of, _)| of == name).map_or_else(String::new, |(_, target)| {
            format!("  target below {target}: {}", if median < target { "reached" } else { "missed" })
        });
        println!("  {name:<14}{median:>12.3} ({worst:.3}){target}");
    }
}

/// The same measurements of a peer, and of ours at its size.
fn peer() {
    let Ok(program) = std::env::var("CLUSTERKEEP_BENCH_SCHEDULER_PEER") else {
        println!("no peer: CLUSTERKEEP_BENCH_SCHEDULER_PEER names none");
        return;
    };
    for (what, size) in [("million", FOR_PEERS), ("late-together", PER_SECOND)] {
        report(&format!("ours: {what} {size}"), &own(what, size), &[]);
        let theirs: Vec<Value> =
            (0..RUNS).map(|_| run(Command::new(&program).args(["--measure", what, &size.to_string()]))).collect();
        report(&format!("peer: {what} {size}"), &theirs, &[]);
    }
}

async fn measure(what: &str, size: usize) -> Result<Value> {
    match what {
        "million" => many(size, false).await,
        "apart" => many(size, true).await,
        "due" => due(size).await,
        "late" => late(size, false, false).await,
        "late-together" => late(size, false, true).await,
        "late-sqlite" => late(size, true, false).await,
        "late-sqlite-together" => late(size, true, true).await,
        other => Err(Error::input(format!("`{other}` is nothing to measure"))),
    }
}

/// Adds jobs that fire every day, none of them in the next ten minutes; `apart`, each with an argument of its own.
fn quiet(mut builder: SchedulerBuilder, jobs: std::ops::Range<usize>, apart: bool) -> SchedulerBuilder {
    let now = Utc::now();
    let minute = (now.hour() * 60 + now.minute()) as usize;
    for job in jobs {
        let at = (minute + 10 + job % 1_400) % 1_440;
        let mut new = Job::named(format!("job {job}")).run("nothing").cron(format!("{} {} * * *", at % 60, at / 60));
        if apart {
            new = new.arg("number", job);
        }
        builder = builder.job(new);
    }
    builder
}

fn scheduler() -> SchedulerBuilder {
    Scheduler::builder().handler("nothing", |_: Run| async { Ok(()) })
}

async fn many(jobs: usize, apart: bool) -> Result<Value> {
    let start = Instant::now();
    let scheduler = quiet(scheduler(), 0..jobs, apart).start().await?;
    let loaded = start.elapsed();
    let memory = json!({
        "loaded s": loaded.as_secs_f64(),
        "resident MB": memory("VmRSS:"),
        "peak MB": memory("VmHWM:"),
    });
    let (start, before) = (Instant::now(), busy());
    tokio::time::sleep(IDLE).await;
    let idle = (busy() - before).as_secs_f64() / start.elapsed().as_secs_f64() * 100.0;
    scheduler.drain().await?;
    let mut found = memory;
    found["idle %"] = idle.into();
    Ok(found)
}

async fn due(jobs: usize) -> Result<Value> {
    let at = (Utc::now() + UNTIL_DUE).duration_trunc(TimeDelta::seconds(1)).expect("a second");
    let late = Late::default();
    let mut builder = quiet(late.handler(scheduler()), jobs..MILLION, false);
    for job in 0..jobs {
        builder = builder.job(Job::named(format!("due {job}")).run("late").at(at));
    }
    let scheduler = builder.start().await?;
    if Utc::now() >= at {
        return Err(Error::failed("load all before they are due"));
    }
    let most = Instant::now() + UNTIL_DUE.to_std().unwrap_or_default() * 4;
    while late.lock().len() < jobs && Instant::now() < most {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scheduler.drain().await?;
    let all = late.all();
    let last = all.last().copied().unwrap_or_default();
    Ok(json!({ "ran": all.len(), "dispatched s": last / 1_000.0, "p50 s": at_part(&all, 0.5) / 1_000.0 }))
}

async fn late(jobs: usize, durable: bool, together: bool) -> Result<Value> {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let late = Late::default();
    let mut builder = late.handler(scheduler());
    if durable {
        builder = builder.store(Arc::new(SqliteStore::open(folder.path().join("jobs.db")).await?) as Arc<_>);
    }
    for job in 0..jobs {
        let offset = if together { 0 } else { i64::try_from(job * 1_000 / jobs).unwrap_or_default() };
        let from = DateTime::from_timestamp_millis(offset);
        let every = When::Every { interval: age::seconds(1), from };
        builder = builder.job(Job::named(format!("job {job}")).run("late").cron(every));
    }
    let scheduler = builder.start().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    late.lock().clear();
    let (start, before) = (Instant::now(), busy());
    tokio::time::sleep(FIRING - Duration::from_secs(2)).await;
    let all = late.all();
    let seconds = start.elapsed().as_secs_f64();
    let cost = (busy() - before).as_secs_f64() / seconds * 100.0;
    scheduler.drain().await?;
    Ok(json!({
        "fires/s": all.len() as f64 / seconds,
        "p50 ms": at_part(&all, 0.5),
        "p99 ms": at_part(&all, 0.99),
        "max ms": all.last().copied().unwrap_or_default(),
        "% of a core": cost,
    }))
}

/// By how many milliseconds handlers were late.
#[derive(Debug, Clone, Default)]
struct Late(Arc<Mutex<Vec<f64>>>);

impl Late {
    fn handler(&self, builder: SchedulerBuilder) -> SchedulerBuilder {
        let late = self.clone();
        builder.handler("late", move |run: Run| {
            let by = Utc::now() - run.nominal();
            late.lock().push(by.as_seconds_f64() * 1_000.0);
            async { Ok(()) }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, the smallest first.
    fn all(&self) -> Vec<f64> {
        let mut all = self.lock().clone();
        all.sort_unstable_by(f64::total_cmp);
        all
    }
}

/// The value that this part of all does not exceed.
fn at_part(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}
