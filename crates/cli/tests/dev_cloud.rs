//! `dev cloud`: a Cloud of this machine, found by what it prints.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn clusterkeep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clusterkeep"));
    command.env_clear().env("NO_COLOR", "1");
    command
}

fn started(args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child =
        clusterkeep().args(["dev", "cloud"]).args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Ends it as Ctrl-C does, and gives its exit code.
fn interrupted(mut child: Child) -> Option<i32> {
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn what_it_prints_leads_to_it() {
    let (child, mut out) = started(&["--suspended", "staging", "--running", "live", "--operation-time", "50ms"]);
    let mut list = clusterkeep();
    list.args(["cluster", "list", "--format", "json"]);
    for _ in 0..5 {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let (name, value) = line.trim().strip_prefix("export ").unwrap().split_once('=').unwrap();
        list.env(name, value);
    }
    let home = tempfile::tempdir().unwrap();
    let listed = list.env("HOME", home.path()).current_dir(home.path()).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success(), "{text}{}", String::from_utf8_lossy(&listed.stderr));
    assert!(text.contains("staging") && text.contains("live"), "{text}");
    assert_eq!(interrupted(child), Some(0));
}

#[test]
fn programs_read_a_document() {
    let (child, out) = started(&["--format", "json"]);
    let document: Value = serde_json::Deserializer::from_reader(out).into_iter().next().unwrap().unwrap();
    assert!(document["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{document}");
    for key in ["key", "secret", "organization_id", "project_id", "subscription_id"] {
        assert!(!document[key].as_str().unwrap().is_empty(), "{document}");
    }
    assert_eq!(interrupted(child), Some(0));
}

#[test]
fn it_stays_on_this_machine() {
    let refused = clusterkeep().args(["dev", "cloud", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("does not listen on 0.0.0.0") && said.contains("hint:"), "{said}");
}
