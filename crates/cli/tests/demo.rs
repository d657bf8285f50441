//! The demo, run as people run it: the program, a folder, and what is on the screen and on the disk afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use std::path::Path;
use std::process::{Command, Output};

fn demo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clusterkeep"))
        .arg("demo")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_demo_does_the_main_job_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(folder.path(), &[]);
    let text = stdout(&first);
    assert_eq!(first.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&first.stderr));
    assert!(text.contains("build 2 rollups, then drop 288 slices (20,698 rows,"), "{text}");
    assert!(text.contains("cutoff: observations ending at or before 2013-10-16 00:00 EDT may go"), "{text}");
    assert!(text.contains("because the manifest raises 25 % to 90 %"), "{text}");
    assert!(text.contains("26,115 ->     5,417"), "{text}");
    assert_eq!(text.matches("03:30 EST  08:30 UTC  nightly").count(), 14, "{text}");
    assert!(String::from_utf8_lossy(&first.stderr).contains("loaded 26,115 rows"));

    let report = folder.path().join("clusterkeep-demo/report.html");
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("79 % of the raw rows went, every number that they gave is kept"));

    let second = demo(folder.path(), &[]);
    assert_eq!(second.status.code(), Some(0));
    assert!(stdout(&second).contains("there is nothing to do"), "{}", stdout(&second));
    assert_eq!(std::fs::read_to_string(&report).unwrap(), page, "the first report is as it was");
}

#[test]
fn the_demo_stops_after_the_plan_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--no-apply", "--dir", "here", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["plan"]["kind"], "retention");
    assert_eq!(told["plan"]["hash"].as_str().unwrap().len(), 64);
    assert!(told["report"].is_null());
    assert!(!folder.path().join("here/report.html").exists());
    // What was planned is what another process plans, too.
    let again = demo(folder.path(), &["--no-apply", "--dir", "here", "--format", "json"]);
    assert_eq!(stdout(&again), stdout(&output));
}

#[test]
fn the_demo_touches_no_database_that_it_did_not_make() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let precious = folder.path().join("mine/weather.db");
    std::fs::write(&precious, b"").unwrap();
    let wal = folder.path().join("mine/weather.db-wal");
    let output = demo(folder.path(), &["--dir", "mine"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not a database of the demo"));
    assert_eq!(std::fs::metadata(&precious).unwrap().len(), 0);
    assert!(!wal.exists());
}
