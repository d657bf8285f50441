//! What a handler gets to work with.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::Clock;
use clusterkeep_core::{Error, Result};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::{RunKey, RunKind};
use crate::store::Store;
use crate::trigger::DstNote;

/// How long after a report the next one is written; only the last of those in between is.
const EVERY: Duration = Duration::from_millis(200);

/// One attempt of a run, handed to the handler of its job; cheap to clone.
///
/// Reports of an attempt that another one has overtaken change nothing.
#[derive(Clone)]
pub struct Run(Arc<Inner>);

struct Inner {
    key: RunKey,
    attempt: u32,
    note: Option<DstNote>,
    args: serde_json::Map<String, serde_json::Value>,
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
}

impl Run {
    pub(crate) fn new(
        key: RunKey,
        attempt: u32,
        note: Option<DstNote>,
        args: serde_json::Map<String, serde_json::Value>,
        reporting: Reporting,
    ) -> Self {
        Self(Arc::new(Inner {
            key,
            attempt,
            note,
            args,
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

    /// What a change of the clock did to the fire.
    #[must_use]
    pub fn note(&self) -> Option<&DstNote> {
        self.0.note.as_ref()
    }

    /// The arguments that the job gives.
    #[must_use]
    pub fn args(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.0.args
    }

    /// The arguments as a type of the handler's own.
    ///
    /// # Errors
    ///
    /// Arguments that do not fit it.
    pub fn args_as<T: DeserializeOwned>(&self) -> Result<T> {
        let args = serde_json::Value::Object(self.0.args.clone());
        serde_json::from_value(args)
            .map_err(|error| Error::input(format!("the arguments of job `{}` do not fit: {error}", self.job())))
    }

    /// Records how much is done, from 0 to 1.
    pub async fn progress(&self, part: f64) {
        // NaN and what lies outside say nothing that a bar could show.
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        self.report(Some(part), None).await;
    }

    /// Records what to say about the run; a later message takes an earlier one's place.
    pub async fn message(&self, text: impl Into<String> + Send) {
        self.report(None, Some(text.into())).await;
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

    /// The last progress and message that were reported.
    pub(crate) fn said(&self) -> (Option<f64>, Option<String>) {
        let said = self.lock();
        (said.progress, said.message.clone())
    }

    /// Leaves the writing to a task of its own: a store that is slow or away does not hold the handler up.
    async fn report(&self, progress: Option<f64>, message: Option<String>) {
        let begin = {
            let mut said = self.lock();
            said.progress = progress.or(said.progress);
            said.message = message.or_else(|| said.message.take());
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
        let (progress, message) = {
            let mut said = self.lock();
            if !std::mem::take(&mut said.unwritten) {
                return;
            }
            (said.progress, said.message.clone())
        };
        if let Err(error) = reporting.store.report(key, *attempt, progress, message.as_deref()).await {
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

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("key", &self.0.key).field("attempt", &self.0.attempt).finish_non_exhaustive()
    }
}
