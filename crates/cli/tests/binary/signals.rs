//! Ctrl-C and SIGTERM: work ends after its step, waiting ends at once, and a scheduler stops cleanly.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DB, Place};

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn wait(mut child: Child) -> Option<i32> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_scheduler_stops_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::with_weather();
        let args = ["run", "-f", "weather.yaml", "--cluster", DB];
        let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with("running 1 job of weather; next: nightly, "), "{line}");
        send(&child, signal);
        assert_eq!(lines.next().unwrap().unwrap(), "stopping after what is under way; once more stops at once");
        assert_eq!(wait(child), Some(0));
    }
}

#[test]
fn a_query_ends_at_once() {
    let place = Place::with_weather();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let child = place.command(&["query", "--cluster", DB, endless]).stderr(Stdio::null()).spawn().unwrap();
    // Long enough for the statement to run; were it shorter, the signal would only come earlier.
    std::thread::sleep(Duration::from_millis(500));
    let sent = Instant::now();
    send(&child, Signal::INT);
    assert_eq!(wait(child), Some(130));
    assert!(sent.elapsed() < Duration::from_secs(5));
}

/// Interrupted in the middle it says what is left, and the next run does that.
#[test]
fn an_apply_ends_after_its_step_and_goes_on_later() {
    let place = Place::with_weather();
    // Eight times as many rows, so that a step takes long enough to be interrupted.
    let more = "INSERT INTO observations WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7) \
                SELECT origin || i, time_hour, temp, humid FROM observations, n";
    place.run(&["query", "--cluster", DB, "--write", more]).done();
    // So many that slices of them are refused unless an index finds them.
    let index = "CREATE INDEX observations_time ON observations (time_hour)";
    place.run(&["query", "--cluster", DB, "--write", index]).done();
    let model = ["-f", "weather.yaml", "--cluster", DB, "--now", "2014-01-15"];
    let plan = || place.run(&[&["retention", "plan", "--format", "json"], &model[..]].concat()).json();
    let first = plan()["hash"].as_str().unwrap().to_owned();
    let args = [&["retention", "apply", "--expect-plan", &first], &model[..]].concat();
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("step 1 of "));
    send(&child, Signal::INT);
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let report = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert_eq!(wait(child), Some(130), "{report}");
    assert!(report.contains("done, ") && report.contains(" skipped"), "{report}");
    assert!(rest.iter().any(|line| line.contains("go on with: clusterkeep retention plan ")), "{rest:?}");

    let second = plan()["hash"].as_str().unwrap().to_owned();
    let args = [&["retention", "apply", "--quiet", "--expect-plan", &second], &model[..]].concat();
    place.run(&args).done();
    assert_eq!(plan()["steps"].as_array().map(Vec::len), Some(0));
    assert_eq!(place.value("SELECT sum(temp_count) FROM observations_daily"), (17_520 * 8).to_string());
    place.run(&["audit", "verify", "--cluster", DB]).done();
}

/// The processes of a scheduler that was killed are ended before its run is attempted again.
#[test]
#[cfg(target_os = "linux")]
fn killed_in_the_middle_no_run_is_done_twice_at_once() {
    let place = Place::empty();
    // Says whether one of those before goes on, then goes on itself, with a child that has left its group.
    let script = "\
for pid in $(cat pids 2>/dev/null); do
  grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null && echo doubled >> seen
done
trap '' TERM
setsid sh -c 'echo $$ >> pids; exec sleep 300' &
echo $$ >> pids
echo said $CLUSTERKEEP_ATTEMPT
while [ $(wc -l < pids) -lt $((2 * CLUSTERKEEP_ATTEMPT)) ]; do sleep 0.02; done
echo $CLUSTERKEEP_ATTEMPT >> seen
while :; do sleep 1; done
";
    place.write("work.sh", script);
    let jobs = "\
kind: Timetable
namespace: n
jobs:
  - { name: long, when: '@reboot', on_crash: retry, run: { exec: [/bin/sh, work.sh] } }
  - name: flaky
    when: '@reboot'
    retry: { attempts: 2, first: 1 ms }
    run: { command: 'echo try $CLUSTERKEEP_ATTEMPT; test $CLUSTERKEEP_ATTEMPT = 2' }
";
    place.write("jobs.yaml", jobs);
    let state = ["--state", "sqlite://jobs.db"];
    let start = || {
        let args = [&["run", "-f", "jobs.yaml", "--lease", "1s", "--grace", "1s"], &state[..]].concat();
        let mut command = place.command(&args);
        command.env("PATH", std::env::var_os("PATH").unwrap()).stderr(Stdio::null()).spawn().unwrap()
    };
    let seen = |lines: usize| {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let text = std::fs::read_to_string(place.path().join("seen")).unwrap_or_default();
            if text.lines().count() >= lines {
                return text;
            }
            assert!(Instant::now() < until, "{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut child = start();
    assert_eq!(seen(1), "1\n");
    child.kill().unwrap();
    child.wait().unwrap();
    let next = start();
    // `@reboot` fires once more, and waits or is skipped: the run that was cut off is attempted again.
    assert_eq!(seen(2), "1\n2\n");
    send(&next, Signal::TERM);
    wait(next);
    let history =
        |job: &str| place.run(&[&["schedule", "history", job, "--output", "--format", "json"], &state[..]].concat());
    let second = |history: &serde_json::Value| {
        let mut runs = history.as_array().unwrap().iter();
        runs.find(|run| run["attempt"] == 2).unwrap_or_else(|| panic!("{history}")).clone()
    };
    let error = second(&history("long").json())["earlier"][0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("its scheduler ended while it ran; ") && error.ends_with(" that went on were ended"),
        "{error}"
    );
    // What an attempt has written is kept beside that of the next.
    let flaky = second(&history("flaky").json());
    assert_eq!((&flaky["state"], &flaky["output"]), (&"succeeded".into(), &"try 2\n".into()), "{flaky}");
    let first = &flaky["earlier"][0];
    assert_eq!((&first["exit"], &first["output"]), (&1.into(), &"try 1\n".into()), "{flaky}");
    let logs = place.run(&[&["schedule", "logs", "flaky"], &state[..]].concat()).done();
    assert!(logs.stdout.contains("try 1\ntry 2\n") && logs.stderr.contains("exit code 1"), "{logs}");
}

#[test]
fn twice_is_at_once() {
    let place = Place::with_weather();
    let args = ["run", "-f", "weather.yaml", "--cluster", DB];
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    // Nothing was going on, so it may have ended cleanly before the second one came.
    assert!(matches!(wait(child), Some(0 | 130)));
}
