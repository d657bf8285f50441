//! The row of a run, as a store keeps it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{RunKey, RunState};
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
            missed: None,
            reason: None,
            note: None,
            started: None,
            finished: None,
            error: None,
            message: None,
            progress: None,
        }
    }

    /// How many nominal fires the row stands for.
    #[must_use]
    pub fn fires(&self) -> u64 {
        self.missed.map_or(1, |missed| missed.count)
    }
}
