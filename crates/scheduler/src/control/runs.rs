//! Ending runs, and having them tried anew.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;

use super::known;
use crate::run::{RunRecord, RunState};
use crate::store::{Cancelled, RunQuery, Store};

/// Cancels the runs of a job that wait or are going, or only those for one instant. Says of each what became of it: one
/// that is going is ended by its scheduler.
///
/// # Errors
///
/// An unknown job; a store that can't be used.
pub async fn cancel(
    store: &dyn Store,
    namespace: &str,
    job: &str,
    of: Option<DateTime<Utc>>,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<(RunRecord, Cancelled)>> {
    let mut cancelled = Vec::new();
    for run in find(store, namespace, job, of, &[RunState::Pending, RunState::Running]).await? {
        let done = store.cancel(&run.key, why, now).await?;
        // It may have ended by itself in between.
        if done != Cancelled::Not {
            cancelled.push((run, done));
        }
    }
    Ok(cancelled)
}

/// Lets runs be tried anew, with the attempts that their job allows: those that are dead, or the one for an instant, where
/// it has failed, was cancelled or was refused. Returns those that are.
///
/// # Errors
///
/// An unknown job; a store that can't be used.
pub async fn retry(store: &dyn Store, namespace: &str, job: &str, of: Option<DateTime<Utc>>) -> Result<Vec<RunRecord>> {
    let states = if of.is_some() { &RunState::RENEWABLE[..] } else { &[RunState::Dead] };
    let mut renewed = Vec::new();
    for run in find(store, namespace, job, of, states).await? {
        if store.renew(&run.key).await? {
            renewed.push(run);
        }
    }
    Ok(renewed)
}

async fn find(
    store: &dyn Store,
    namespace: &str,
    job: &str,
    of: Option<DateTime<Utc>>,
    states: &[RunState],
) -> Result<Vec<RunRecord>> {
    known(store, namespace, job).await?;
    let mut runs = store.runs(&RunQuery::of(namespace, job).in_states(states)).await?;
    // People see seconds, keys have microseconds.
    runs.retain(|run| of.is_none_or(|of| run.key.nominal.timestamp() == of.timestamp()));
    Ok(runs)
}
