//! A real process that is killed in the middle, again and again: nothing is lost, and nothing is made twice.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_scheduler::{Job, Run, RunQuery, RunRecord, RunState, Scheduler, SqliteStore, Store};

/// Where the child finds its store; without it the child's part is not played.
const STORE: &str = "CLUSTERKEEP_TEST_KILLED_STORE";

/// 400 fires through the night on which the clock goes back, and the day after.
async fn simulate(path: &str) -> Vec<RunRecord> {
    let (from, until): (DateTime<Utc>, DateTime<Utc>) =
        ("2026-10-24T22:00:00Z".parse().unwrap(), "2026-10-26T07:20:00Z".parse().unwrap());
    Scheduler::builder()
        .store(SqliteStore::open(path).await.unwrap())
        .action("count", |run: Run| async move {
            run.message("counted").await;
            Ok(())
        })
        .job(Job::named("often").run("count").cron("*/5 * * * *").zone("Europe/Berlin"))
        .simulate(from, until)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_child() {
    if let Ok(path) = std::env::var(STORE) {
        simulate(&path).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db").to_str().unwrap().to_owned();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut counts = Vec::new();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(60 + 13 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        counts.push(store.runs(&RunQuery::all()).await.unwrap().len());
    }
    simulate(&path).await;
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    let nominal: BTreeSet<DateTime<Utc>> = runs.iter().map(|run| run.key.nominal).collect();
    assert_eq!((runs.len(), nominal.len()), (400, 400), "one row per fire");
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded), "each came to its end");
    assert!(
        counts.is_sorted() && counts.iter().any(|count| (1..400).contains(count)),
        "killed in the middle: {counts:?}"
    );
}
