//! Pauses that grow, up to a deadline.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::transport::jitter;
use super::Wait;

/// The least that a pause is, so that no setting makes a loop of requests.
const SHORTEST: Duration = Duration::from_millis(1);

/// Pauses that grow, up to a deadline.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    wait: &'a Wait,
    start: DateTime<Utc>,
    deadline: DateTime<Utc>,
    pause: Duration,
}

impl<'a> Pace<'a> {
    pub(super) fn new(wait: &'a Wait) -> Self {
        let start = wait.clock.now();
        Self { wait, start, deadline: later(start, wait.timeout), pause: wait.first_pause.max(SHORTEST) }
    }

    /// The same pauses from the beginning, to the same deadline, or to an earlier one.
    pub(super) fn again(&self, within: Duration) -> Self {
        let start = self.wait.clock.now();
        let deadline = later(start, within).min(self.deadline);
        Self { wait: self.wait, start: self.start, deadline, pause: self.wait.first_pause.max(SHORTEST) }
    }

    /// Pauses, a little longer than the time before; false where the deadline had passed.
    pub(super) async fn pause(&mut self) -> bool {
        let now = self.wait.clock.now();
        if now >= self.deadline {
            return false;
        }
        let rest = self.pause.mul_f64(1.0 + 0.2 * jitter());
        self.wait.clock.sleep_until(later(now, rest).min(self.deadline)).await;
        self.pause = self.pause.mul_f64(1.5).min(self.wait.longest_pause.max(SHORTEST));
        true
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        (self.wait.clock.now() - self.start).to_std().unwrap_or_default()
    }
}

fn later(instant: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by).ok().and_then(|by| instant.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
