//! Pausing a job, and ending that.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::Serialize;

use super::active;
use crate::daemon::owed;
use crate::run::{RunRecord, RunState};
use crate::store::{Pause, Store};

/// What the end of a pause has left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resumed {
    /// The pause that has ended; `null` where there was none.
    pub paused: Option<Pause>,
    /// How many nominal fires fell into it: they are one row, skipped.
    pub skipped: u64,
    /// How many fires were due before it and were not decided upon by any scheduler: they are one row, missed.
    pub missed: u64,
    /// The next fire.
    pub next_fire: Option<DateTime<Utc>>,
}

/// Pauses a job: no scheduler fires it until [`resume`]. What is running goes on.
///
/// A job that is paused already stays as it is: the answer is the pause that holds.
///
/// # Errors
///
/// An unknown job; a store that can't be used.
pub async fn pause(store: &dyn Store, namespace: &str, job: &str, pause: Pause) -> Result<Pause> {
    let record = active(store, namespace, job).await?;
    if let Some(already) = record.paused {
        return Ok(already);
    }
    store.pause(namespace, job, Some(&pause)).await?;
    Ok(pause)
}

/// Ends a pause. The fires that fell into it are recorded as one row first, so that the ledger knows of them whenever
/// this is cut off; called again it goes on.
///
/// # Errors
///
/// An unknown job; a store that can't be used.
pub async fn resume(store: &dyn Store, namespace: &str, job: &str, now: DateTime<Utc>) -> Result<Resumed> {
    let record = active(store, namespace, job).await?;
    let schedule = record.spec.schedule()?;
    let Some(pause) = record.paused.clone() else {
        return Ok(Resumed { paused: None, skipped: 0, missed: 0, next_fire: record.next_fire });
    };
    let mut next_fire = record.next_fire;
    let owed = owed(store, &record, &schedule, "no scheduler was there before the job was paused", now).await?;
    let count = |state| owed.runs.iter().filter(|run| run.state == state).map(RunRecord::fires).sum();
    let (skipped, missed) = (count(RunState::Skipped), count(RunState::Missed));
    if let Some(step) = owed.steps.last() {
        next_fire = step.next_fire;
        store.fire(&owed.rows(), &owed.steps).await?;
    }
    store.pause(namespace, job, None).await?;
    Ok(Resumed { paused: Some(pause), skipped, missed, next_fire })
}
