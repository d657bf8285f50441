//! Where schedules and runs are kept: one trait, and one file or folder per store.
//!
//! Stores hold rows and decide nothing: what fires when, and what becomes of it, is decided above them by the same code
//! for all. What they promise is in [`Store`]; `tests/store_conformance.rs` holds each of them to it.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use crate::model::JobSpec;
use crate::run::{RunKey, RunRecord, RunState};

/// A job as a store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScheduleRecord {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub spec: JobSpec,
    /// Which version of the job it is: 1, and one more with each change.
    pub generation: u32,
    /// The instant after which this version's fires count.
    pub valid_from: DateTime<Utc>,
    /// The next fire, computed with `zone_data`.
    pub next_fire: Option<DateTime<Utc>>,
    /// The latest fire that was made or decided upon, of any version: no fire up to it is ever made again.
    pub high_water: Option<DateTime<Utc>>,
    /// The version of the zone data that `next_fire` was computed with.
    pub zone_data: String,
    /// Since when the job is no longer among those of its namespace; its history stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<DateTime<Utc>>,
}

/// A schedule's step over fires that were decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// The latest fire that was decided upon; a store's own never sinks.
    pub high_water: DateTime<Utc>,
    /// The fire after it.
    pub next_fire: Option<DateTime<Utc>>,
}

/// A pending run that a scheduler wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub key: RunKey,
    /// Its attempt as last seen; it gets the next number.
    pub attempt: u32,
    /// When it begins.
    pub at: DateTime<Utc>,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// Of which run.
    pub key: RunKey,
    /// Of which attempt.
    pub attempt: u32,
    /// What became of it; [`RunState::Pending`] gives it back to be attempted again.
    pub state: RunState,
    /// What went wrong.
    pub error: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which runs to list.
///
/// ```
/// use clusterkeep_scheduler::RunQuery;
/// let latest = RunQuery::of("weather", "nightly").limit(10);
/// # let _ = latest;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    pub(crate) namespace: Option<String>,
    pub(crate) job: Option<String>,
    pub(crate) states: Vec<RunState>,
    pub(crate) limit: Option<u32>,
}

impl RunQuery {
    /// All runs of all jobs.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The runs of a namespace.
    #[must_use]
    pub fn within(namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..Self::default() }
    }

    /// The runs of one job.
    #[must_use]
    pub fn of(namespace: impl Into<String>, job: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), job: Some(job.into()), ..Self::default() }
    }

    /// Only those in one of these states.
    #[must_use]
    pub fn in_states(mut self, states: impl Into<Vec<RunState>>) -> Self {
        self.states = states.into();
        self
    }

    /// At most so many.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// Keeps schedules and runs.
///
/// # Guarantees
///
/// - There is at most one row per [`RunKey`]; making it again changes nothing.
/// - The high-water mark of a schedule never sinks, and no scheduled fire at or below it is made: also not after its
///   row was deleted or the job was changed.
/// - Rows are made before their schedule steps over them, so that a crash in between repeats and never loses.
/// - Only the holder of a run's latest attempt changes it.
///
/// # Errors
///
/// Each call fails where the store can't be reached; the caller may then make it again.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Whether other processes may use it at the same time.
    fn is_shared(&self) -> bool;

    /// Adds or replaces schedules; one of a later generation than the given stays as it is.
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<()>;

    /// The schedules of a namespace, or of all, by namespace and name.
    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>>;

    /// Makes rows, then steps over them, at once where the store can; says of each row whether it was made now.
    async fn fire(&self, runs: &[RunRecord], advances: &[Advance]) -> Result<Vec<bool>>;

    /// Begins pending runs; says of each whether it was begun now.
    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>>;

    /// Records progress and message of a running attempt; says whether it is still the latest.
    async fn report(&self, key: &RunKey, attempt: u32, progress: Option<f64>, message: Option<&str>) -> Result<bool>;

    /// Ends running attempts; says of each whether it still was the latest.
    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>>;

    /// Runs, the latest nominal instant first.
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>>;

    /// Deletes the rows of a namespace that are final and whose last fire lies before `before`; returns how many.
    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64>;

    /// Takes or renews the lease on a namespace, until an instant; `false` where another owner's has not run out.
    async fn lease(&self, namespace: &str, owner: Uuid, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<bool>;

    /// Gives the lease back, where it is the owner's.
    async fn release(&self, namespace: &str, owner: Uuid) -> Result<()>;
}
