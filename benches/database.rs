//! Rates of loading into real databases.
//!
//! Prints a table; medians of several runs. PostgreSQL is started privately.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::time::{Duration, Instant};

use clusterkeep_benches::median;
use clusterkeep_core::Result;
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_testkit::{servers, weather};

const RUNS: usize = 5;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| clusterkeep_core::Error::caused("start the runtime", e))?.block_on(all())
}

async fn all() -> Result<()> {
    println!("{:<44}{:>16}{:>16}{:>10}", "what", "ours", "peer", "ratio");
    let folder = std::env::temp_dir().join(format!("clusterkeep-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("create", &folder, e))?;
    let url = format!("sqlite://{}/bench.db", folder.display()).parse()?;
    let sqlite = Db::connect_with(&url, ConnectOptions::default().create()).await?;
    load(&sqlite).await?;
    sqlite.close().await;
    std::fs::remove_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("remove", &folder, e))?;
    let Some(database) = servers::postgres().await else {
        println!("PostgreSQL is not to be had here");
        return Ok(());
    };
    let postgres = database.connect().await;
    load(&postgres).await
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn rate(rows: usize, time: Duration) -> String {
    format!("{:.0} rows/s", rows as f64 / time.as_secs_f64())
}

/// Loading 15 columns through `execute_many`.
async fn load(db: &Db) -> Result<()> {
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..RUNS {
        db.execute(sql("DROP TABLE IF EXISTS observations")).await?;
        let start = Instant::now();
        rows = weather::load(db).await?;
        times.push(start.elapsed());
    }
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let what = format!("{}: load 15 columns, index included", db.engine());
    println!("{what:<44}{:>16}{:>16}{:>10}", rate(rows, median(times)), "-", "-");
    db.execute(sql("DROP TABLE observations")).await.map(drop)
}
