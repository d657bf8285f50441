//! Questions about what was, answered from a store alone: no scheduler has to run for them.

use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::run::RunRecord;
use crate::store::{RunQuery, ScheduleRecord, Store};

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
        let latest = RunQuery::of(&schedule.namespace, schedule.spec.name.as_str()).limit(1);
        let last_run = store.runs(&latest).await?.pop();
        all.push(Overview { schedule, last_run });
    }
    Ok(all)
}
