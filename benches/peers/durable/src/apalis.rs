//! Durable tasks per second of apalis: pushed in batches, fetched, run and acknowledged by one worker with as large a batch
//! as it is given; on the database at the address that is its one argument.
//!
//! `benches/durable.rs` starts it beside ours where `CLUSTERKEEP_BENCH_PEERS` names it. It prints its name, tasks per second
//! and settings with tabs in between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::*;
use futures::stream;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};

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
    ($name:literal, $durable:literal, $storage:expr, $config:expr) => {{
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
            "{}\t{:.0}\t{}; {done} of {TASKS}; pushed in {:.2} s; batch {BATCH}, concurrency {AT_ONCE}, polled every 20 ms",
            $name,
            done as f64 / took.as_secs_f64(),
            $durable,
            pushed.as_secs_f64()
        );
    }};
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the address of a database")?;
    if let Some(path) = url.strip_prefix("sqlite://") {
        let file = SqliteConnectOptions::new().filename(format!("{path}.apalis")).create_if_missing(true);
        // Its setup switches syncing off, for the session that it has; those that are opened after it sync like ours.
        let pool = SqlitePoolOptions::new().connect_with(file.clone()).await?;
        apalis_sqlite::SqliteStorage::setup(&pool).await?;
        pool.close().await;
        let pool = SqlitePoolOptions::new().connect_with(file.synchronous(SqliteSynchronous::Full)).await?;
        let storage = apalis_sqlite::SqliteStorage::<usize>::new(&pool);
        measure!("apalis-sqlite 1.0.0", "WAL, synchronous = FULL", storage, apalis_sqlite::Config::default());
    } else {
        let pool = apalis_postgres::PgPool::connect(&url).await?;
        apalis_postgres::PostgresStorage::setup(&pool).await?;
        let storage = apalis_postgres::PostgresStorage::<usize>::new(&pool);
        measure!("apalis-postgres 1.0.0", "the same server", storage, apalis_postgres::Config::default());
    }
    Ok(())
}
