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
        assert_eq!(lines.next().unwrap().unwrap(), "running 1 job of weather");
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
