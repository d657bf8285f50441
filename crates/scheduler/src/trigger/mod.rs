//! When something fires: pure functions from one instant to the next.
//!
//! Nothing here reads a clock, keeps state or does I/O. A [`Schedule`](crate::Schedule) adds the zone and the rules for
//! the clock's changes.

mod cron;
mod dst;
mod evaluate;
mod months;
mod rate;
#[cfg(feature = "rrule")]
mod recurrence;
mod zoned;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Serialize;

pub use cron::{Cron, Dialect, Level, Warning};
pub use dst::{DstNote, Fold, Gap, Pass};
pub(crate) use evaluate::{Found, WallClock};
pub use months::Months;
pub use rate::Rate;
#[cfg(feature = "rrule")]
pub use recurrence::Recurrence;

/// What makes a schedule fire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// At the civil times that an expression names.
    Cron(Cron),
    /// Every so many months of the calendar.
    Months(Months),
    /// At the civil times of a recurrence rule.
    #[cfg(feature = "rrule")]
    Recurrence(Recurrence),
    /// At a fixed rate, whatever the clock on the wall does.
    Rate(Rate),
    /// So long after the last run has finished. It has no nominal fires: its next one depends on when a run ends.
    Delay(TimeDelta),
    /// Once.
    Once(DateTime<Utc>),
    /// Whenever the scheduler starts.
    Startup,
    /// After runs of other jobs. It has no fires of its own.
    Following,
    /// Whenever any of them fires; what several fire at is one fire.
    Any(Vec<Trigger>),
    /// Whenever all of them fire at once.
    ///
    /// Triggers that fire often and hardly ever at once are given up after 100,000 candidates: then nothing fires again.
    All(Vec<Trigger>),
}

/// One instant at which a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fire {
    /// The instant after the rules for the clock's changes: the key of the run.
    #[serde(rename = "utc")]
    pub nominal: DateTime<Utc>,
    /// What the clock on the wall of the schedule's zone shows then.
    pub civil: NaiveDateTime,
    /// What a change of the clock did to it.
    pub note: Option<DstNote>,
}
