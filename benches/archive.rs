//! Rates of exports: a partition of PostgreSQL to a local file, beside `COPY ... TO` a file by the server itself.
//!
//! Prints a table; medians of several runs, ours and the peer's in turn. PostgreSQL is started privately. The first run
//! of each, on a million rows, shows what the rates are on little.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::DateTime;
use clusterkeep_benches::median;
use clusterkeep_core::sql::{Db, Statement, sql};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::archive::{self, Archived, Context, Location, Part, Target};
use clusterkeep_retention::observe::PartitionId;
use clusterkeep_testkit::servers;

const RUNS: usize = 3;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Error::caused("start the runtime", e))?.block_on(all())
}

async fn all() -> Result<()> {
    println!("{:<52}{:>16}{:>16}{:>10}", "what", "ours", "peer", "ratio");
    let Some(database) = servers::postgres().await else {
        println!("PostgreSQL is not to be had here");
        return Ok(());
    };
    let db = database.connect().await;
    for rows in [1_000_000, 10_000_000] {
        partition(&db, rows).await?;
    }
    println!("peak memory of this process: {}", peak());
    Ok(())
}

async fn partition(db: &Db, rows: u64) -> Result<()> {
    fill(db, rows).await?;
    let folder = tempfile::tempdir().map_err(|e| Error::caused("make a folder", e))?;
    open_to_all(folder.path())?;
    let name = PartitionId::Table(std::sync::Arc::new("raw_october".parse()?));
    let part = Part::partition("raw".parse()?, name, None);
    let (mut ours, mut peer, mut verified, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
    for run in 0..RUNS {
        let copy = folder.path().join("peer.copy");
        let start = Instant::now();
        db.execute(Statement::assert_safe(format!("COPY raw_october TO '{}'", copy.display()))).await?;
        peer.push(start.elapsed());
        std::fs::remove_file(&copy).map_err(|e| Error::io("remove", &copy, e))?;

        let location: Location = folder.path().join(format!("cold{run}")).display().to_string().parse()?;
        let start = Instant::now();
        let Archived { manifest, .. } =
            archive::export(&location, db, &part, &Context::at(DateTime::UNIX_EPOCH)).await?;
        ours.push(start.elapsed());
        let start = Instant::now();
        archive::verify(&location, &manifest.name).await?;
        verified.push(start.elapsed());
        last = Some((location, manifest));
    }
    let (ours, peer) = (median(ours), median(peer));
    let ratio = peer.as_secs_f64() / ours.as_secs_f64();
    show(&format!("export of {rows} rows, beside COPY ... TO"), rows, ours, Some((peer, ratio)));
    show("  read back and verified", rows, median(verified), None);
    if let Some((location, manifest)) = last {
        println!("  {} MiB in the file", manifest.file.bytes >> 20);
        if rows == 1_000_000 {
            let start = Instant::now();
            archive::restore(&location, &manifest.name, db, &Target::Table("back".parse()?)).await?;
            show("  restored beside, and verified", rows, start.elapsed(), None);
        }
    }
    Ok(())
}

/// A partition of measurements: an instant, a series, a name of one in three, and two numbers.
async fn fill(db: &Db, rows: u64) -> Result<()> {
    let mut session = db.session().await?;
    session
        .execute_script(&sql("DROP TABLE IF EXISTS raw, back;
        CREATE TABLE raw (at timestamptz NOT NULL, sensor bigint NOT NULL, origin text, temp float8, humid float8)
            PARTITION BY RANGE (at);
        CREATE TABLE raw_october PARTITION OF raw FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')"))
        .await?;
    // Measured values repeat little: two digits after the point of the one, a whole number of percents of the other.
    let fill = sql(
        "INSERT INTO raw SELECT timestamptz '2026-10-01' + n * interval '0.2 seconds', (random() * 1000)::bigint, \
                    (ARRAY['EWR', 'JFK', 'LGA'])[1 + n % 3], round((random() * 60 - 20)::numeric, 2)::float8, \
                    CASE WHEN n % 10 > 0 THEN round(random() * 100) END \
                    FROM generate_series(0, ?::bigint - 1) AS s (n)",
    );
    session.execute(&fill.bind(rows)).await?;
    session.execute(&sql("VACUUM ANALYZE raw")).await.map(drop)
}

/// The server is another user of this machine, and writes its file there, too.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder, all).map_err(|e| Error::io("open", folder, e))
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn show(what: &str, rows: u64, ours: Duration, peer: Option<(Duration, f64)>) {
    let rate = |time: Duration| format!("{:.0} rows/s", rows as f64 / time.as_secs_f64());
    let (peer, ratio) = peer.map_or(("-".into(), "-".into()), |(peer, ratio)| (rate(peer), format!("{ratio:.2}")));
    println!("{what:<52}{:>16}{peer:>16}{ratio:>10}", rate(ours));
}

/// The most memory that this process has had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown").trim().to_owned()
}
