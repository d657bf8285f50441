//! The guard of a scheduler that is running.

use std::time::Duration;

use clusterkeep_core::{Error, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::builder::SchedulerBuilder;
use super::engine::{Engine, TriggerNow};
use super::telling::Teller;
use crate::run::RunKey;

/// A scheduler that is running.
///
/// # Drop behaviour
///
/// Dropping it drains it in the background: no new run starts, those that are going get their grace, as long as the
/// runtime lives. What the runtime cuts off is found by the next scheduler on the store, which does what each job's
/// `on_crash` says. [`drain`](Self::drain) is the way out that waits, and that can say what went wrong.
#[derive(Debug)]
#[must_use = "dropping the guard drains the scheduler"]
pub struct Scheduler {
    stop: CancellationToken,
    requests: mpsc::Sender<TriggerNow>,
    task: Option<JoinHandle<Result<DrainReport>>>,
}

/// How a scheduler has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// How many runs were going and have ended.
    pub finished: usize,
    /// How many were cut off after the grace.
    pub cut_off: usize,
}

impl Scheduler {
    /// A scheduler with nothing to do yet.
    pub fn builder() -> SchedulerBuilder {
        SchedulerBuilder::new()
    }

    pub(crate) fn launch(
        mut engine: Engine,
        teller: Teller,
        requests: mpsc::Sender<TriggerNow>,
        grace: Duration,
    ) -> Self {
        let stop = engine.core.stop.clone();
        let task = tokio::spawn(async move {
            let worked = engine.work().await;
            // Also where the store has failed, what is going may end.
            engine.core.stop.cancel();
            let core = engine.core.clone();
            if engine.beat_at <= Instant::now() {
                // The store was away.
                core.renew().await;
            }
            let report = core.keep_lease(engine.wind_down(grace)).await;
            teller.close().await;
            let left = core.store.leave(core.worker).await;
            worked?;
            left?;
            report
        });
        Self { stop, requests, task: Some(task) }
    }

    /// Runs a job at once, beside its schedule; returns the key of its run, which may still wait for its turn.
    ///
    /// # Errors
    ///
    /// A job that is unknown; a scheduler that has ended.
    pub async fn trigger(&self, job: impl Into<String> + Send) -> Result<RunKey> {
        let ended = |_| Error::failed("trigger a job of a scheduler that has ended");
        let (reply, answer) = oneshot::channel();
        let request = TriggerNow { job: job.into(), reply };
        self.requests.send(request).await.map_err(|_| Error::failed("trigger a job of a scheduler that has ended"))?;
        answer.await.map_err(ended)?
    }

    /// Waits until the scheduler ends by itself, which it only does on an error.
    ///
    /// The future may be dropped and made again.
    ///
    /// # Errors
    ///
    /// Why it has ended.
    pub async fn ended(&mut self) -> Result<DrainReport> {
        let Some(task) = &mut self.task else { return Err(Error::failed("wait for a scheduler that has ended")) };
        let outcome = task.await;
        self.task = None;
        outcome.map_err(|error| Error::caused("run the scheduler", error))?
    }

    /// Starts no further run, waits for those that are going for as long as the grace, and ends.
    ///
    /// # Errors
    ///
    /// The ends of runs could not be recorded.
    pub async fn drain(mut self) -> Result<DrainReport> {
        self.stop.cancel();
        self.ended().await
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
