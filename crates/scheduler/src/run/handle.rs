//! What a handler gets to work with.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::Clock;
use clusterkeep_core::{Error, Result};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{RunKey, RunKind, RunRecord};
use crate::model::Target;
use crate::store::{Report, Store};
use crate::trigger::DstNote;

/// How long after a report the next one is written; only the last of those in between is.
const EVERY: Duration = Duration::from_millis(200);

/// The longest output that is kept, in bytes.
pub(crate) const MOST_OUTPUT: usize = 64 << 10;

/// The longest result that is kept, in bytes of JSON.
pub(crate) const MOST_RESULT: usize = 16 << 10;

/// One attempt of a run, handed to the handler of its job; cheap to clone.
///
/// Reports of an attempt that another one has overtaken change nothing.
#[derive(Clone)]
pub struct Run(Arc<Inner>);

struct Inner {
    key: RunKey,
    attempt: u32,
    note: Option<DstNote>,
    target: Target,
    stored: bool,
    args: serde_json::Map<String, serde_json::Value>,
    /// The arguments are somebody's, and not the job's.
    by_hand: bool,
    /// Who has begun it; nobody where it is tried out.
    worker: Option<Uuid>,
    reporting: Reporting,
    said: Mutex<Said>,
    /// Whose turn it is to write, so that no earlier report takes a later one's place.
    turn: tokio::sync::Mutex<()>,
}

/// What was reported last.
#[derive(Default)]
struct Said {
    progress: Option<f64>,
    message: Option<String>,
    exit: Option<i32>,
    result: Option<serde_json::Value>,
    output: Option<String>,
    /// Another attempt would fail as well.
    for_good: bool,
    /// The store does not know it yet.
    unwritten: bool,
    /// A task sees to it.
    writing: bool,
}

/// What a run needs of its scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Reporting {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopping: CancellationToken,
    /// The attempt is to end: it takes too long, was cancelled, or its scheduler's grace is over.
    pub(crate) ending: CancellationToken,
}

impl Run {
    /// The attempt that a record is about, at this target of a job that may have been `stored`.
    pub(crate) fn new(record: &RunRecord, target: Target, stored: bool, reporting: Reporting) -> Self {
        let RunRecord { key, attempt, worker, note, args, .. } = record.clone();
        let by_hand = args.is_some();
        let args = args.or_else(|| target.as_action().map(|action| action.args.clone())).unwrap_or_default();
        Self(Arc::new(Inner {
            key,
            attempt,
            note,
            target,
            stored,
            args,
            by_hand,
            worker,
            reporting,
            said: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// The key of its row.
    #[must_use]
    pub fn key(&self) -> &RunKey {
        &self.0.key
    }

    /// The name of its job.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.0.key.job
    }

    /// What brought it about.
    #[must_use]
    pub fn kind(&self) -> RunKind {
        self.0.key.kind
    }

    /// The instant that it is for; it may run later.
    #[must_use]
    pub fn nominal(&self) -> DateTime<Utc> {
        self.0.key.nominal
    }

    /// The present instant, by the scheduler's clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.reporting.clock.now()
    }

    /// The how-manieth attempt it is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Whether its job came out of the store: its program does not have it, and whoever can write to the store has had a say.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.0.stored
    }

    /// What its processes carry, and those of no other attempt do.
    #[allow(dead_code, reason = "whether there are processes is a matter of features")]
    pub(crate) fn mark(&self) -> String {
        let Inner { key, attempt, worker, .. } = &*self.0;
        worker.map_or_else(|| Uuid::new_v4().simple().to_string(), |worker| super::mark(worker, key, *attempt))
    }

    /// What a change of the clock did to the fire.
    #[must_use]
    pub fn note(&self) -> Option<&DstNote> {
        self.0.note.as_ref()
    }

    /// What the job does.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// The arguments: those that somebody gave by hand, else those of the job's action.
    #[must_use]
    pub fn args(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.0.args
    }

    /// The arguments that somebody gave by hand, in the place of the job's own.
    #[must_use]
    pub fn args_by_hand(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        Some(&self.0.args).filter(|_| self.0.by_hand)
    }

    /// The arguments as a type of the handler's own.
    ///
    /// # Errors
    ///
    /// Arguments that do not fit it.
    pub fn args_as<T: DeserializeOwned>(&self) -> Result<T> {
        let args = serde_json::Value::Object(self.args().clone());
        serde_json::from_value(args)
            .map_err(|error| Error::input(format!("the arguments of job `{}` do not fit: {error}", self.job())))
    }

    /// Records how much is done, from 0 to 1.
    pub async fn progress(&self, part: f64) {
        // NaN and what lies outside say nothing that a bar could show.
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        self.report(|said| said.progress = Some(part)).await;
    }

    /// Records what to say about the run; a later message takes an earlier one's place.
    pub async fn message(&self, text: impl Into<String> + Send) {
        self.report(|said| said.message = Some(text.into())).await;
    }

    /// Keeps what its process wrote with the end of the run: of more than 64 KiB, the end.
    pub fn output(&self, text: impl Into<String>) {
        self.lock().output = Some(tail(text.into()));
    }

    /// The same, and records it now for those who look.
    pub async fn output_so_far(&self, text: impl Into<String> + Send) {
        let text = tail(text.into());
        self.report(|said| said.output = Some(text)).await;
    }

    /// Keeps what it has come to with the end of the run, where that takes no more than 16 KiB as JSON; says whether it did.
    pub fn result(&self, value: serde_json::Value) -> bool {
        // Text takes all that is written to it.
        let small = serde_json::to_string(&value).is_ok_and(|text| text.len() <= MOST_RESULT);
        if small {
            self.lock().result = Some(value);
        }
        small
    }

    /// Keeps the exit code of its process with the end of the run; minus the number of a signal that has ended it.
    pub fn exit(&self, code: i32) {
        self.lock().exit = Some(code);
    }

    /// Says that this attempt fails for good: where the job allows others, none is made.
    pub fn fails_for_good(&self) {
        self.lock().for_good = true;
    }

    /// Whether the scheduler has been asked to stop: a handler that ends early then is not cut off.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.reporting.stopping.is_cancelled()
    }

    /// Waits until the scheduler is asked to stop.
    pub async fn stopping(&self) {
        self.0.reporting.stopping.cancelled().await;
    }

    /// Waits until this attempt is to end: it takes longer than it may, somebody has cancelled it, or the scheduler has
    /// stopped and its grace is over. Handlers of targets end by themselves then; others are dropped.
    pub async fn ending(&self) {
        self.0.reporting.ending.cancelled().await;
    }

    /// Puts into a record what was reported; says whether it fails for good.
    pub(crate) fn write_into(&self, record: &mut RunRecord) -> bool {
        let said = self.lock();
        (record.progress, record.message) = (said.progress, said.message.clone());
        (record.exit, record.result, record.output) = (said.exit, said.result.clone(), said.output.clone());
        said.for_good
    }

    /// Leaves the writing to a task of its own: a store that is slow or away does not hold the handler up.
    async fn report(&self, say: impl FnOnce(&mut Said)) {
        let begin = {
            let mut said = self.lock();
            say(&mut said);
            said.unwritten = true;
            !std::mem::replace(&mut said.writing, true)
        };
        if begin {
            tokio::spawn(self.clone().write());
        }
        // A handler that does nothing but report lets others go on.
        tokio::task::yield_now().await;
    }

    /// Writes what is reported, until there is nothing more for a while.
    async fn write(self) {
        loop {
            self.flush().await;
            tokio::time::sleep(EVERY).await;
            let mut said = self.lock();
            if !said.unwritten {
                said.writing = false;
                return;
            }
        }
    }

    /// Writes what is not written yet. A report that can't be written is no reason for the run to fail.
    pub(crate) async fn flush(&self) {
        let Inner { key, attempt, reporting, turn, .. } = &*self.0;
        let _turn = turn.lock().await;
        let (progress, message, output) = {
            let mut said = self.lock();
            if !std::mem::take(&mut said.unwritten) {
                return;
            }
            (said.progress, said.message.clone(), said.output.clone())
        };
        let report = Report { progress, message: message.as_deref(), output: output.as_deref() };
        if let Err(error) = reporting.store.report(key, *attempt, report).await {
            tracing::warn!(
                job = key.job,
                error = &error as &dyn std::error::Error,
                "progress of a run was not recorded"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of the end of a text as is kept.
fn tail(mut text: String) -> String {
    if text.len() > MOST_OUTPUT {
        let start = text.len() - MOST_OUTPUT;
        let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.drain(..start);
    }
    text
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("key", &self.0.key).field("attempt", &self.0.attempt).finish_non_exhaustive()
    }
}
