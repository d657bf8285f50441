//! What makes two runs the same run.

use std::fmt;

use chrono::{DateTime, Utc};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The key of a run: a store has at most one row of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RunKey {
    /// The namespace of the job.
    pub namespace: String,
    /// The name of the job.
    pub job: String,
    /// The instant that it is for, to the microsecond: the fire's after the rules for the clock's changes, or that of
    /// the event.
    pub nominal: DateTime<Utc>,
    /// What brought it about.
    pub kind: RunKind,
    /// Which version of the job it is a run of: 1, and one more with each change.
    pub generation: u32,
}

/// What brought a run about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A nominal fire of the job's schedule: what a ledger counts.
    Scheduled,
    /// A start of the scheduler, or the end of the run before it.
    Event,
    /// Somebody's hand.
    Manual,
    /// Somebody's hand, for a fire of the past.
    Backfill,
    /// None: the row says that no run had succeeded for too long.
    Heartbeat,
}

impl RunKind {
    /// Its name, as stores and screens write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Event => "event",
            Self::Manual => "manual",
            Self::Backfill => "backfill",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    ///
    /// Another name.
    pub fn named(name: &str) -> Result<Self> {
        [Self::Scheduled, Self::Event, Self::Manual, Self::Backfill, Self::Heartbeat]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| Error::input(format!("`{name}` is no kind of run")))
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
