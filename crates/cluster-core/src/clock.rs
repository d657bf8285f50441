//! The only place where the time of day is read.
//!
//! Everything else takes `now` as an argument, or a [`Clock`] where it has to wait.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

    /// How long ago some moment was that never changes, by a clock that nobody sets and that goes on while the machine is
    /// suspended: what tells a time of day that was set from time that has passed. `None` where there is no such clock.
    fn elapsed(&self) -> Option<Duration> {
        None
    }
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

    /// Since the machine was started; only Linux tells it.
    #[cfg(target_os = "linux")]
    fn elapsed(&self) -> Option<Duration> {
        let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Some(Duration::new(u64::try_from(since.tv_sec).ok()?, u32::try_from(since.tv_nsec).ok()?))
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
pub struct SimulatedClock(Arc<Mutex<Simulated>>);

#[derive(Debug)]
struct Simulated {
    now: DateTime<Utc>,
    /// How long it has gone, by no hand of anybody.
    elapsed: Duration,
}

impl SimulatedClock {
    /// A clock that shows `instant`.
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Simulated { now: instant, elapsed: Duration::ZERO })))
    }

    /// Moves the clock by `by`.
    pub fn advance(&self, by: chrono::Duration) {
        self.lock().to(|now| now + by);
    }

    /// Moves the clock forward to `instant`; it never goes back.
    pub fn advance_to(&self, instant: DateTime<Utc>) {
        self.lock().to(|now| now.max(instant));
    }

    fn lock(&self) -> MutexGuard<'_, Simulated> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulated {
    fn to(&mut self, then: impl FnOnce(DateTime<Utc>) -> DateTime<Utc>) {
        let before = self.now;
        self.now = then(before);
        self.elapsed += (self.now - before).to_std().unwrap_or_default();
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.advance_to(instant);
        tokio::task::yield_now().await;
    }

    fn elapsed(&self) -> Option<Duration> {
        Some(self.lock().elapsed)
    }
}
