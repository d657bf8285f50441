//! Where schedules and runs are kept: one trait, and one file or folder per store.
//!
//! Stores hold rows and decide nothing: what fires when, and what becomes of it, is decided above them by the same code
//! for all. What they promise is in [`Store`]; `tests/store_conformance.rs` holds each of them to it.

#[cfg(feature = "cratedb")]
mod cratedb;
mod gate;
pub(crate) mod kept;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "cratedb"))]
mod migrate;
mod open;
pub(crate) mod places;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "cratedb"))]
mod query;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "cratedb"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "cratedb")]
pub use cratedb::CrateStore;
pub use memory::MemoryStore;
pub use open::{Existing, open, open_existing};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use crate::model::JobSpec;
use crate::run::{Attempt, RunKey, RunKind, RunRecord, RunState};

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
    /// Fires up to this instant were decided upon by zone data of another version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_data_since: Option<DateTime<Utc>>,
    /// Since when the job is no longer among those of its namespace; its history stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<DateTime<Utc>>,
    /// Set while the job does not fire because somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Who has changed it last, or has removed it; unknown of what an earlier version of the program wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// Who brought a version of a job into a store, and out of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Who: user and host, or the program.
    pub by: String,
    /// Where the timetable is kept, or the file that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl ScheduleRecord {
    /// The key of a run of this version.
    pub(crate) fn key(&self, kind: RunKind, nominal: DateTime<Utc>) -> RunKey {
        RunKey {
            namespace: self.namespace.clone(),
            job: self.spec.name.as_str().to_owned(),
            nominal,
            kind,
            generation: self.generation,
        }
    }

    /// A step over its fires up to `high_water`, by who knows it as it is.
    pub(crate) fn advance(&self, high_water: DateTime<Utc>, next_fire: Option<DateTime<Utc>>) -> Advance {
        Advance {
            namespace: self.namespace.clone(),
            job: self.spec.name.as_str().to_owned(),
            generation: self.generation,
            paused: self.paused.is_some(),
            high_water,
            next_fire,
        }
    }

    /// The instant behind which fires of this version are not decided upon yet.
    pub(crate) fn decided(&self) -> DateTime<Utc> {
        self.high_water.map_or(self.valid_from, |mark| mark.max(self.valid_from))
    }
}

/// Why a job does not fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who said so.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A version of a job, and when its fires counted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Generation {
    /// Its number.
    pub generation: u32,
    /// The job as it was then.
    pub spec: JobSpec,
    /// Its fires count from behind this instant.
    pub valid_from: DateTime<Utc>,
    /// Its fires count up to this instant; `None` for the version that is valid.
    pub valid_until: Option<DateTime<Utc>>,
    /// Who made it; unknown of what an earlier version of the program wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// A row to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The row, as it becomes where its gate is open.
    pub run: RunRecord,
    /// Whether it may run now, where its state is [`RunState::Running`].
    pub gate: Gate,
}

/// When a run may begin, by the other runs of its job, whoever runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// How many runs of the job may be going, this one included.
    pub at_once: u32,
    /// What the row becomes where as many are going already, or where others wait for their turn.
    pub otherwise: Otherwise,
}

/// What a fire does that can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// Its row is [`RunState::Pending`].
    Wait,
    /// Its row is [`RunState::Skipped`].
    Skip,
}

impl Gate {
    /// Open, whatever else is going.
    pub const OPEN: Self = Self { at_once: u32::MAX, otherwise: Otherwise::Wait };
}

/// What a store did about a row to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// It was made now, in this state.
    Made(RunState),
    /// It was not: it is there already, or its schedule has stepped over it.
    Not,
    /// It was not, and nobody has decided upon it: its job is paused, or of another generation.
    Refused,
}

impl Fired {
    /// Whether the row was made now.
    #[must_use]
    pub const fn is_made(self) -> bool {
        matches!(self, Self::Made(_))
    }
}

/// A schedule's step over fires that were decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// Of which version the fires were: where another one is valid, nothing is stepped over.
    pub generation: u32,
    /// Whether the job is paused, as far as its writer knows: where it is not so, nothing is stepped over.
    pub paused: bool,
    /// The latest fire that was decided upon; a store's own never sinks.
    pub high_water: DateTime<Utc>,
    /// The fire after it.
    pub next_fire: Option<DateTime<Utc>>,
}

/// A pending run that a scheduler wants to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Which.
    pub key: RunKey,
    /// Its attempt as last seen; it gets the next number.
    pub attempt: u32,
    /// Who begins it.
    pub worker: Uuid,
    /// How many runs of its job may be going, this one included.
    pub at_once: u32,
    /// When it begins.
    pub at: DateTime<Utc>,
    /// What its attempts before came to; where there is none, what the row has stays.
    pub earlier: Vec<Attempt>,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq)]
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
    /// Where it is given back: when it may be attempted again.
    pub not_before: Option<DateTime<Utc>>,
    /// The exit code of its process. Here and below, what is not said stays as it was reported.
    pub exit: Option<i32>,
    /// What it has come to.
    pub result: Option<serde_json::Value>,
    /// What its process wrote.
    pub output: Option<String>,
}

/// What an attempt that is going says of itself; what it does not say stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report<'a> {
    /// How much is done, from 0 to 1.
    pub progress: Option<f64>,
    /// What it says last.
    pub message: Option<&'a str>,
    /// What its process has written so far.
    pub output: Option<&'a str>,
}

/// What a beat of a worker's heart brought back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat {
    /// Its lease had run out before: others may have taken over what it ran.
    pub lapsed: bool,
    /// Those of its runs that are to end, with the attempt and the reason.
    pub cancel: Vec<(RunKey, u32, String)>,
}

/// A scheduler, as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Worker {
    /// Who.
    pub worker: Uuid,
    /// Of which namespace it runs jobs.
    pub namespace: String,
    /// Where: host name and process.
    pub place: String,
    /// Whether its lease goes on, by the store's clock.
    pub alive: bool,
}

/// What became of somebody's wish to end a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was waiting, and is cancelled.
    Ended,
    /// It is going; whoever runs it looks for such wishes each half second.
    Asked,
    /// There is no such run, or it has ended.
    Not,
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
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) limit: Option<u32>,
    pub(crate) ended_since: Option<DateTime<Utc>>,
    pub(crate) without_output: bool,
    pub(crate) kind: Option<RunKind>,
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

    /// Only those that stand for a fire within `[from, until)`.
    #[must_use]
    pub const fn between(mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        self.from = Some(from);
        self.until = Some(until);
        self
    }

    /// Only those that have ended, and not before this instant.
    #[must_use]
    pub const fn ended_since(mut self, at: DateTime<Utc>) -> Self {
        self.ended_since = Some(at);
        self
    }

    /// Leaves out what their processes wrote, which may be much.
    #[must_use]
    pub const fn without_output(mut self) -> Self {
        self.without_output = true;
        self
    }

    /// Only those that were brought about by this.
    #[must_use]
    pub const fn of_kind(mut self, kind: RunKind) -> Self {
        self.kind = Some(kind);
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
/// - Any number of schedulers may do the same at the same time: of those that make or begin the same run, one does.
///
/// The gate of a run (see [`Gate`]) holds on a store with transactions; where there are none, two schedulers that begin
/// runs of the same job in the same moment may both pass it, and the store's documentation says so.
///
/// # Errors
///
/// Each call fails where the store can't be reached; the caller may then make it again.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Adds schedules, and replaces those of an earlier generation; of the same generation and job, the next fire, the
    /// zone data and the retirement are taken over; who has changed it only where that retires it or brings it back. Marks
    /// never sink, and pauses stay. Says of each whether it is now as given: `false` where the store has a later generation, or another job under the same one.
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>>;

    /// The schedules of a namespace, or of all, by namespace and name. A row that can't be read is left out and logged.
    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>>;

    /// These schedules of a namespace, as far as they are there; in any order.
    async fn named(&self, namespace: &str, jobs: &[String]) -> Result<Vec<ScheduleRecord>> {
        let mut all = self.schedules(Some(namespace)).await?;
        let wanted: HashSet<&str> = jobs.iter().map(String::as_str).collect();
        all.retain(|record| wanted.contains(record.spec.name.as_str()));
        Ok(all)
    }

    /// Those schedules of a namespace that were put, paused or resumed since a token that this call gave before, and the
    /// token for the next time. Some may come again; none is left out. Without a token there are none.
    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)>;

    /// Whether [`changed`](Self::changed) has more to tell at once, asked with a token that it has just given: a store may
    /// tell of many in several calls.
    fn has_more(&self, _token: i64) -> bool {
        false
    }

    /// The versions of a job, the first one first.
    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>>;

    /// Pauses a job, or ends its pause; `false` where there is no such job.
    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool>;

    /// Makes rows, then steps over them, at once where the store can.
    ///
    /// A scheduled row is made only where its generation is the valid one and its instant is behind the mark; one that
    /// would run or wait only where its job is not paused. Where a row that stands for several fires is not made, its job
    /// is not stepped over: another one has decided upon some of them, and nobody upon the others.
    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>>;

    /// Begins pending runs whose time has come; says of each whether it was begun now.
    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>>;

    /// Records what a running attempt says; says whether it is still the latest.
    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool>;

    /// Ends running attempts; says of each whether it still was the latest. One that is given back while somebody wants its
    /// run to end is cancelled instead.
    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>>;

    /// Cancels a run that waits, or asks for the end of one that is going.
    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled>;

    /// Lets a run that has failed, is dead, was cancelled, refused or skipped wait for another attempt, with the attempts
    /// that its job allows before it; `false` where it is none of these.
    async fn renew(&self, key: &RunKey) -> Result<bool>;

    /// Runs, the latest nominal instant first. Here and below, a row that can't be read is left out and logged.
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>>;

    /// Pending runs of a namespace whose time has come, those of the greatest priority first, then the oldest; but for those
    /// of some jobs.
    async fn waiting(&self, namespace: &str, but: &[String], at: DateTime<Utc>, limit: u32) -> Result<Vec<RunRecord>>;

    /// Running rows of a namespace that nobody holds: their worker's lease has run out, or it has left.
    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>>;

    /// Deletes the rows of a namespace that are final and whose last fire lies before `before`; returns how many. That it
    /// has been done is written down before anything is deleted.
    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64>;

    /// Before which instant rows of a namespace may have been deleted.
    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>>;

    /// Takes or renews a worker's lease, for so long by the store's clock.
    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat>;

    /// Those running rows of a worker that somebody wants to end, with the attempt and the reason: what a beat tells, for who
    /// wants to know sooner.
    async fn to_cancel(&self, worker: Uuid) -> Result<Vec<(RunKey, u32, String)>>;

    /// Gives a worker's lease back.
    async fn leave(&self, worker: Uuid) -> Result<()>;

    /// The schedulers that have not left.
    async fn workers(&self) -> Result<Vec<Worker>>;
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paused by {}", self.by)?;
        match &self.note {
            Some(note) => write!(f, ": {note:?}"),
            None => Ok(()),
        }
    }
}
