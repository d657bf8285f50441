//! What is asked of a store: when its jobs fire, what they have written, and what there is to see of them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::schedule_store::{end, until};
use crate::support::{Place, Ran, STATE};

const TIMETABLE: &str = "\
kind: Timetable
namespace: weather
jobs:
  - { name: nightly, when: \"30 3 * * *\", zone: America/New_York, run: { command: \"echo one; echo two\" } }
  - { name: weekly, when: \"0 0 13 * 5\", run: { command: \"echo three\" } }
";

fn schedule(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["schedule"], args, &STATE[..]].concat())
}

/// A store with the jobs, and with those of another namespace.
fn place() -> Place {
    let place = Place::empty();
    place.write("jobs.yaml", TIMETABLE);
    place.write("other.yaml", &TIMETABLE.replace("namespace: weather", "namespace: other"));
    for file in ["jobs.yaml", "other.yaml"] {
        schedule(&place, &["trigger", "nightly", "-f", file]).done();
    }
    schedule(&place, &["trigger", "weekly", "-f", "jobs.yaml"]).done();
    place
}

#[test]
fn stored_jobs_are_asked_by_name() {
    let place = place();
    let of = |args: &[&str]| schedule(&place, &[args, &["--namespace", "weather"]].concat());
    let from_file = |args: &[&str]| place.run(&[&["schedule"], args, &["-f", "jobs.yaml"]].concat()).done().stdout;
    let period = ["--from", "2026-10-30", "--until", "2026-11-03"];
    for args in [
        &["next", "nightly", "--after", "2026-10-30"][..],
        &["explain", "nightly"],
        &["lint", "weekly"],
        &["lint"],
        &[&["simulate", "nightly"], &period[..]].concat(),
        &[&["simulate"], &period[..]].concat(),
        &[&["simulate", "nightly", "--takes", "5min"], &period[..]].concat(),
    ] {
        let stored = of(args).done().stdout;
        assert_eq!(stored, from_file(args), "{args:?}");
        assert!(!stored.is_empty(), "{args:?}");
    }
    // The name alone says it, where one namespace has it.
    assert!(schedule(&place, &["explain", "weekly"]).done().stdout.contains("UTC"));
    let two = schedule(&place, &["next", "nightly"]);
    assert!(two.code == Some(2) && two.stderr.contains("in more than one namespace"), "{two}");
    let nobody = schedule(&place, &["next", "nobody"]);
    assert!(nobody.code == Some(2) && nobody.stderr.contains("job `nobody` is unknown"), "{nobody}");
    let both = schedule(&place, &["next", "nightly", "-f", "jobs.yaml"]);
    assert_eq!(both.code, Some(2), "{both}");
}

#[test]
fn the_output_of_all_jobs_is_told_apart() {
    let place = place();
    let weather = schedule(&place, &["logs", "--namespace", "weather"]).done();
    assert_eq!(weather.stdout, "nightly | one\nnightly | two\nweekly | three\n", "the latest is last: {weather}");
    let all = schedule(&place, &["logs"]).done();
    let lines = "weather/nightly | one\nweather/nightly | two\nother/nightly | one\nother/nightly | two\n";
    assert_eq!(all.stdout, format!("{lines}weather/weekly | three\n"), "{all}");
    let latest = schedule(&place, &["logs", "--limit", "1"]).done();
    assert_eq!(latest.stdout, "weather/weekly | three\n", "{latest}");
    assert_eq!(
        schedule(&place, &["logs", "--namespace", "weather", "--format", "json"]).json().as_array().unwrap().len(),
        2
    );
    let one = schedule(&place, &["logs", "nightly", "--namespace", "weather"]).done();
    assert_eq!(one.stdout, "one\ntwo\n");
}

/// One that shows what comes.
fn follow(place: &Place, args: &[&str]) -> (Child, impl Iterator<Item = std::io::Result<String>> + use<>) {
    let args = [&["schedule", "logs", "--follow"], args, &STATE[..]].concat();
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[test]
fn what_comes_of_all_jobs_is_followed() {
    let place = place();
    let (mut child, mut lines) = follow(&place, &["--namespace", "weather"]);
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!([next(), next(), next()], ["nightly | one", "nightly | two", "weekly | three"]);
    place.write("jobs.yaml", &TIMETABLE.replace("echo two", "sleep 3; echo four"));
    let more = [&["schedule", "trigger", "nightly", "-f", "jobs.yaml"], &STATE[..]].concat();
    let mut slow = place.command(&more).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(next(), "nightly | one", "while it goes on");
    assert!(slow.wait().unwrap().success());
    schedule(&place, &["trigger", "weekly", "-f", "jobs.yaml"]).done();
    assert_eq!([next(), next()], ["nightly | four", "weekly | three"]);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_there_is_to_see_is_what_is() {
    let place = place();
    let none = schedule(&place, &["list", "--namespace", "zz"]).done();
    assert!(none.stderr.contains("namespace `zz` has no schedule; those that have: other, weather"), "{none}");
    assert!(!none.everything().contains("no schedule yet"), "{none}");
    assert_eq!(
        schedule(&place, &["list", "--namespace", "zz", "--format", "json"]).done().json(),
        serde_json::json!([])
    );

    let run = schedule(&place, &["history", "weekly", "--format", "json"]).done().json()[0].clone();
    let at = |name: &str| run[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(run["seconds"].as_f64().unwrap(), (at("finished") - at("started")).as_seconds_f64(), "{run}");

    schedule(&place, &["pause", "weekly"]).done();
    let shown = schedule(&place, &["show", "weekly"]).done();
    assert!(shown.stdout.contains("next: when it is resumed\nlast:\n"), "{shown}");
    assert_eq!(schedule(&place, &["show", "weekly", "--format", "json"]).done().json()["next"], serde_json::json!([]));
    schedule(&place, &["resume", "weekly"]).done();
    let period = ["backfill", "weekly", "--from", "2026-01-01", "--until", "2026-01-10", "--yes"];
    let first = schedule(&place, &period).done();
    assert!(first.stdout.contains("0 fires have run; 2 wait now"), "{first}");
    let again = schedule(&place, &period).done();
    assert!(again.stdout.contains("0 runs to make; 0 fires have run; 2 wait now"), "{again}");
}

#[test]
fn what_a_process_removes_itself_is_no_other_schedulers() {
    let place = place();
    let args = [&["run", "-f", "jobs.yaml"], &STATE[..]].concat();
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "running 2 jobs of weather");
    place.write("jobs.yaml", TIMETABLE.lines().take(4).collect::<Vec<_>>().join("\n").as_str());
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    until(&mut lines, "running 1 job of weather");
    let said = until(&mut lines, "weekly");
    assert!(said.contains("weekly: removed by ") && said.contains("it does not fire any more"), "{said}");
    end(child);
}
