//! What is changed about a store is in the audit, by whichever command; and what a command goes on with until it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::schedule_store::{end, until};
use crate::support::{Place, Ran, STATE};

const TIMETABLE: &str = "\
kind: Timetable
namespace: weather
jobs:
  - { name: nightly, when: \"30 3 * * *\", run: { command: \"echo nightly\" } }
  - { name: weekly, when: \"30 3 * * 1\", run: { command: \"echo weekly\" } }
";

const AUDIT: &str = "state/clusterkeep/changes.jsonl";

fn start(place: &Place) -> (Child, std::io::Lines<BufReader<ChildStderr>>) {
    let mut child =
        place.command(&[&["run", "-f", "jobs.yaml"], &STATE[..]].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// A store that a scheduler has run on.
fn used() -> Place {
    let place = Place::with_jobs(TIMETABLE);
    let (child, mut lines) = start(&place);
    until(&mut lines, "running 2 jobs of weather");
    end(child);
    place
}

/// The entries of the audit, in their order.
fn entries(place: &Place) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path().join(AUDIT)).unwrap_or_default();
    let body = |line| serde_json::from_str::<Value>(line).unwrap()["body"].as_str().unwrap().to_owned();
    text.lines().map(body).map(|body| serde_json::from_str(&body).unwrap()).collect()
}

/// What the entries from this one on say, in short.
fn said(place: &Place, from: usize) -> Vec<String> {
    let text = |entry: &Value| {
        let data = &entry["data"];
        let outcome = data["outcome"].as_str().map(|outcome| format!(" {outcome}")).unwrap_or_default();
        let event = entry["event"].as_str().unwrap();
        format!("{event} {} {} {}{outcome}", data["change"].as_str().unwrap(), data["objects"], data["versions"])
    };
    entries(place)[from..].iter().map(text).collect()
}

#[test]
fn what_a_hand_changes_is_in_the_audit() {
    let place = used();
    let period = ["--from", "2026-01-01", "--until", "2026-01-03", "--yes"];
    let commands: [(&str, &[&str]); 7] = [
        ("pause", &["pause", "nightly"]),
        ("resume", &["resume", "nightly"]),
        ("backfill", &[&["backfill", "nightly"], &period[..]].concat()),
        ("cancel", &["cancel", "nightly"]),
        ("retry", &["retry", "nightly", "--run", "2026-01-02T03:30:00Z"]),
        ("trigger", &["trigger", "nightly", "--args", "{\"token\": \"hunter2\"}"]),
        ("trigger", &["trigger", "nightly", "-f", "jobs.yaml"]),
    ];
    for (change, args) in commands {
        let before = entries(&place).len();
        place.schedule(&[args, &["--note", "disk swap"]].concat()).done();
        let about = format!("{change} [\"weather/nightly\"] {{\"nightly\":1}}");
        assert_eq!(said(&place, before), [format!("intent {about}"), format!("outcome {about} done")], "{args:?}");
        for entry in &entries(&place)[before..] {
            assert_eq!(entry["data"]["reason"], "disk swap", "{entry}");
            assert_eq!(entry["subject"], "timetables in SQLite jobs.db", "the one of applies: {entry}");
            assert!(entry["actor"].as_str().unwrap().contains('@'), "{entry}");
        }
    }
    let all = entries(&place);
    let last = |change: &str| all.iter().rfind(|entry| entry["data"]["change"] == change).unwrap()["data"].clone();
    assert_eq!(
        (&last("backfill")["runs"], &last("cancel")["runs"], &last("retry")["runs"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(last("retry")["first"], "2026-01-02T03:30:00Z");
    let text = std::fs::read_to_string(place.path().join(AUDIT)).unwrap();
    assert!(text.contains("token") && !text.contains("hunter2"), "{text}");
    let whole = place.run(&["audit", "verify", "--file", AUDIT]).done();
    assert!(whole.stdout.contains(&format!("{} records", all.len())), "{whole}");
    let listed = place.run(&["audit", "list", "--file", AUDIT]).done();
    assert!(listed.stdout.contains("pause weather/nightly") && listed.stdout.contains("disk swap"), "{listed}");
}

#[test]
fn what_a_file_changes_is_in_the_audit() {
    let place = Place::with_jobs(TIMETABLE);
    let (child, mut lines) = start(&place);
    until(&mut lines, "running 2 jobs of weather");
    let both = "[\"weather/nightly\",\"weather/weekly\"] {\"nightly\":1,\"weekly\":1}";
    assert_eq!(said(&place, 0), [format!("intent create {both}"), format!("outcome create {both} done")]);
    let origin = entries(&place)[0]["data"]["origin"].as_str().map(str::to_owned);
    assert!(origin.is_some_and(|origin| origin.ends_with("jobs.yaml")), "{:?}", entries(&place));

    let changed = TIMETABLE.replace("30 3 * * *", "45 4 * * *").replace("name: weekly", "name: monthly");
    place.write("jobs.yaml", &changed);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    until(&mut lines, "the files were read again");
    let made = [
        "create [\"weather/monthly\"] {\"monthly\":1}",
        "change [\"weather/nightly\"] {\"nightly\":2}",
        "remove [\"weather/weekly\"] {\"weekly\":1}",
    ];
    let intents = made.iter().map(|made| format!("intent {made}"));
    let expected: Vec<String> = intents.chain(made.iter().map(|made| format!("outcome {made} done"))).collect();
    assert_eq!(said(&place, 2), expected);
    until(&mut lines, "weekly: removed by ");
    end(child);

    // The same file once more changes nothing.
    let (child, mut lines) = start(&place);
    until(&mut lines, "running 2 jobs of weather");
    end(child);
    assert_eq!(entries(&place).len(), 8);
    place.run(&["audit", "verify", "--file", AUDIT]).done();
}

#[test]
fn what_can_not_be_written_down_is_not_done() {
    let place = used();
    std::fs::remove_file(place.path().join(AUDIT)).unwrap();
    std::fs::create_dir(place.path().join(AUDIT)).unwrap();
    for args in [&["pause", "nightly"][..], &["trigger", "nightly"], &["trigger", "nightly", "-f", "jobs.yaml"]] {
        let failed = place.schedule(args);
        assert_eq!(failed.code, Some(1), "{failed}");
        assert!(failed.stderr.contains("write the audit to"), "{failed}");
    }
    assert_eq!(place.schedule(&["show", "nightly", "--format", "json"]).done().json()["schedule"].get("paused"), None);
    assert_eq!(place.schedule(&["history"]).done().stdout, "there is no such run\n");
    place.write("jobs.yaml", &TIMETABLE.replace("30 3", "45 4"));
    let failed = place.run(&[&["run", "-f", "jobs.yaml"], &STATE[..]].concat());
    assert!(failed.code == Some(1) && failed.stderr.contains("write the audit to"), "{failed}");
    assert_eq!(place.schedule(&["list", "--format", "json"]).done().json()[0]["schedule"]["generation"], 1);
}

#[test]
fn nothing_is_written_down_of_a_store_in_memory() {
    let place = Place::with_jobs(TIMETABLE);
    place.run(&["schedule", "trigger", "nightly", "-f", "jobs.yaml", "--state", "memory:"]).done();
    assert_eq!(entries(&place), [] as [Value; 0]);
}

/// A job that fails until its third attempt.
const FLAKY: &str = "\
kind: Timetable
namespace: weather
jobs:
  - name: flaky
    when: \"30 3 * * *\"
    run: { command: 'echo x >> tries; test \"$(wc -l < tries)\" -ge 3' }
    retry: { attempts: 3, first: 1s }
";

#[test]
fn a_job_by_hand_has_all_of_its_attempts() {
    let place = Place::empty();
    place.write("jobs.yaml", FLAKY);
    let ran = place.schedule(&["trigger", "flaky", "-f", "jobs.yaml"]).done();
    assert!(ran.stderr.contains("attempt 2 follows at ") && ran.stderr.contains("attempt 3 follows at "), "{ran}");
    let run = place.schedule(&["history", "flaky", "--format", "json", "--output"]).done().json()[0].clone();
    assert_eq!((&run["state"], &run["attempt"]), (&"succeeded".into(), &3.into()), "{run}");
    assert_eq!(run["earlier"].as_array().unwrap().len(), 2, "{run}");

    place.write("tries", "");
    place.write("jobs.yaml", &FLAKY.replace("-ge 3", "-ge 9"));
    let dead = place.schedule(&["trigger", "flaky", "-f", "jobs.yaml"]);
    assert_eq!(dead.code, Some(1), "{dead}");
    let run = place.schedule(&["history", "flaky", "--format", "json", "--limit", "1"]).done().json()[0].clone();
    assert_eq!((&run["state"], &run["attempt"]), (&"dead".into(), &3.into()), "{run}");
}

#[test]
fn a_wait_for_the_next_attempt_ends_with_a_signal() {
    let place = Place::empty();
    place.write("jobs.yaml", &FLAKY.replace("first: 1s", "first: 10 minutes"));
    let args = [&["schedule", "trigger", "flaky", "-f", "jobs.yaml"], &STATE[..]].concat();
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "attempt 2 follows at ");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    until(&mut lines, "the run is recorded as cancelled");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = place.schedule(&["history", "flaky", "--format", "json"]).done().json()[0].clone();
    assert_eq!((&run["state"], &run["attempt"]), (&"cancelled".into(), &1.into()), "{run}");
}

#[test]
fn a_run_that_goes_is_cancelled_within_a_second() {
    let place = Place::empty();
    place.write("jobs.yaml", &TIMETABLE.replace("echo nightly", "exec sleep 600"));
    let (child, mut lines) = start(&place);
    until(&mut lines, "running 2 jobs of weather");
    place.schedule(&["trigger", "nightly"]).done();
    until(&mut lines, "started");
    let asked = Instant::now();
    place.schedule(&["cancel", "nightly"]).done();
    until(&mut lines, "cancelled");
    let took = asked.elapsed();
    assert!(took.as_secs_f64() < 2.5, "a beat comes each five seconds only: {took:?}");
    end(child);

    // One that somebody has triggered here and now is no different.
    let args = [&["schedule", "trigger", "nightly", "-f", "jobs.yaml"], &STATE[..]].concat();
    let child = place.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let going = || place.schedule(&["history", "--in-state", "running", "--format", "json"]).done().json();
    while going().as_array().unwrap().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let asked = Instant::now();
    place.schedule(&["cancel", "nightly", "--note", "by now"]).done();
    let ran = Ran::of(&args, child.wait_with_output().unwrap());
    assert!(asked.elapsed().as_secs_f64() < 2.5, "{ran}");
    assert!(ran.code == Some(1) && ran.stdout.contains("cancelled by ") && ran.stdout.contains("by now"), "{ran}");
}
