//! A fixed rate: instants that lie equally far apart, counted from an anchor.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};

/// Every so often, anchored: not moved by a late start, a slow run or a change of the clock.
///
/// ```
/// use chrono::TimeDelta;
/// use clusterkeep_scheduler::Rate;
/// let rate = Rate::every(TimeDelta::seconds(90))?;
/// let next = rate.next("2026-01-01T00:00:30Z".parse().unwrap()).unwrap();
/// assert_eq!(next.to_rfc3339(), "2026-01-01T00:01:30+00:00");
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds, above 0.
    every: i64,
    /// Microseconds since the epoch.
    anchor: i64,
}

impl Rate {
    /// A rate anchored at 1970-01-01 00:00 UTC, so that all schedules of one interval fire together.
    ///
    /// # Errors
    ///
    /// An interval below a millisecond.
    pub fn every(interval: TimeDelta) -> Result<Self> {
        match interval.num_microseconds() {
            Some(every) if every >= 1_000 => Ok(Self { every, anchor: 0 }),
            _ => Err(Error::input("the interval is shorter than a millisecond or longer than time is counted")),
        }
    }

    /// The same rate, counted from `anchor`, which is one of its fires.
    #[must_use]
    pub const fn anchored(mut self, anchor: DateTime<Utc>) -> Self {
        self.anchor = anchor.timestamp_micros();
        self
    }

    /// The interval.
    #[must_use]
    pub const fn interval(&self) -> TimeDelta {
        TimeDelta::microseconds(self.every)
    }

    /// The first fire later than `after`; `None` where time is no longer counted.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // A part of a microsecond is cut off towards the past: the next whole one is later in either case.
        let since = after.timestamp_micros().checked_sub(self.anchor)?;
        let count = since.div_euclid(self.every).checked_add(1)?;
        let micros = self.anchor.checked_add(count.checked_mul(self.every)?)?;
        let next = DateTime::from_timestamp_micros(micros)?;
        assert!(next > after, "a fire is later than the one before");
        Some(next)
    }
}
