//! Durable tasks per second of apalis: pushed in batches, fetched, run and acknowledged by one worker with as large a batch
//! as it is given; on the database at the address that is its one argument.
//!
//! `benches/durable.rs` starts it beside ours where `CLUSTERKEEP_BENCH_PEERS` names it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::*;
use futures::stream;

const TASKS: usize = 10_000;
const BATCH: usize = 1_000;
const AT_ONCE: usize = 16;
/// Where the worker has not come to its end by then, what it has done counts.
const MOST: Duration = Duration::from_secs(60);

static DONE: AtomicUsize = AtomicUsize::new(0);

async fn nothing(_: usize, worker: WorkerContext) -> Result<(), BoxDynError> {
    if DONE.fetch_add(1, Ordering::Relaxed) + 1 == TASKS {
        worker.stop()?;
    }
    Ok(())
}

/// Pushes all tasks, then works on them.
macro_rules! measure {
    ($name:literal, $storage:expr, $config:expr) => {{
        let start = Instant::now();
        let mut storage = $storage.with_config($config.batch_size(BATCH));
        for first in (0..TASKS).step_by(BATCH) {
            let mut tasks = stream::iter((first..first + BATCH).map(|task| TaskBuilder::new(task).build()));
            storage.push_all(&mut tasks).await?;
        }
        let pushed = start.elapsed();
        let backend = storage.poll_with_interval(Duration::from_millis(20));
        let worker = WorkerBuilder::new("peer").backend(backend).concurrency(AT_ONCE).build(nothing);
        drop(tokio::time::timeout(MOST, worker.run()).await);
        let (done, took) = (DONE.load(Ordering::Relaxed), start.elapsed());
        println!(
            "  {:<12}{:>10.0} tasks/s  {done} of {TASKS}; pushed in {:.2} s; batch {BATCH}, concurrency {AT_ONCE}, polled every 20 ms",
            $name,
            done as f64 / took.as_secs_f64(),
            pushed.as_secs_f64()
        );
    }};
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the address of a database")?;
    if url.starts_with("sqlite:") {
        let pool = apalis_sqlite::SqlitePool::connect(&format!("{url}.apalis?mode=rwc")).await?;
        apalis_sqlite::SqliteStorage::setup(&pool).await?;
        let storage = apalis_sqlite::SqliteStorage::<usize>::new(&pool);
        measure!("apalis 1.0.0 (apalis-sqlite)", storage, apalis_sqlite::Config::default());
    } else {
        let pool = apalis_postgres::PgPool::connect(&url).await?;
        apalis_postgres::PostgresStorage::setup(&pool).await?;
        let storage = apalis_postgres::PostgresStorage::<usize>::new(&pool);
        measure!("apalis 1.0.0 (apalis-postgres)", storage, apalis_postgres::Config::default());
    }
    Ok(())
}
