//! Faults at every statement of an apply: whatever is lost or killed, the next run ends where an undisturbed one ends,
//! nothing is lost, and nothing is done twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Extra, Keep, Manifest, Meaning, Policy, Rollup, percent};
use clusterkeep_testkit::audited;
use clusterkeep_testkit::fault::{Fault, Trap, faulty};

fn manifest() -> Manifest {
    let policy = Policy::for_table("raw")
        .time("ts")
        .meaning(Meaning::EpochSeconds)
        .zone("Europe/Berlin")
        .by(["series"])
        .downsample(
            Rollup::daily()
                .of(["v"])
                .with([Extra::Last, Extra::Variance, Extra::Quantiles])
                .into("daily")
                .keep(Keep::Forever),
        )
        .downsample(Rollup::monthly().from("daily").with([Extra::Last]).into("monthly").keep(Keep::Forever))
        .drop_after(days(3))
        .max_share(percent(100));
    Manifest::named("faults").policy(policy)
}

fn now() -> DateTime<Utc> {
    "2026-04-04T10:00:00Z".parse().unwrap()
}

/// Ten days over the change of clocks in Berlin, two series, a value every hour.
fn rows(value: impl Fn(DateTime<Utc>) -> Value) -> Vec<Vec<Value>> {
    let start: DateTime<Utc> = "2026-03-25T00:00:00Z".parse().unwrap();
    let hours = (0..240_i64).flat_map(|hour| [("a", hour), ("b", hour)]);
    hours
        .map(|(series, hour)| vec![series.into(), value(start + TimeDelta::hours(hour)), (hour * 37 % 101).into()])
        .collect()
}

async fn open(path: &Path) -> Db {
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap()
}

async fn prepare(path: &Path) {
    let db = open(path).await;
    db.execute(sql("CREATE TABLE raw (series TEXT, ts INTEGER, v INTEGER)")).await.unwrap();
    db.execute(sql("CREATE INDEX raw_ts ON raw (ts)")).await.unwrap();
    let rows = rows(|at| at.timestamp().into());
    let insert = sql("INSERT INTO raw (series, ts, v) VALUES (?, ?, ?)");
    db.session().await.unwrap().execute_many(&insert, &rows).await.unwrap();
    db.execute(sql("VACUUM")).await.unwrap();
    db.close().await;
}

async fn run(db: Db) -> clusterkeep_core::Result<ExitCode> {
    let retention = Retention::new(db).manifest(manifest());
    let plan = retention.plan(now()).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

/// All that the tables hold, as text.
async fn contents(db: &Db) -> String {
    let mut text = String::new();
    for query in [
        sql("SELECT series, ts, v FROM raw ORDER BY ts, series"),
        sql(
            "SELECT series, bucket, v_count, v_sum, v_min, v_max, v_last, v_m2, hex(v_quantiles) FROM daily ORDER BY bucket, series",
        ),
        sql("SELECT series, bucket, v_count, v_sum, v_min, v_max, v_last FROM monthly ORDER BY bucket, series"),
    ] {
        text.push_str(&db.query(query).await.unwrap().csv().unwrap());
    }
    text
}

async fn check_audit(db: &Db) {
    audited::nothing_removed_twice(&*Retention::new(db.clone()).audit_sink()).await;
}

/// Runs undisturbed until there is nothing left to do.
async fn converge(db: &Db) {
    for _ in 0..3 {
        assert_eq!(run(db.clone()).await.unwrap(), ExitCode::Done);
    }
}

async fn every_statement(fault: Fault) {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.db");
    prepare(&template).await;
    let undisturbed = folder.path().join("undisturbed.db");
    std::fs::copy(&template, &undisturbed).unwrap();
    let db = open(&undisturbed).await;
    converge(&db).await;
    let wanted = contents(&db).await;
    assert!(wanted.lines().count() < 480, "something went");

    let mut met = 0;
    for at in 1.. {
        let path = folder.path().join(format!("{at}.db"));
        std::fs::copy(&template, &path).unwrap();
        let trap = Trap::at(at, fault);
        let disturbed = run(faulty(open(&path).await, Arc::clone(&trap))).await;
        if !trap.sprung() {
            assert_eq!(disturbed.unwrap(), ExitCode::Done);
            break;
        }
        met += 1;
        let db = open(&path).await;
        converge(&db).await;
        assert_eq!(contents(&db).await, wanted, "after {fault:?} at statement {at}");
        check_audit(&db).await;
        db.close().await;
        std::fs::remove_file(&path).unwrap();
    }
    assert!(met > 40, "only {met} statements were met");
}

#[tokio::test]
async fn case_20_case_35_a_statement_that_is_lost() {
    every_statement(Fault::Lost).await;
}

#[tokio::test]
async fn case_20_case_35_an_answer_that_is_lost() {
    every_statement(Fault::AnswerLost).await;
}

const CHILD: &str = "CLUSTERKEEP_TEST_CHILD";

/// Not a test of its own: what the tests below start as a process, and kill.
#[tokio::test]
async fn child_that_applies_until_it_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let mut words = order.splitn(3, ' ');
    let fault = if words.next() == Some("before") { Fault::KillBefore } else { Fault::KillAfter };
    let at = words.next().unwrap().parse().unwrap();
    let db = faulty(open(Path::new(words.next().unwrap())).await, Trap::at(at, fault));
    assert_eq!(run(db).await.unwrap(), ExitCode::Done);
}

async fn killed_at_every_statement(when: &str) {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.db");
    prepare(&template).await;
    let undisturbed = folder.path().join("undisturbed.db");
    std::fs::copy(&template, &undisturbed).unwrap();
    let db = open(&undisturbed).await;
    converge(&db).await;
    let wanted = contents(&db).await;

    let mut killed = 0;
    for at in 1.. {
        let path = folder.path().join(format!("{at}.db"));
        std::fs::copy(&template, &path).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_applies_until_it_is_killed", "--test-threads=1"])
            .env(CHILD, format!("{when} {at} {}", path.display()))
            .output()
            .unwrap()
            .status;
        if status.success() {
            break;
        }
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
        killed += 1;
        let db = open(&path).await;
        converge(&db).await;
        assert_eq!(contents(&db).await, wanted, "after a kill {when} statement {at}");
        check_audit(&db).await;
        db.close().await;
        for ending in ["", "-wal", "-shm", ".lock"] {
            std::fs::remove_file(format!("{}{ending}", path.display())).ok();
        }
    }
    assert!(killed > 40, "only {killed} processes were killed");
}

#[tokio::test]
async fn case_20_case_35_killed_before_every_statement() {
    killed_at_every_statement("before").await;
}

#[tokio::test]
async fn case_20_case_35_killed_after_every_statement() {
    killed_at_every_statement("after").await;
}
