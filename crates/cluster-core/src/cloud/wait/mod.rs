//! Waiting for what the service does, with a deadline, at a bounded rate, and saying how far it is.

mod change;
mod create;
mod ensure;
mod jobs;
mod pace;
mod running;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::OperationKind;
use crate::clock::{Clock, SystemClock};
use crate::event::Events;

/// How something is waited for.
///
/// ```
/// use std::time::Duration;
/// use clusterkeep_core::cloud::Wait;
/// let patient = Wait::default().timeout(Duration::from_secs(2 * 60 * 60));
/// assert_eq!(patient.longest_pause, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Wait {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The most that all of it may take: 45 minutes by default.
    pub timeout: Duration,
    /// Who hears how far it is.
    pub events: Events,
    /// The pause before the service is asked for the first time: a second by default.
    pub first_pause: Duration,
    /// What the pause grows to, by half each time: 10 seconds by default. Chance adds up to a fifth.
    pub longest_pause: Duration,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            timeout: Duration::from_secs(45 * 60),
            events: Events::none(),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(10),
        }
    }
}

impl Wait {
    /// Sets the time of day.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the most that all of it may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets who hears how far it is.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Sets the first pause, and the one that it grows to.
    #[must_use]
    pub const fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_pause, self.longest_pause) = (first, longest);
        self
    }
}

/// What is to be changed about a cluster, and how the service and people call that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changing {
    /// The cluster.
    pub cluster: Uuid,
    /// The operation that does it.
    pub kind: OperationKind,
    /// What it is called in errors and events, such as `resume`.
    pub what: String,
    /// Whether it is asked for even where the cluster looks as wanted already, since that can't be seen from outside.
    pub always: bool,
}

impl Changing {
    /// A change whose effect can be seen on the cluster, so that it is asked for only where it is not there yet.
    pub fn new(cluster: Uuid, kind: OperationKind, what: impl Into<String>) -> Self {
        Self { cluster, kind, what: what.into(), always: false }
    }

    /// Asks for the change even where the cluster looks as wanted already.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.always = true;
        self
    }
}
