//! The row of a run, as a store keeps it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{RunKey, RunState};
use crate::store::Otherwise;
use crate::trigger::DstNote;

/// What became of one fire, or of a range of fires that never ran.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunRecord {
    /// What it is the row of.
    #[serde(flatten)]
    pub key: RunKey,
    /// What has become of it.
    pub state: RunState,
    /// How often it was begun, from 1; 0 where it never was. It is the token that a late worker can't pass.
    pub attempt: u32,
    /// Who holds it while it runs, and held it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<Uuid>,
    /// While it waits: when it may be attempted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// How many attempts it had when somebody last asked for it to be tried anew: those before do not count against the
    /// number that its job allows.
    pub renewed: u32,
    /// Which of the waiting runs go first: the greater.
    pub priority: i16,
    /// Why it is to end, as long as it has not: somebody's note, or the fire that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    /// Arguments that take the place of the job's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<serde_json::Map<String, serde_json::Value>>,
    /// Set where the row stands for several fires that never ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// Why it never ran, or why it runs late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a change of the clock did to the fire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<DstNote>,
    /// When its latest attempt began.
    pub started: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished: Option<DateTime<Utc>>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What its handler said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How much of it is done, from 0 to 1, where its handler has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// The exit code of its process; where a signal ended it, minus the signal's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// What it has come to, where that is small: rows, an answer, the last line of a command's output that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// What its process wrote: the beginning and the end of it, where it was much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// The fires that a row stands for, beginning with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Missed {
    /// How many there are.
    pub count: u64,
    /// The last of them.
    pub last: DateTime<Utc>,
}

impl RunRecord {
    /// A row that nothing has happened to yet.
    #[must_use]
    pub const fn new(key: RunKey, state: RunState) -> Self {
        Self {
            key,
            state,
            attempt: 0,
            worker: None,
            not_before: None,
            renewed: 0,
            priority: 0,
            cancel: None,
            args: None,
            missed: None,
            reason: None,
            note: None,
            started: None,
            finished: None,
            error: None,
            message: None,
            progress: None,
            exit: None,
            result: None,
            output: None,
        }
    }

    /// How many nominal fires the row stands for.
    #[must_use]
    pub fn fires(&self) -> u64 {
        self.missed.map_or(1, |missed| missed.count)
    }

    /// The last fire that the row stands for.
    #[must_use]
    pub fn last_fire(&self) -> DateTime<Utc> {
        self.missed.map_or(self.key.nominal, |missed| missed.last)
    }

    /// Makes a row that would have run what it becomes behind a closed gate.
    pub(crate) fn close(&mut self, otherwise: Otherwise) {
        let at = self.started.take();
        self.attempt = 0;
        self.worker = None;
        self.state = RunState::Pending;
        if otherwise == Otherwise::Skip {
            self.state = RunState::Skipped;
            self.reason = Some("an earlier run was still going".to_owned());
            self.finished = at;
        }
    }
}
