//! Retention on CrateDB as whole processes, beside the Python tool before us: dropping 300 daily partitions, and a run that
//! has nothing to do; on one private server, in turns.
//!
//! Takes the program's path from `CLUSTERKEEP`, which `scripts/bench` sets, and the peer's from
//! `CLUSTERKEEP_CRATEDB_RETENTION` or the `PATH` (`cratedb-retention`, of PyPI's `cratedb-toolkit`).

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and ends where it can't go on"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_benches::median;
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Db, Value, sql};
use clusterkeep_testkit::servers;

const RUNS: usize = 5;
const EXPIRED: i64 = 300;
/// The newest, which stay.
const KEPT: i64 = 10;
/// The day that both count back from.
const CUTOFF_DAY: &str = "2026-01-01";

fn main() -> Result<()> {
    let Some(program) = std::env::var_os("CLUSTERKEEP") else {
        println!("cratedb: set CLUSTERKEEP to the program's path; scripts/bench does");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| clusterkeep_core::Error::caused("start the runtime", e))?.block_on(all(program))
}

async fn all(program: OsString) -> Result<()> {
    let Some(database) = servers::cratedb().await else {
        println!("CrateDB is not to be had here");
        return Ok(());
    };
    let db = database.connect().await;
    let folder = std::env::temp_dir().join(format!("clusterkeep-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("create", &folder, e))?;
    let ours = Ours { program, address: database.url().to_owned(), manifest: manifest(&folder)? };
    let theirs = Theirs::found(database.url(), database.name());
    if let Some(theirs) = &theirs {
        theirs.prepare();
    } else {
        println!("the Python tool is not to be had here");
    }

    let mut dropping = (Vec::new(), Vec::new(), Vec::new());
    let mut idle = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        // The first run warms both up, and is not counted.
        let counts = run > 0;
        make(&db).await?;
        let (planned, applied) = ours.run();
        assert_eq!(partitions(&db, database.name()).await?, KEPT);
        if counts {
            dropping.0.push(planned);
            dropping.1.push(applied);
        }
        let (planned, applied) = ours.run();
        if counts {
            idle.0.push(planned);
            idle.1.push(applied);
        }
        let Some(theirs) = &theirs else { continue };
        make(&db).await?;
        let took = theirs.run();
        assert_eq!(partitions(&db, database.name()).await?, KEPT, "both drop the same");
        let nothing = theirs.run();
        if counts {
            dropping.2.push(took);
            idle.2.push(nothing);
        }
    }
    show("drop 300 daily partitions", dropping);
    show("nothing to do", idle);
    db.close().await;
    std::fs::remove_dir_all(&folder).map_err(|e| clusterkeep_core::Error::io("remove", &folder, e))
}

fn show(what: &str, (planned, applied, theirs): (Vec<Duration>, Vec<Duration>, Vec<Duration>)) {
    let both = planned.iter().zip(&applied).map(|(plan, apply)| *plan + *apply).collect();
    let theirs = (!theirs.is_empty()).then(|| median(theirs));
    let line = |what: String, ours: Duration| match theirs {
        Some(theirs) => {
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
            println!("{what:<60}{ours:>12.1?}{theirs:>12.1?}{ratio:>8.1} x as fast");
        }
        None => println!("{what:<60}{ours:>12.1?}{:>12}", "-"),
    };
    line(format!("CrateDB, {what}: apply, verification included"), median(applied));
    line(format!("CrateDB, {what}: plan, then apply"), median(both));
}

/// A table of daily partitions with ten rows each.
async fn make(db: &Db) -> Result<()> {
    db.execute(sql("DROP TABLE IF EXISTS raw")).await?;
    db.execute(sql("CREATE TABLE raw (ts TIMESTAMP WITH TIME ZONE, v INTEGER, day TIMESTAMP WITH TIME ZONE \
                    GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day) \
                    WITH (number_of_replicas = 0)"))
        .await?;
    let cutoff: DateTime<Utc> = format!("{CUTOFF_DAY}T00:00:00Z").parse().expect("an instant");
    let rows: Vec<Vec<Value>> = (-EXPIRED..KEPT)
        .flat_map(|day| {
            (0..10).map(move |n| {
                vec![Value::Timestamp(cutoff + TimeDelta::days(day - 10) + TimeDelta::hours(n)), n.into()]
            })
        })
        .collect();
    let mut session = db.session().await?;
    session.execute_many(&sql("INSERT INTO raw (ts, v) VALUES (?, ?)"), &rows).await?;
    session.execute(&sql("REFRESH TABLE raw")).await.map(drop)
}

async fn partitions(db: &Db, schema: &str) -> Result<i64> {
    let count = sql("SELECT count(*) AS n FROM information_schema.table_partitions \
                     WHERE table_schema = ? AND table_name = 'raw'");
    db.query(count.bind(schema)).await?.scalar()
}

fn manifest(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("raw.yaml");
    let text = "kind: Retention\nname: bench\ntables:\n  - table: raw\n    time: { column: ts }\n    \
                tiers: [ { drop: { after: 10 days } } ]\n    guard: { max_share: 100 % }\n";
    std::fs::write(&path, text).map_err(|e| clusterkeep_core::Error::io("write", &path, e))?;
    Ok(path)
}

fn timed(command: &mut Command) -> (Duration, Output) {
    let start = Instant::now();
    let output = command.output().expect("the program starts");
    let took = start.elapsed();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    (took, output)
}

struct Ours {
    program: OsString,
    address: String,
    manifest: PathBuf,
}

impl Ours {
    fn retention(&self, command: &str) -> Command {
        let mut retention = Command::new(&self.program);
        retention.args(["--quiet", "retention", command, "--format", "json", "--now", CUTOFF_DAY]);
        retention.args(["--cluster", &self.address, "--file"]).arg(&self.manifest);
        retention
    }

    /// What the plan took, and what applying it took, which plans again for itself.
    fn run(&self) -> (Duration, Duration) {
        let (planned, output) = timed(&mut self.retention("plan"));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a plan");
        let hash = plan["hash"].as_str().expect("a hash");
        let (applied, _) = timed(self.retention("apply").args(["--expect-plan", hash]));
        (planned, applied)
    }
}

struct Theirs {
    program: OsString,
    address: String,
    schema: String,
}

impl Theirs {
    fn found(address: &str, schema: &str) -> Option<Self> {
        let program = std::env::var_os("CLUSTERKEEP_CRATEDB_RETENTION").unwrap_or_else(|| "cratedb-retention".into());
        let found = Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success());
        // Its driver takes no schema in the address.
        let address = address.strip_suffix(schema).unwrap_or(address).to_owned();
        found.then(|| Self { program, address, schema: schema.to_owned() })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Its own tables lie beside the data.
        command.args(arguments).args(["--schema", &self.schema, &self.address]);
        command
    }

    fn prepare(&self) {
        timed(&mut self.command(&["setup"]));
        timed(&mut self.command(&[
            "create-policy",
            "--strategy=delete",
            "--table-name=raw",
            "--partition-column=day",
            "--retention-period=10",
            &format!("--table-schema={}", self.schema),
        ]));
    }

    fn run(&self) -> Duration {
        timed(&mut self.command(&["run", "--strategy=delete", &format!("--cutoff-day={CUTOFF_DAY}")])).0
    }
}
