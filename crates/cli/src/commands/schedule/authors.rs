//! Who has made the version of the job that a run is of.

use std::collections::HashMap;

use clusterkeep_core::Result;
use clusterkeep_scheduler::{RunRecord, Source, Store};
use schemars::JsonSchema;
use serde::Serialize;

/// A run, as `schedule history --format json` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HistoryRun {
    /// The run.
    #[serde(flatten)]
    pub(crate) run: RunRecord,
    /// Who has made the version of the job that it is of, and out of what; unknown of what an earlier version of the
    /// program wrote, and of what was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source>,
    /// How long its latest attempt took, where it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
}

/// The runs, each with who has made its job as it was then.
pub(super) async fn with_authors(store: &dyn Store, runs: Vec<RunRecord>) -> Result<Vec<HistoryRun>> {
    let mut known: HashMap<(String, String), HashMap<u32, Option<Source>>> = HashMap::new();
    let mut all = Vec::with_capacity(runs.len());
    for run in runs {
        let job = (run.key.namespace.clone(), run.key.job.clone());
        if !known.contains_key(&job) {
            // A version that can't be read is nobody's, and hides none of the others' runs.
            let versions = store.generations(&job.0, &job.1).await.unwrap_or_else(|error| {
                tracing::warn!(job = job.1, error = &error as &dyn std::error::Error, "its versions can't be read");
                Vec::new()
            });
            known.insert(job.clone(), versions.into_iter().map(|it| (it.generation, it.source)).collect());
        }
        let versions = known.get(&job);
        // What is of no version, such as a missed heartbeat, is of the last one.
        let of = versions.and_then(|all| match run.key.generation {
            0 => all.iter().max_by_key(|(number, _)| **number).map(|(_, source)| source),
            number => all.get(&number),
        });
        let source = of.cloned().flatten();
        let seconds = run.started.zip(run.finished).map(|(from, until)| (until - from).as_seconds_f64());
        all.push(HistoryRun { run, source, seconds });
    }
    Ok(all)
}
