//! What is asked of a store and done to it by hand, and a scheduler that is told to read its files again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DB, Place, Ran, STATE, snapshot};

/// Jobs without a cluster to speak of: they look after their own history.
const TIMETABLE: &str = "\
kind: Timetable
namespace: weather
jobs:
  - name: nightly
    when: \"30 3 * * *\"
    zone: America/New_York
    run: { action: history, keep: 20 years }
  - name: tick
    when: \"@every 1s\"
    run: { action: history, keep: 20 years }
";

pub(crate) fn place() -> Place {
    let place = Place::empty();
    place.write("weather.db", "");
    place.write("jobs.yaml", TIMETABLE);
    place
}

/// A scheduler that has begun, and what it says.
fn start(place: &Place, more: &[&str]) -> (Child, std::io::Lines<BufReader<ChildStderr>>) {
    let args = [&["run", "-f", "jobs.yaml", "--cluster", DB], &STATE[..], more].concat();
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// Reads on until a line has this in it.
pub(crate) fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, text: &str) -> String {
    lines.map(Result::unwrap).find(|line| line.contains(text)).unwrap_or_else(|| panic!("it never said `{text}`"))
}

pub(crate) fn end(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn schedule(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["schedule"], args, &STATE[..]].concat())
}

/// One that a scheduler has run for a moment.
fn used() -> Place {
    let place = place();
    let (child, mut lines) = start(&place, &[]);
    until(&mut lines, "tick 20");
    until(&mut lines, "succeeded");
    end(child);
    place
}

#[test]
fn a_job_by_hand_without_its_scheduler() {
    let place = used();
    schedule(&place, &["pause", "nightly", "--note", "disk swap"]).done();
    let shown = schedule(&place, &["list"]).done();
    assert!(shown.stdout.contains("paused by ") && shown.stdout.contains("\"disk swap\""), "{shown}");
    let again = schedule(&place, &["pause", "nightly", "--note", "something else"]).done();
    assert!(again.stdout.contains("is already paused by ") && again.stdout.contains("disk swap"), "{again}");
    let paused = schedule(&place, &["backfill", "nightly", "--from", "2026-01-01", "--until", "2026-01-05", "--yes"]);
    assert_eq!(paused.code, Some(2), "{paused}");
    schedule(&place, &["resume", "nightly"]).done();
    snapshot!("schedule_resume_none", schedule(&place, &["resume", "nightly"]));

    let period = ["backfill", "nightly", "--from", "2026-01-01", "--until", "2026-01-05"];
    let asked = schedule(&place, &period);
    assert_eq!(asked.code, Some(2), "{asked}");
    assert!(asked.stderr.contains("4 runs to make") && asked.stderr.contains("say --yes"), "{asked}");
    let few = schedule(&place, &[&period[..], &["--most", "3"]].concat());
    assert!(few.stderr.contains("more than 3 fires"), "{few}");
    let made = schedule(&place, &[&period[..], &["--yes"]].concat()).done();
    assert!(made.stdout.contains("4 wait now") && made.stderr.contains("no scheduler runs the jobs"), "{made}");
    let none = schedule(&place, &[&period[..], &["--yes"]].concat()).done();
    assert!(none.stdout.contains("0 runs to make; 0 fires have run; 4 wait now"), "{none}");
    let cancelled = schedule(&place, &["cancel", "nightly", "--note", "wrong period"]).done();
    assert!(cancelled.stdout.contains("4 cancelled, 0 going"), "{cancelled}");
    let retried = schedule(&place, &["retry", "nightly", "--run", "2026-01-02T08:30:00Z"]).done();
    assert!(retried.stdout.contains("1 to be tried anew"), "{retried}");

    let key = ["trigger", "nightly", "--key", "import-17", "--within", "1h", "--args", "{\"keep\": \"1 day\"}"];
    assert_eq!(schedule(&place, &[&key[..], &["--format", "json"]].concat()).done().json()["made"], true);
    // The window may end just in between, which gives a second one at most.
    let twice: Vec<_> = (0..2).map(|_| schedule(&place, &[&key[..], &["--format", "json"]].concat()).json()).collect();
    assert_eq!(twice[1]["made"], false);
    let page = schedule(&place, &["history", "--limit", "1", "--in-state", "pending"]).done();
    assert!(page.stderr.contains("there may be more: --before "), "{page}");
}

#[test]
fn a_ledger_that_sums_up_and_one_that_does_not() {
    let place = used();
    let ledger = schedule(&place, &["ledger", "tick"]).done();
    assert!(ledger.stdout.starts_with("tick  ") && ledger.stdout.contains(" nominal fire"), "{ledger}");
    let json = schedule(&place, &["ledger", "tick", "--format", "json"]).done().json();
    assert_eq!(json["sums_up"], true);
    let remove = "DELETE FROM clusterkeep_scheduler_runs WHERE job = 'tick' AND nominal = \
                  (SELECT min(nominal) FROM clusterkeep_scheduler_runs WHERE job = 'tick')";
    place.run(&["query", "--cluster", "sqlite://jobs.db", "--write", remove]).done();
    let lost = schedule(&place, &["ledger", "tick"]);
    assert_eq!(lost.code, Some(1), "{lost}");
    assert!(lost.stdout.contains(" + 1 LOST") && lost.stderr.contains("lost: "), "{lost}");
    snapshot!("schedule_ledger_unknown", schedule(&place, &["ledger", "nobody"]));
    snapshot!("schedule_ledger_no_store", place.run(&["schedule", "ledger", "nightly"]));
    snapshot!(
        "schedule_ledger_period",
        schedule(&place, &["ledger", "nightly", "--from", "2014-01-15", "--to", "2014-01-15"])
    );
}

#[test]
fn fires_that_nobody_has_come_to_are_no_balanced_ledger() {
    let place = used();
    // As it is two minutes after the last scheduler has left.
    for statement in [
        "DELETE FROM clusterkeep_scheduler_runs WHERE job = 'tick'",
        "UPDATE clusterkeep_scheduler_generations SET valid_from = valid_from - 120000000 WHERE job = 'tick'",
        "UPDATE clusterkeep_scheduler_schedules SET valid_from = valid_from - 120000000, \
         high_water = valid_from - 120000000 WHERE job = 'tick'",
    ] {
        place.run(&["query", "--cluster", "sqlite://jobs.db", "--write", statement]).done();
    }
    let overdue = schedule(&place, &["ledger", "tick"]);
    assert_eq!(overdue.code, Some(1), "{overdue}");
    assert!(
        overdue.stdout.contains(" OVERDUE") && overdue.stderr.contains("no scheduler has come to them"),
        "{overdue}"
    );
    // The next scheduler accounts for them.
    let (child, mut lines) = start(&place, &[]);
    until(&mut lines, "coalesced");
    until(&mut lines, "succeeded");
    end(child);
    schedule(&place, &["ledger", "tick"]).done();
}

#[test]
fn doctor_says_what_is_wrong() {
    let place = place();
    let (child, mut lines) = start(&place, &[]);
    until(&mut lines, "succeeded");
    let well = schedule(&place, &["doctor"]).done();
    assert!(well.stdout.contains("0 runs are going that no scheduler holds"), "{well}");
    end(child);
    let nobody = schedule(&place, &["doctor", "--format", "json"]);
    assert_eq!(nobody.code, Some(1), "{nobody}");
    let checks = nobody.json();
    let wrong: Vec<_> = checks.as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(wrong.len(), 1, "{checks}");
    assert_eq!(wrong[0]["check"], "schedulers");
}

#[test]
fn files_are_read_again_and_bad_ones_are_not_taken() {
    let place = place();
    let (child, mut lines) = start(&place, &[]);
    until(&mut lines, "running 2 jobs of weather");
    let hang_up = || kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    place.write("jobs.yaml", "kind: Timetable\nnamespace: weather\njobs: [ {");
    hang_up();
    until(&mut lines, "error: jobs.yaml");
    until(&mut lines, "the files that were read before stay valid");
    until(&mut lines, "tick 20");
    place.write("jobs.yaml", &TIMETABLE.replace("30 3 * * *", "45 4 * * *"));
    hang_up();
    until(&mut lines, "the files were read again");
    let list = schedule(&place, &["list", "--format", "json"]).done().json();
    assert_eq!(
        (&list[0]["schedule"]["generation"], &list[0]["schedule"]["spec"]["when"]),
        (&2.into(), &"45 4 * * *".into())
    );
    until(&mut lines, "tick 20");
    end(child);
    // Not one second is lost or doubled by that.
    schedule(&place, &["ledger", "tick"]).done();
}

#[test]
fn health_and_metrics_are_answered_on_loopback() {
    let place = place();
    let (child, mut lines) = start(&place, &["--listen", "0"]);
    let line = until(&mut lines, "answering on http://127.0.0.1:");
    let port = line.split(':').nth(2).unwrap().to_owned();
    until(&mut lines, "succeeded");
    let get = |path: &str| {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").contains("ready"));
    assert!(get("/").starts_with("HTTP/1.1 404"));
    let metrics = get("/metrics");
    assert!(
        metrics.contains("clusterkeep_scheduler_fires_total{namespace=\"weather\",kind=\"scheduled\"}"),
        "{metrics}"
    );
    // The port is taken by now.
    let taken = place.run(&["run", "-f", "jobs.yaml", "--cluster", DB, "--listen", &port]);
    assert_eq!(taken.code, Some(1), "{taken}");
    assert!(taken.stderr.contains("listen on 127.0.0.1:"), "{taken}");
    end(child);
}

#[test]
fn schedules_are_not_kept_where_their_jobs_work() {
    let place = place();
    snapshot!(
        "schedule_state_served",
        place.run(&["run", "-f", "jobs.yaml", "--cluster", DB, "--state", "sqlite://./weather.db"])
    );
}

#[test]
fn policies_are_simulated() {
    let place = place();
    let period =
        ["schedule", "simulate", "nightly", "-f", "jobs.yaml", "--from", "2014-01-15", "--until", "2014-01-22"];
    let down = ["--down", "2014-01-17..2014-01-20", "--takes", "5min"];
    snapshot!("schedule_simulate_policies", place.run(&[&period[..], &down, &["--expect-runs", "5"]].concat()));
    snapshot!("schedule_simulate_policies_no", place.run(&[&period[..], &down, &["--expect-runs", "7"]].concat()));
}
