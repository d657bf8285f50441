//! Rates against real databases, side by side with hand-written SQL: loading, and making a rollup.
//!
//! Prints a table; medians of several runs, ours and the peer's in turn. PostgreSQL is started privately.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Statement, Value, sql};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy, Rollup};
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
    rollup(&sqlite).await?;
    sqlite.close().await;
    std::fs::remove_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("remove", &folder, e))?;
    let Some(database) = servers::postgres().await else {
        println!("PostgreSQL is not to be had here");
        return Ok(());
    };
    let postgres = database.connect().await;
    load(&postgres).await?;
    rollup(&postgres).await
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
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

const ROWS: i64 = 1_000_000;

async fn fill(db: &Db) -> Result<()> {
    let create = match db.engine() {
        Engine::Sqlite => sql("CREATE TABLE raw (origin TEXT, ts INTEGER, a REAL, b REAL)"),
        _ => sql("CREATE TABLE raw (origin text, ts timestamptz, a float8, b float8)"),
    };
    db.execute(create).await?;
    db.execute(sql("CREATE INDEX raw_ts ON raw (ts)")).await?;
    let start: DateTime<Utc> = DateTime::from_timestamp(1_357_016_400, 0).unwrap_or_default();
    let mut session = db.session().await?;
    let insert = sql("INSERT INTO raw (origin, ts, a, b) VALUES (?, ?, ?, ?)");
    for chunk in 0..ROWS / 50_000 {
        let rows: Vec<Vec<Value>> = (chunk * 50_000..(chunk + 1) * 50_000)
            .map(|nth| {
                let at = start + TimeDelta::seconds(nth * 31);
                let at = if db.engine() == Engine::Sqlite { at.timestamp().into() } else { at.into() };
                let value = f64::from(i32::try_from(nth % 1009).unwrap_or(0));
                vec![
                    ["EWR", "JFK", "LGA"][usize::try_from(nth % 3).unwrap_or(0)].into(),
                    at,
                    value.into(),
                    (value / 7.0).into(),
                ]
            })
            .collect();
        session.execute_many(&insert, &rows).await?;
    }
    if db.engine() == Engine::Postgres {
        session.execute(&sql("VACUUM ANALYZE raw")).await?;
    }
    Ok(())
}

/// The same rollup by hand, in the engine's best form that is right about the zone.
fn by_hand(engine: Engine) -> Statement {
    match engine {
        Engine::Sqlite => {
            sql("INSERT INTO hand (origin, bucket, a_count, a_sum, a_min, a_max, b_count, b_sum, b_min, b_max) \
            SELECT origin, CASE WHEN ts < 1362891600 THEN (ts - 18000) / 86400 * 86400 + 18000 \
            WHEN ts < 1362974400 THEN 1362891600 WHEN ts < 1383451200 THEN (ts - 14400) / 86400 * 86400 + 14400 \
            WHEN ts < 1383541200 THEN 1383451200 ELSE (ts - 18000) / 86400 * 86400 + 18000 END AS bucket, \
            count(a), sum(a), min(a), max(a), count(b), sum(b), min(b), max(b) FROM raw GROUP BY 1, 2")
        }
        _ => sql("INSERT INTO hand (origin, bucket, a_count, a_sum, a_min, a_max, b_count, b_sum, b_min, b_max) \
            SELECT origin, date_trunc('day', ts, 'America/New_York') AS bucket, \
            count(a), sum(a), min(a), max(a), count(b), sum(b), min(b), max(b) FROM raw GROUP BY 1, 2"),
    }
}

/// A daily rollup of a million rows, verification beside it.
async fn rollup(db: &Db) -> Result<()> {
    fill(db).await?;
    let (mut ours, mut peer, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        for table in ["DROP TABLE IF EXISTS daily", "DROP TABLE IF EXISTS hand"] {
            db.execute(sql(table)).await?;
        }
        forget(db).await?;
        let (build, verification) = build(db).await?;
        ours.push(build);
        verified.push(verification);
        db.execute(sql("CREATE TABLE hand AS SELECT * FROM daily WHERE 1 = 0")).await?;
        db.execute(sql("CREATE INDEX hand_bucket ON hand (bucket, origin)")).await?;
        let start = Instant::now();
        db.execute(by_hand(db.engine())).await?;
        peer.push(start.elapsed());
        let different = sql("SELECT count(*) FROM (SELECT origin, bucket, a_count, a_min, a_max FROM daily \
                             EXCEPT SELECT origin, bucket, a_count, a_min, a_max FROM hand) AS d");
        assert_eq!(db.query(different).await?.scalar::<i64>()?, 0, "both made the same");
    }
    let (ours, peer, verified) = (median(ours), median(peer), median(verified));
    let rows = usize::try_from(ROWS).unwrap_or(0);
    let ratio = ours.as_secs_f64() / peer.as_secs_f64();
    let what = format!("{}: daily rollup of 1 M rows", db.engine());
    println!("{what:<44}{:>16}{:>16}{ratio:>10.2}", rate(rows, ours), rate(rows, peer));
    let what = format!("{}: its verification, beside it", db.engine());
    println!("{what:<44}{:>16}{:>16}{:>10}", rate(rows, verified), "-", "-");
    Ok(())
}

/// Lets the records of an earlier run go, so that every run makes all buckets.
async fn forget(db: &Db) -> Result<()> {
    let table = match db.engine() {
        Engine::Sqlite => sql("DELETE FROM clusterkeep_rollups"),
        _ => sql("DELETE FROM clusterkeep.rollups"),
    };
    match db.execute(table).await {
        Err(e) if e.class() == Some(clusterkeep_core::ErrorClass::MissingRelation) => Ok(()),
        done => done.map(drop),
    }
}

/// The time that making took, and the time that looking again took.
async fn build(db: &Db) -> Result<(Duration, Duration)> {
    let marks: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let heard = Arc::clone(&marks);
    let mark = move |event| {
        if matches!(event, Event::StepStarted { .. } | Event::Progress { .. } | Event::StepFinished { .. })
            && let Ok(mut marks) = heard.lock()
        {
            marks.push(Instant::now());
        }
    };
    let policy = Policy::for_table("raw")
        .time("ts")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(["a", "b"]).into("daily"));
    let retention = Retention::new(db.clone()).policy(policy).events(Events::to(mark));
    let plan = retention.plan(Utc::now()).await?;
    let report = retention.apply(&plan, Approval::from(plan.hash)).await?;
    assert_eq!(report.exit_code(), ExitCode::Done);
    let marks = marks.lock().map(|marks| marks.clone()).unwrap_or_default();
    assert_eq!(marks.len(), 3, "one step");
    Ok((marks[1] - marks[0], marks[2] - marks[1]))
}
