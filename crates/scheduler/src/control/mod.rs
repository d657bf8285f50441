//! What somebody's hand does to jobs and runs, on a store alone: schedulers find it there, wherever they are.
//!
//! Nothing here runs a handler. Each function says what it did, and none does more than it was asked for.

mod backfill;
mod changes;
mod pause;
mod queue;
mod runs;

use clusterkeep_core::{Error, Result};

pub use backfill::{Backfill, backfill};
pub use changes::{Change, Changes};
pub use pause::{Resumed, pause, resume};
pub use queue::{Dedup, Queued, queue};
pub use runs::{cancel, retry};

use crate::store::{ScheduleRecord, Store};

/// The job of this name.
pub(crate) async fn known(store: &dyn Store, namespace: &str, job: &str) -> Result<ScheduleRecord> {
    let mut all = store.schedules(None).await?;
    let named = |schedule: &ScheduleRecord| schedule.spec.name.as_str() == job;
    if let Some(at) = all.iter().position(|schedule| schedule.namespace == namespace && named(schedule)) {
        return Ok(all.swap_remove(at));
    }
    let hint = match all.iter().find(|schedule| named(schedule)) {
        Some(elsewhere) => format!("it is in another namespace: --namespace {}", elsewhere.namespace),
        None => "`clusterkeep schedule list` shows those that there are".to_owned(),
    };
    Err(Error::input(format!("job `{job}` of namespace `{namespace}` is unknown")).with_hint(hint))
}

/// The job of this name, where it is among those of its namespace still.
async fn active(store: &dyn Store, namespace: &str, job: &str) -> Result<ScheduleRecord> {
    let record = known(store, namespace, job).await?;
    match record.retired {
        None => Ok(record),
        Some(since) => Err(Error::input(format!("job `{job}` of namespace `{namespace}` was removed at {since}"))
            .with_hint("put it into a timetable again, and start a scheduler with that")),
    }
}
