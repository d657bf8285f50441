//! The row of a run, as a store keeps it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    /// What the attempts before the latest came to, the first one first: the last 8 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Attempt>,
}

/// What an attempt came to that another one has followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// The how-manieth it was.
    pub attempt: u32,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<DateTime<Utc>>,
    /// What went wrong; of more than 1 KiB the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The exit code of its process; minus the number of a signal that has ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// What its process wrote; of more than 8 KiB the beginning and the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
            earlier: Vec::new(),
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

    /// What is kept of its attempts once another one begins: of all of them, since the row has room for the latest alone.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        const MOST: usize = 8;
        let mut all = self.earlier.clone();
        if self.attempt > 0 && all.last().is_none_or(|last| last.attempt < self.attempt) {
            all.push(Attempt {
                attempt: self.attempt,
                started: self.started,
                error: self.error.as_deref().map(|error| shortened(error, 1 << 10, 0)),
                exit: self.exit,
                output: self.output.as_deref().map(|output| shortened(output, 2 << 10, 6 << 10)),
            });
        }
        all.drain(..all.len().saturating_sub(MOST));
        all
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

/// The beginning and the end of a text that is longer, with how much lies between them.
fn shortened(text: &str, head: usize, tail: usize) -> String {
    if text.len() <= head + tail {
        return text.to_owned();
    }
    let (head, tail) = (text.floor_char_boundary(head), text.ceil_char_boundary(text.len() - tail));
    format!("{}\n[... {} bytes left out ...]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunKind;

    #[test]
    fn of_many_attempts_the_last_are_kept_and_of_much_output_both_ends() {
        let key = RunKey {
            namespace: "n".into(),
            job: "j".into(),
            nominal: DateTime::UNIX_EPOCH,
            kind: RunKind::Scheduled,
            generation: 1,
        };
        let mut run = RunRecord::new(key, RunState::Pending);
        assert_eq!(run.attempts(), [], "it was never begun");
        for attempt in 1..=12 {
            run.attempt = attempt;
            run.output = Some(format!("first {attempt}\n{}é\nlast {attempt}\n", "é".repeat(40_000)));
            run.error = Some("e".repeat(5_000));
            run.earlier = run.attempts();
        }
        assert_eq!(run.earlier.iter().map(|one| one.attempt).collect::<Vec<_>>(), [5, 6, 7, 8, 9, 10, 11, 12]);
        let last = run.earlier.last().unwrap();
        let output = last.output.as_deref().unwrap();
        assert!(
            output.starts_with("first 12\n") && output.ends_with("last 12\n") && output.contains(" bytes left out")
        );
        assert!(output.len() < 9_000 && last.error.as_deref().unwrap().len() < 1_100);
        assert_eq!(run.attempts(), run.earlier, "an attempt is kept once");
    }
}
