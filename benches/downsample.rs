//! Rates of making rollups: pushed down beside the same by hand, and read row by row beside draining the same cursor.
//!
//! Prints a table; medians of several runs, ours and the peer's in turn. PostgreSQL is started privately.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_benches::median;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Statement, Value, sql};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Extra, Meaning, Policy, Rollup};
use clusterkeep_testkit::servers;
use futures::StreamExt;

const RUNS: usize = 5;
const ROWS: i64 = 1_000_000;
/// As many as show whether memory grows with the table.
const MANY: i64 = 5_000_000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| clusterkeep_core::Error::caused("start the runtime", e))?.block_on(all())
}

async fn all() -> Result<()> {
    println!("{:<60}{:>16}{:>16}{:>10}", "what", "ours", "peer", "ratio");
    let folder = std::env::temp_dir().join(format!("clusterkeep-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("create", &folder, e))?;
    let url = format!("sqlite://{}/bench.db", folder.display()).parse()?;
    let sqlite = Db::connect_with(&url, ConnectOptions::default().create()).await?;
    engine(&sqlite).await?;
    sqlite.close().await;
    std::fs::remove_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("remove", &folder, e))?;
    let Some(database) = servers::postgres().await else {
        println!("PostgreSQL is not to be had here");
        return Ok(());
    };
    engine(&database.connect().await).await
}

async fn engine(db: &Db) -> Result<()> {
    fill(db, 0..ROWS).await?;
    pushed_down(db).await?;
    streamed(db, "first, last, variance", &[Extra::First, Extra::Last, Extra::Variance]).await?;
    streamed(db, "all that can be kept", &Extra::ALL).await?;
    fill(db, ROWS..MANY).await?;
    memory(db).await
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn rate(time: Duration) -> String {
    format!("{:.0} rows/s", ROWS as f64 / time.as_secs_f64())
}

fn show(what: &str, ours: Duration, peer: Option<(Duration, f64)>) {
    let (peer, ratio) = peer.map_or(("-".into(), "-".into()), |(peer, ratio)| (rate(peer), format!("{ratio:.2}")));
    println!("{what:<60}{:>16}{peer:>16}{ratio:>10}", rate(ours));
}

/// When the first row happened.
fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_357_016_400, 0).unwrap_or_default()
}

/// Three series, a value each 31 seconds.
async fn fill(db: &Db, numbers: std::ops::Range<i64>) -> Result<()> {
    let create = match db.engine() {
        Engine::Sqlite => sql("CREATE TABLE IF NOT EXISTS raw (origin TEXT, ts INTEGER, a REAL, b REAL)"),
        _ => sql("CREATE TABLE IF NOT EXISTS raw (origin text, ts timestamptz, a float8, b float8)"),
    };
    db.execute(create).await?;
    db.execute(sql("CREATE INDEX IF NOT EXISTS raw_ts ON raw (ts)")).await?;
    let start = start();
    let mut session = db.session().await?;
    let insert = sql("INSERT INTO raw (origin, ts, a, b) VALUES (?, ?, ?, ?)");
    let mut from = numbers.start;
    while from < numbers.end {
        let rows: Vec<Vec<Value>> = (from..from + 50_000)
            .map(|nth| {
                // So many in a year, however many there are.
                let at = start + TimeDelta::seconds(nth % ROWS * 31);
                let at = if db.engine() == Engine::Sqlite { at.timestamp().into() } else { at.into() };
                let value = f64::from(i32::try_from(nth % 1009).unwrap_or(0));
                let origin = ["EWR", "JFK", "LGA"][usize::try_from(nth % 3).unwrap_or(0)];
                vec![origin.into(), at, value.into(), (value / 7.0).into()]
            })
            .collect();
        session.execute_many(&insert, &rows).await?;
        from += 50_000;
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
async fn pushed_down(db: &Db) -> Result<()> {
    let (mut ours, mut peer, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        forget(db).await?;
        let (build, verification) = build(db, &[]).await?;
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
    let (ours, peer) = (median(ours), median(peer));
    // How many times as long it takes as by hand.
    let ratio = ours.as_secs_f64() / peer.as_secs_f64();
    show(&format!("{}: days of 1 M rows, pushed down, beside by hand", db.engine()), ours, Some((peer, ratio)));
    show(&format!("{}: its verification, beside it", db.engine()), median(verified), None);
    Ok(())
}

/// The same, read row by row, beside reading the same rows and doing nothing with them.
async fn streamed(db: &Db, what: &str, extras: &[Extra]) -> Result<()> {
    let (mut ours, mut peer, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    // The very query that buckets are read by: without its bounds an engine may sort where ours walks an index.
    let within =
        |at: DateTime<Utc>| if db.engine() == Engine::Sqlite { Value::from(at.timestamp()) } else { at.into() };
    let drain = sql("SELECT origin, ts, a, b FROM raw WHERE ts >= ? AND ts < ? ORDER BY ts")
        .bind(within(start() - TimeDelta::days(1)))
        .bind(within(start() + TimeDelta::days(400)));
    for _ in 0..RUNS {
        forget(db).await?;
        let (build, verification) = build(db, extras).await?;
        ours.push(build);
        verified.push(verification);
        let mut session = db.session().await?;
        session.begin().await?;
        let start = Instant::now();
        let mut rows = session.stream(&drain).await?;
        let mut read = 0;
        while let Some(row) = rows.next().await.transpose()? {
            read += std::hint::black_box(row).values().len();
        }
        peer.push(start.elapsed());
        assert_eq!(read, 4 * usize::try_from(ROWS).unwrap_or(0));
    }
    let (ours, peer) = (median(ours), median(peer));
    // What share of the cursor's rate is left.
    let share = peer.as_secs_f64() / ours.as_secs_f64();
    show(&format!("{}: days read row by row ({what}), beside the cursor", db.engine()), ours, Some((peer, share)));
    show(&format!("{}: its verification, beside it", db.engine()), median(verified), None);
    Ok(())
}

/// The most memory that the process has while it reads five million rows.
async fn memory(db: &Db) -> Result<()> {
    forget(db).await?;
    // The mark is set back, so that what came before does not count.
    if std::fs::write("/proc/self/clear_refs", "5").is_err() {
        println!("how much memory was in use at most is not to be had here");
        return Ok(());
    }
    build(db, &Extra::ALL).await?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown").trim().to_owned();
    let what = format!("{}: memory at most, 5 M rows read row by row", db.engine());
    println!("{what:<60}{peak:>16}{:>16}{:>10}", "-", "-");
    Ok(())
}

/// Lets the records and tables of an earlier run go, so that every run makes all buckets.
async fn forget(db: &Db) -> Result<()> {
    for table in ["DROP TABLE IF EXISTS daily", "DROP TABLE IF EXISTS hand"] {
        db.execute(sql(table)).await?;
    }
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
async fn build(db: &Db, extras: &[Extra]) -> Result<(Duration, Duration)> {
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
        .downsample(Rollup::daily().of(["a", "b"]).with(extras.iter().copied()).into("daily"));
    let retention = Retention::new(db.clone()).policy(policy).events(Events::to(mark));
    let plan = retention.plan(Utc::now()).await?;
    let report = retention.apply(&plan, Approval::from(plan.hash)).await?;
    assert_eq!(report.exit_code(), ExitCode::Done);
    let marks = marks.lock().map(|marks| marks.clone()).unwrap_or_default();
    assert_eq!(marks.len(), 3, "one step");
    Ok((marks[1] - marks[0], marks[2] - marks[1]))
}
