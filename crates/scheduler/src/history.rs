//! Questions about what was, answered from a store alone: no scheduler has to run for them.

use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::run::{RunKind, RunRecord};
use crate::store::{RunQuery, ScheduleRecord, Store};

/// How many rows are looked at for the latest run.
const FEW: u32 = 8;

/// A schedule with what it did last.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Overview {
    /// The schedule, with its next fire.
    pub schedule: ScheduleRecord,
    /// Its latest run, by the instant that it is for.
    pub last_run: Option<RunRecord>,
}

/// The schedules of a namespace, or of all, each with its latest run.
///
/// # Errors
///
/// The store can't be read.
pub async fn overview(store: &dyn Store, namespace: Option<&str>) -> Result<Vec<Overview>> {
    let mut all = Vec::new();
    for schedule in store.schedules(namespace).await? {
        let latest = RunQuery::of(&schedule.namespace, schedule.spec.name.as_str()).limit(FEW).without_output();
        // A missed heartbeat is no run.
        let runs = store.runs(&latest).await?.into_iter();
        let last_run = runs.into_iter().find(|run| run.key.kind != RunKind::Heartbeat);
        all.push(Overview { schedule, last_run });
    }
    Ok(all)
}
