//! When something fires: pure functions from one instant to the next.
//!
//! Nothing here reads a clock, keeps state or does I/O. A [`Schedule`](crate::Schedule) adds the zone and the rules for
//! the clock's changes.

mod cron;
mod dst;
mod rate;
mod zoned;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Serialize;

pub use cron::{Cron, Dialect, Warning};
pub use dst::{DstNote, Fold, Gap, Pass};
pub use rate::Rate;
pub(crate) use zoned::{Rules, next, note};

/// What makes a schedule fire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// At the civil times that an expression names.
    Cron(Cron),
    /// At a fixed rate, whatever the clock on the wall does.
    Rate(Rate),
    /// So long after the last run has finished. It has no nominal fires: its next one depends on when a run ends.
    Delay(TimeDelta),
    /// Once.
    Once(DateTime<Utc>),
    /// Whenever the scheduler starts.
    Startup,
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
