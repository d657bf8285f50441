//! The only place where the time of day is read.
//!
//! Everything else takes `now` as an argument, or a [`Clock`] where it has to wait.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A source of time that can be waited on.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;

    /// Waits until `instant`, at once where it has passed.
    async fn sleep_until(&self, instant: DateTime<Utc>);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How long a wait goes before it looks at the time of day again: the clock may have been set, or the machine suspended.
const RECHECK: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        while let Ok(left) = (instant - Utc::now()).to_std() {
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(RECHECK)).await;
        }
    }
}

/// A clock that stands until it is told to move; waiting moves it.
///
/// ```
/// use clusterkeep_core::clock::{Clock, SimulatedClock};
/// let start = "2014-01-15T00:00:00Z".parse().unwrap();
/// let clock = SimulatedClock::at(start);
/// clock.advance(chrono::Duration::hours(3));
/// assert_eq!(clock.now(), start + chrono::Duration::hours(3));
/// ```
#[derive(Debug, Clone)]
pub struct SimulatedClock(Arc<Mutex<DateTime<Utc>>>);

impl SimulatedClock {
    /// A clock that shows `instant`.
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(instant)))
    }

    /// Moves the clock by `by`.
    pub fn advance(&self, by: chrono::Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }

    /// Sets the clock forward to `instant`; it never goes back.
    pub fn advance_to(&self, instant: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (*now).max(instant);
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.advance_to(instant);
        tokio::task::yield_now().await;
    }
}
