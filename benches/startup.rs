//! How long the program takes to start: `clusterkeep --version` as a whole process, beside `true` in the same run.
//!
//! Takes the program's path as its argument, or `CLUSTERKEEP` from the environment; `scripts/bench` gives it.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::process::Command;
use std::time::{Duration, Instant};

use clusterkeep_benches::median;

const RUNS: usize = 101;

fn main() {
    let Some(program) = std::env::var_os("CLUSTERKEEP") else {
        println!("startup: set CLUSTERKEEP to the program's path; scripts/bench does");
        return;
    };
    let mut ours = Vec::with_capacity(RUNS);
    let mut peer = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        ours.push(time(Command::new(&program).arg("--version")));
        peer.push(time(&mut Command::new("true")));
    }
    let (ours, peer) = (median(ours), median(peer));
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{:<44}{:>13.2} ms{:>13.2} ms{:>10.2}",
        "clusterkeep --version, whole process",
        milliseconds(ours),
        milliseconds(peer),
        ours.as_secs_f64() / peer.as_secs_f64(),
    );
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let output = command.output().expect("the program starts");
    assert!(output.status.success());
    start.elapsed()
}
