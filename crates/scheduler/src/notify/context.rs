//! What a message is about: what templates can name, and what a webhook gets as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::model::Occasion;
use crate::run::{RunRecord, RunState};

/// What a message is about. All of it is there in every template; what is not known is `none`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Why it is told: `failure`, `missed_heartbeat`, ...
    pub occasion: Occasion,
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// What the job says it is for.
    pub description: Option<String>,
    /// What has become of the run; of a missed heartbeat `missed`.
    pub state: RunState,
    /// The instant that the run is for; of a missed heartbeat the one at which it was missed.
    #[serde(serialize_with = "instant")]
    pub nominal: DateTime<Utc>,
    /// When its latest attempt began.
    #[serde(serialize_with = "maybe_instant")]
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(serialize_with = "maybe_instant")]
    pub finished: Option<DateTime<Utc>>,
    /// How many seconds its latest attempt took.
    pub seconds: Option<f64>,
    /// The how-manieth attempt it was.
    pub attempt: u32,
    /// What went wrong.
    pub error: Option<String>,
    /// What its handler said last.
    pub message: Option<String>,
    /// The exit code of its process; where a signal ended it, minus the signal's number.
    pub exit: Option<i32>,
    /// What it has come to, where that is small.
    pub result: Option<serde_json::Value>,
    /// What its process wrote.
    pub output: Option<String>,
    /// Why it is told, of a missed heartbeat.
    pub reason: Option<String>,
    /// How many runs have failed in a row, this one included; with a recovery, how many had before it.
    pub failures: u32,
    /// Since when they fail: the end of the first of them.
    #[serde(serialize_with = "maybe_instant")]
    pub failing_since: Option<DateTime<Utc>>,
    /// When a run before this one last succeeded.
    #[serde(serialize_with = "maybe_instant")]
    pub last_success: Option<DateTime<Utc>>,
}

impl Facts {
    /// What a run tells by itself.
    pub(super) fn of(run: &RunRecord, description: Option<&str>, occasion: Occasion) -> Self {
        Self {
            occasion,
            namespace: run.key.namespace.clone(),
            job: run.key.job.clone(),
            description: description.map(ToOwned::to_owned),
            state: run.state,
            nominal: run.key.nominal,
            started: run.started,
            finished: run.finished,
            seconds: run.started.zip(run.finished).map(|(from, until)| (until - from).as_seconds_f64().max(0.0)),
            attempt: run.attempt,
            error: run.error.clone(),
            message: run.message.clone(),
            exit: run.exit,
            result: run.result.clone(),
            output: run.output.clone(),
            reason: run.reason.clone(),
            failures: 0,
            failing_since: None,
            last_success: None,
        }
    }
}

fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[allow(clippy::ref_option, reason = "serde asks with a reference")]
fn maybe_instant<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}
