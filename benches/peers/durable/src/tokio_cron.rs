//! The scheduler of the crate tokio-cron-scheduler, in memory: how long it takes to load jobs, what it holds and costs while
//! none of them fires, how late those are that fire every second, and how many it runs in a second.
//!
//! With `--measure million N` and `--measure late-together N` it prints what `benches/scheduler.rs` prints of ours, for so many
//! jobs. With the address of a database it prints, as `benches/durable.rs` wants it, what it runs without one: its own
//! stores (PostgreSQL, NATS) keep schedules and no runs.

#[path = "../../../process.rs"]
mod process;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{Timelike, Utc};
use process::{busy, memory};
use serde_json::{Value, json};
use tokio_cron_scheduler::{Job, JobScheduler};

const NAME: &str = "tokio-cron-scheduler 0.15";
const JOBS: usize = 10_000;
const IDLE: Duration = Duration::from_secs(20);
const FIRING: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--measure", "million", size] => println!("{}", many(size.parse()?).await?),
        [_, "--measure", "late-together", size] => println!("{}", late(size.parse()?).await?),
        [_, url] if url.starts_with("sqlite:") => println!("{}", once().await?),
        [_, _] => {}
        _ => return Err("say what to measure".into()),
    }
    Ok(())
}

/// Jobs that fire every day, none of them in the next ten minutes.
async fn many(jobs: usize) -> Result<Value, Box<dyn Error>> {
    let start = Instant::now();
    let scheduler = JobScheduler::new_with_channel_size(1_000).await?;
    let minute = (Utc::now().hour() * 60 + Utc::now().minute()) as usize;
    for job in 0..jobs {
        let at = (minute + 10 + job % 1_400) % 1_440;
        let cron = format!("0 {} {} * * *", at % 60, at / 60);
        scheduler.add(Job::new_async(cron, |_, _| Box::pin(async {}))?).await?;
    }
    scheduler.start().await?;
    let mut found = json!({
        "of": NAME,
        "loaded s": start.elapsed().as_secs_f64(),
        "resident MB": memory("VmRSS:"),
        "peak MB": memory("VmHWM:"),
    });
    let (start, before) = (Instant::now(), busy());
    tokio::time::sleep(IDLE).await;
    found["idle %"] = ((busy() - before).as_secs_f64() / start.elapsed().as_secs_f64() * 100.0).into();
    Ok(found)
}

/// Jobs that all fire at every second.
async fn late(jobs: usize) -> Result<Value, Box<dyn Error>> {
    let late: Arc<Mutex<Vec<f64>>> = Arc::default();
    let scheduler = JobScheduler::new_with_channel_size(10_000).await?;
    for _ in 0..jobs {
        let late = late.clone();
        let job = Job::new_async("* * * * * *", move |_, _| {
            // A handler is not told what it is for: the second that it falls into.
            let by = f64::from(Utc::now().timestamp_subsec_micros()) / 1_000.0;
            late.lock().unwrap_or_else(PoisonError::into_inner).push(by);
            Box::pin(async {})
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    late.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let (start, before) = (Instant::now(), busy());
    tokio::time::sleep(FIRING).await;
    let seconds = start.elapsed().as_secs_f64();
    let cost = (busy() - before).as_secs_f64() / seconds * 100.0;
    let mut all = late.lock().unwrap_or_else(PoisonError::into_inner).clone();
    all.sort_unstable_by(f64::total_cmp);
    let part = |part: f64| all.get(((all.len() as f64 * part).ceil() as usize).saturating_sub(1)).copied();
    Ok(json!({
        "of": NAME,
        "fires/s": all.len() as f64 / seconds,
        "p50 ms": part(0.5),
        "p99 ms": part(0.99),
        "max ms": all.last(),
        "% of a core": cost,
    }))
}

/// Jobs that run once, at once.
async fn once() -> Result<String, Box<dyn Error>> {
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    let scheduler = JobScheduler::new_with_channel_size(JOBS).await?;
    for _ in 0..JOBS {
        let done = done.clone();
        let job = Job::new_one_shot_async(Duration::from_secs(1), move |_, _| {
            done.send(()).ok();
            Box::pin(async {})
        })?;
        scheduler.add(job).await?;
    }
    let added = start.elapsed();
    scheduler.start().await?;
    let mut count = 0;
    while count < JOBS && matches!(tokio::time::timeout(Duration::from_secs(60), ended.recv()).await, Ok(Some(()))) {
        count += 1;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let added = added.as_secs_f64();
    Ok(format!("{NAME}\t{rate:.0}\tin memory: its stores keep no runs; {count} of {JOBS} that run once; added in {added:.2} s"))
}
