//! One job without a timetable, and what runs have written.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
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
        &["run", "--", "foo:bar"],
        &["run", "--", "http:127.0.0.1:1/"],
        &["run", "--", "sql:SELECT 1"],
        &["run", "--when", "@daily", "--", "sql:SELECT 1"],
        &["run", "--command", "true", "--allow", "x.yaml"],
        &["run", "--command", "true", "--when", "@daily", "--allow", "nowhere.yaml"],
        &["run", "--command", "true", "--checksum", "sha256:00"],
        &["run", "--watch", "1s", "--state", "memory:", "--", "true"],
        &["run", "--watch", "1s", "--listen", "0", "--", "true"],
    ] {
        let ran = run(&place, args);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stdout.is_empty(), "{ran}");
    }
    for (word, part) in [
        ("foo:bar", "known are `cmd:`, `python:`"),
        ("sql:SELECT 1", "hint: give --cluster"),
        ("http:127.0.0.1:1/", "write it whole"),
    ] {
        let ran = run(&place, &["run", "--", word]);
        assert!(ran.stderr.contains(part), "{ran}");
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
fn a_port_that_is_taken_ends_it() {
    let place = Place::empty();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for when in ["@every 1s", "once"] {
        let ran = run(&place, &["run", "--command", "echo no", "--when", when, "--listen", &port]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran}");
        assert!(ran.stderr.contains(&format!("listen on 127.0.0.1:{port}")), "{ran}");
    }
    drop(taken);
    let ticking = Ticking::start(&place, &["run", "--command", "echo tick", "--when", "@every 1s", "--listen", &port]);
    ticking.hear(1);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_is_run_once_is_recorded_where_it_is_said() {
    let place = Place::empty();
    let state = ["--state", "sqlite://jobs.db"];
    let of = |args: &[&str]| run(&place, &[args, &state[..]].concat());
    assert_eq!(of(&["run", "--command", "echo one", "--when", "once"]).done().stdout, "one\n");
    assert_eq!(of(&["run", "--command", "echo one"]).done().stdout, "one\n");
    assert_eq!(of(&["run", "--command", "exit 3"]).code, Some(1));
    let runs = of(&["schedule", "history", "--format", "json"]).done().json();
    let states: Vec<_> = runs.as_array().unwrap().iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["failed", "succeeded", "succeeded"], "{runs}");
    // It is over, and no scheduler is missing.
    of(&["schedule", "doctor"]).done();
    let away = "postgres://nobody@127.0.0.1:1/none";
    let ran = run(&place, &["run", "--command", "echo no", "--when", "once", "--state", away]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran}");
}

/// Something that goes on, with the lines of its output as they come.
struct Ticking {
    child: Child,
    lines: Receiver<String>,
}

impl Ticking {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(args);
        command.env("PATH", std::env::var_os("PATH").unwrap()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// Waits for so many lines.
    fn hear(&self, lines: usize) {
        for line in 0..lines {
            let heard = self.lines.recv_timeout(Duration::from_secs(30));
            assert!(heard.is_ok(), "nothing came after {line} lines");
        }
    }

    /// Forgets the lines that have come.
    fn forget(&self) {
        while self.lines.try_recv().is_ok() {}
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to end.
        kill_process(Pid::from_child(&self.child), Signal::INT).ok();
        self.child.wait().ok();
    }
}

#[test]
fn two_commands_live_side_by_side_on_one_store_and_the_same_one_is_one() {
    let place = Place::empty();
    let start = |line: &str| {
        let args = ["run", "--command", line, "--when", "@every 1s", "--state", "sqlite://jobs.db"];
        Ticking::start(&place, &args)
    };
    let first = start("echo first");
    first.hear(1);
    let second = start("echo second");
    second.hear(1);
    first.forget();
    first.hear(2);
    let again = start("echo second");
    again.hear(1);
    second.forget();
    drop((first, second, again));
    let runs =
        run(&place, &["schedule", "history", "--state", "sqlite://jobs.db", "--format", "json", "--limit", "1000"]);
    let runs = runs.done().json();
    let of = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap().to_owned();
    let fires: Vec<_> = runs.as_array().unwrap().iter().map(|run| (of(run, "namespace"), of(run, "nominal"))).collect();
    let namespaces: BTreeSet<_> = fires.iter().map(|(namespace, _)| namespace).collect();
    assert_eq!(namespaces.len(), 2, "{namespaces:?}");
    assert_eq!(fires.iter().collect::<BTreeSet<_>>().len(), fires.len(), "no fire is run twice: {fires:?}");
}

#[test]
fn a_task_file_is_in_the_namespace_that_it_names() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let place = Place::empty();
    let state = ["--state", "sqlite://jobs.db"];
    for (file, namespace) in [("named.py", "# namespace = \"house\"\n"), ("own.py", "")] {
        let head = format!("# /// task\n# when = \"@every 1s\"\n{namespace}# ///\n");
        place.write(file, &format!("{head}def run():\n    print('on', flush=True)\n"));
        Ticking::start(&place, &[&["run", "--file", file], &state[..]].concat()).hear(1);
    }
    let all = run(&place, &[&["schedule", "list", "--format", "json"], &state[..]].concat()).done().json();
    let of = |job: &str| {
        let found = all.as_array().unwrap().iter().find(|schedule| schedule.to_string().contains(job));
        found.map(|found| found["schedule"]["namespace"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    };
    assert!(of("named.py") == "house" && of("own.py").starts_with("own-"), "{all}");
}

#[test]
fn the_same_is_not_run_at_once_twice_on_one_store() {
    let place = Place::empty();
    let args = ["run", "--command", "echo on; sleep 600", "--state", "sqlite://jobs.db"];
    let first = Ticking::start(&place, &args);
    first.hear(1);
    let second = run(&place, &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(6), ""), "{second}");
    drop(first);
    let runs = run(&place, &["schedule", "history", "--state", "sqlite://jobs.db", "--format", "json"]).done().json();
    let waits = runs.as_array().unwrap().iter().any(|run| run["state"] == "pending");
    assert!(!waits, "nothing waits for a scheduler that never comes: {runs}");
}

#[test]
fn an_expression_that_may_not_be_meant_is_remarked_on() {
    let place = Place::empty();
    let mut command = place.command(&["run", "--command", "true", "--when", "*/45 * * * *"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("running ")).collect();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    assert!(said.iter().any(|line| line.starts_with("note: `*/45` fires at 0 and 45 in minutes")), "{said:?}");
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
