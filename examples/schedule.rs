//! Scheduling: a week walked through without waiting, and a scheduler at work for a few seconds.
//!
//!     cargo run -p clusterkeep-examples --example schedule

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::age::seconds;
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Event, Job, MemoryStore, Overlap, Run, RunQuery, RunState, Scheduler, Store};

#[tokio::main]
async fn main() -> Result<()> {
    simulated().await?;
    real().await
}

/// Before a job goes live one can see what it will do: here, in the week in which New York's clock goes back.
async fn simulated() -> Result<()> {
    let runs = Scheduler::builder()
        // Jobs name what they run, and programs register what the name does. In a simulation the handler runs at each
        // fire, with a clock that stands at its instant.
        .handler("thin-out", |run: Run| async move {
            run.message(format!("attempt {} of {}", run.attempt(), run.job())).await;
            Ok(())
        })
        .job(Job::named("nightly").run("thin-out").cron("30 1 * * *").zone("America/New_York"))
        .simulate(instant("2026-10-29T00:00:00-04:00")?, instant("2026-11-05T00:00:00-05:00")?)
        .await?;
    for run in &runs {
        let local = run.key.nominal.with_timezone(&chrono_tz::America::New_York);
        let note = run.note.as_ref().map(|note| format!("   {note}")).unwrap_or_default();
        println!("{}   {}{note}", local.format("%a %Y-%m-%d %H:%M %Z"), run.key.nominal.format("%H:%M UTC"));
    }
    println!("{} fires in the week", runs.len());
    Ok(())
}

/// The same for real, every second. A store on disk instead of this one (`SqliteStore::open`) outlives the program: no
/// fire is lost then, and none is made twice.
async fn real() -> Result<()> {
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let scheduler = Scheduler::builder()
        .store(store.clone())
        .handler("tick", |run: Run| async move {
            run.progress(0.5).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(())
        })
        // A fire that finds the run before it still at work is recorded as skipped, and doesn't pile up behind it.
        .job(Job::named("ticker").run("tick").every(seconds(1)).overlap(Overlap::Skip))
        .on_event(|event| {
            if let Event::Started(run) = event {
                println!("{} is running", run.key.job);
            }
        })
        .start()
        .await?;
    tokio::time::sleep(Duration::from_millis(3500)).await;

    // Nothing new starts, and what is at work may end. Dropping the guard does the same without waiting for it.
    let drained = scheduler.drain().await?;
    let runs = store.runs(&RunQuery::all()).await?;
    let succeeded = runs.iter().filter(|run| run.state == RunState::Succeeded).count();
    println!("{succeeded} runs have succeeded, {} were cut off", drained.cut_off);
    Ok(())
}

fn instant(text: &str) -> Result<DateTime<Utc>> {
    text.parse().map_err(|e| Error::caused(format!("read the instant {text}"), e))
}
