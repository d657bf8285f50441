//! What the benchmarks beside this file have in common.

pub mod process;

use std::time::Duration;

/// The time in the middle.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
