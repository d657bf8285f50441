//! What a job from the command line costs beside the command itself: `clusterkeep run --command true --when once` as a whole
//! process, and `sh -c true`, in turns. It may take 30 ms more.
//!
//! Takes the program's path as its argument, or `CLUSTERKEEP` from the environment; `scripts/bench` gives it.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::process::Command;
use std::time::{Duration, Instant};

use clusterkeep_benches::median;

const RUNS: usize = 30;

/// How much longer it may take.
const MOST: Duration = Duration::from_millis(30);

fn main() {
    let Some(program) = std::env::var_os("CLUSTERKEEP") else {
        println!("oneoff: set CLUSTERKEEP to the program's path; scripts/bench does");
        return;
    };
    let mut ours = Vec::with_capacity(RUNS);
    let mut peer = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        ours.push(time(Command::new(&program).args(["run", "--command", "true", "--when", "once"])));
        peer.push(time(Command::new("sh").args(["-c", "true"])));
    }
    let (ours, peer) = (median(ours), median(peer));
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{:<44}{:>13.2} ms{:>13.2} ms{:>10.2}",
        "run --command true, and sh -c true",
        milliseconds(ours),
        milliseconds(peer),
        ours.as_secs_f64() / peer.as_secs_f64(),
    );
    assert!(ours.saturating_sub(peer) <= MOST, "it takes more than {MOST:?} longer");
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let output = command.output().expect("the program starts");
    assert!(output.status.success());
    start.elapsed()
}
