//! Removing old run history, and remembering that.

use chrono::{DateTime, SubsecRound, Utc};
use clusterkeep_core::Result;

use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Gate, NewRun, RunQuery, Store};

/// The job of the row that says up to where a namespace's history was removed. No job has the version 0.
const HISTORY: &str = "(history)";

/// Removes the rows of a namespace that are final and whose last fire lies before `before`; returns how many.
///
/// It never makes a fire come again: the marks of the schedules stay. That it was done is recorded as a row of its own,
/// before anything is removed, so that a ledger tells what was removed from what is lost.
///
/// # Errors
///
/// A store that can't be used.
pub async fn prune(store: &dyn Store, namespace: &str, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64> {
    let before = before.trunc_subsecs(6);
    let key = RunKey {
        namespace: namespace.to_owned(),
        job: HISTORY.to_owned(),
        nominal: before,
        kind: RunKind::Event,
        generation: 0,
    };
    let run = RunRecord {
        reason: Some("runs for earlier instants were removed by the retention of the run history".to_owned()),
        finished: Some(now),
        ..RunRecord::new(key, RunState::Succeeded)
    };
    store.fire(&[NewRun { run, gate: Gate::OPEN }], &[]).await?;
    store.prune(namespace, before).await
}

/// The instant before which rows of the namespace may have been removed.
pub(crate) async fn pruned_before(store: &dyn Store, namespace: &str) -> Result<Option<DateTime<Utc>>> {
    let latest = store.runs(&RunQuery::of(namespace, HISTORY).limit(1)).await?;
    Ok(latest.first().map(|run| run.key.nominal))
}
