//! One job without a timetable, and what runs have written.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, Ran, snapshot};

fn run(place: &Place, args: &[&str]) -> Ran {
    place.run_with(args, |command| command.env("PATH", std::env::var_os("PATH").unwrap()))
}

#[test]
fn a_command_is_run_and_its_output_shown() {
    let place = Place::empty();
    let hello = run(&place, &["run", "--command", "echo hello; echo and more >&2", "--when", "once"]);
    assert_eq!((hello.stdout.as_str(), hello.stderr.as_str(), hello.code), ("hello\n", "and more\n", Some(0)));
    let hello = run(&place, &["run", "--", "cmd:echo hello"]);
    assert_eq!((hello.stdout.as_str(), hello.code), ("hello\n", Some(0)));
    let words = run(&place, &["run", "--when", "once", "--", "cmd:echo", "a  b", "$HOME"]);
    assert_eq!(words.stdout, "a  b $HOME\n");
    snapshot!("run_command_failed", run(&place, &["run", "--command", "echo out; echo no such table >&2; exit 3"]));
    snapshot!("run_command_unknown", run(&place, &["run", "--", "/no/such/program", "x"]));
    let document = run(&place, &["run", "--command", "echo '{\"n\": 1}'", "--format", "json"]).done().json();
    assert_eq!((&document["exit"], &document["result"]["n"]), (&0.into(), &1.into()));
    assert_eq!(document["state"], "succeeded");
    assert!(!place.path().join("state").exists(), "nothing is kept of it");
}

#[test]
fn other_targets_are_told_by_their_prefix() {
    let place = Place::empty();
    let rows = run(&place, &["run", "--cluster", "sqlite::memory:", "--", "sql:SELECT 1 AS a"]).done();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rows.stdout).unwrap(), serde_json::json!([{ "a": 1 }]));
    place.write("task.py", "def main(a, *, b):\n    print('working')\n    return [a, b]\nif __name__ == '__main__':\n    print('as a file')\n");
    if std::process::Command::new("python3").arg("--version").output().is_ok() {
        let called = run(&place, &["run", "--", "python:task.py:main", "3", "b=x"]).done();
        assert_eq!(called.stdout, "working\n[3, \"x\"]\n");
        assert_eq!(run(&place, &["run", "--file", "task.py"]).done().stdout, "as a file\n");
        place.write(
            "due.py",
            "# /// task\n# cron = \"30 3 * * *\"\n# [env]\n# GREETING = \"hello\"\n# [options]\n# name = \"you\"\n# ///\n\
             import os\ndef run(name):\n    print(os.environ['GREETING'], name)\n",
        );
        assert_eq!(run(&place, &["run", "--file", "due.py", "--when", "once"]).done().stdout, "hello you\n");
    } else {
        eprintln!("skipped: there is no python3");
    }
    let refused = run(&place, &["run", "--", "http:http://127.0.0.1:1/x?token=secret"]);
    assert_eq!(refused.code, Some(1));
    assert!(!refused.everything().contains("secret"), "{refused}");
}

#[test]
fn what_can_not_be_meant_is_refused() {
    let place = Place::empty();
    place.write("x.yaml", "kind: Timetable\njobs: []\n");
    for args in [
        &["run"][..],
        &["run", "-f", "x.yaml", "--when", "@daily"],
        &["run", "--command", "true", "--when", "61 * * * *"],
        &["run", "--command", "true", "--", "false"],
        &["run", "--command", " "],
        &["run", "--precise", "--command", "true"],
        &["run", "--file", "nowhere.py"],
    ] {
        let ran = run(&place, args);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stdout.is_empty(), "{ran}");
    }
    let nothing = run(&place, &["run"]);
    assert!(nothing.stderr.contains("there is no `clusterkeep.yaml` here"), "{nothing}");
}

/// Starts something that goes on, reads so many lines of its output, and stops it.
fn until(place: &Place, args: &[&str], lines: usize) -> (Vec<String>, Option<i32>) {
    let mut command = place.command(args);
    let mut child = command.env("PATH", std::env::var_os("PATH").unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines = out.lines().map(Result::unwrap).take(lines).collect();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    (lines, child.wait().unwrap().code())
}

#[test]
fn it_runs_again_and_again_until_it_is_stopped() {
    let place = Place::empty();
    let (lines, code) = until(&place, &["run", "--when", "@every 1s", "-q", "--", "echo tick"], 2);
    assert_eq!((lines, code), (vec!["tick".to_owned(); 2], Some(0)));
    let began = Instant::now();
    let (lines, code) = until(&place, &["run", "--watch", "50ms", "--precise", "-q", "--", "echo seen"], 12);
    assert_eq!(code, Some(0));
    assert_eq!(lines.iter().filter(|line| *line == "seen").count(), 4, "{lines:?}");
    assert!(lines[0].starts_with("every 50ms: command: echo seen  20"), "{lines:?}");
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[test]
fn it_ends_with_all_that_it_has_started() {
    let place = Place::empty();
    let args = ["run", "--command", "trap '' TERM; sleep 4321 & echo on; wait; sleep 4321"];
    let began = Instant::now();
    let (lines, code) = until(&place, &args, 1);
    assert_eq!((lines, code), (vec!["on".to_owned()], Some(130)));
    assert!(began.elapsed() < Duration::from_secs(10));
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let left =
        all.filter(|entry| std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x004321\x00"));
    assert_eq!(left.count(), 0);
}

const TIMETABLE: &str = "\
kind: Timetable
namespace: demo
jobs:
  - name: hello
    when: \"@at 2100-01-01T00:00:00Z\"
    run: { command: \"echo hello; printf 'odd \\\\033[2J\\\\n'; exit 4\" }
  - name: away
    when: \"@at 2100-01-01T00:00:00Z\"
    run: { exec: [/no/such/program] }
";

#[test]
fn what_runs_have_written_is_kept_and_shown() {
    let place = Place::empty();
    place.write("jobs.yaml", TIMETABLE);
    let state = ["--state", "sqlite://jobs.db"];
    let of = |args: &[&str]| run(&place, &[args, &state[..]].concat());
    for job in ["hello", "away"] {
        assert_eq!(of(&["schedule", "trigger", job, "-f", "jobs.yaml"]).code, Some(1));
    }
    snapshot!("schedule_logs", of(&["schedule", "logs", "hello"]).done());
    snapshot!("schedule_history_output", of(&["schedule", "history", "hello", "--output"]).done());
    let shown = of(&["schedule", "show", "hello"]).done();
    assert!(shown.stdout.contains("runs command: echo hello; printf"), "{shown}");
    let history = of(&["schedule", "history", "away", "--format", "json"]).done().json();
    assert!(history[0]["error"].as_str().unwrap().starts_with("start `/no/such/program`"));
    assert_eq!(history[0]["exit"], serde_json::Value::Null);
}
