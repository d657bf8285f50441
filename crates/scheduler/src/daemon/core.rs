//! What every part of a scheduler shares: store, clock, listener, and the way to wait for a store that is away.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::clock::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event::{Event, Listener};
use super::execute::Job;
use super::handler::Handler;
use super::roster::Entry;
use super::stored;
use crate::control::Changes;
use crate::model::Permissions;
use crate::run::{Reporting, RunRecord};
use crate::store::{Beat, Source, Store};

/// How long a worker's lease lasts, where nothing else is said; it is renewed three times within that.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// The present instant to the microsecond: a key with more digits would not be the one that a store gives back.
pub(crate) fn now(clock: &dyn Clock) -> DateTime<Utc> {
    clock.now().trunc_subsecs(6)
}

/// The tools of a scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listener: Listener,
    /// Who changes jobs that are other than in the store.
    pub(crate) source: Source,
    /// Where it is written down that it changes jobs.
    pub(crate) changes: Option<Changes>,
    /// What may run of what the store says.
    pub(crate) permissions: Option<Arc<Permissions>>,
    pub(crate) namespace: String,
    /// Who this scheduler is, towards a store that others use too.
    pub(crate) worker: Uuid,
    /// Where it is, for people.
    pub(crate) place: String,
    /// How long its lease lasts.
    pub(crate) lease: Duration,
    /// It waits for a store that is away; without, a failure is final.
    pub(crate) waits: bool,
    /// Asked to stop.
    pub(crate) stop: CancellationToken,
    /// Until when it waits for the store although it was asked to stop.
    pub(crate) until: Option<Instant>,
}

impl Core {
    /// The present instant, as exactly as a store keeps it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        now(&*self.clock)
    }

    /// Calls the store until it answers, and says whether it has failed before. Once the scheduler is asked to stop, a
    /// failure is final, or as soon as its grace is over.
    pub(crate) async fn persist<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<(T, bool)> {
        let mut failed = false;
        loop {
            let stopping = !self.waits || self.until.map_or(self.stop.is_cancelled(), |until| until <= Instant::now());
            match call().await {
                Ok(value) => return Ok((value, failed)),
                Err(error) => {
                    self.listener.hear(&Event::StoreFailed(&error));
                    if stopping {
                        return Err(error);
                    }
                    failed = true;
                }
            }
            match self.until {
                Some(until) => tokio::time::sleep_until(until.min(Instant::now() + PAUSE)).await,
                None => tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                },
            }
        }
    }

    /// Renews this worker's lease.
    pub(crate) async fn beat(&self) -> Result<Beat> {
        self.store.beat(&self.namespace, self.worker, &self.place, self.lease).await
    }

    /// Awaits `work` and renews the lease meanwhile.
    pub(crate) async fn keep_lease<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(self.lease / 3) => self.renew().await,
            }
        }
    }

    /// Renews this worker's lease where that can be done.
    pub(crate) async fn renew(&self) {
        // One that could not be renewed runs out, and fencing tokens do the rest.
        if let Err(error) = self.beat().await {
            self.listener.hear(&Event::StoreFailed(&error));
        }
    }

    /// One attempt of a run, to be awaited; it ends soon after `ending` is cancelled, where its handler can end itself.
    pub(crate) fn attempt(
        &self,
        entry: &Entry,
        record: RunRecord,
        ending: CancellationToken,
    ) -> impl Future<Output = RunRecord> + Send + 'static {
        let (store, clock, stopping) = (self.store.clone(), self.clock.clone(), self.stop.clone());
        let reporting = Reporting { store, clock, stopping, ending };
        let spec = entry.body();
        let retries = spec.retry.is_some();
        let job = Job { target: spec.run.clone(), stored: entry.stored, most: spec.timeout, retries };
        let handler = match stored::check(self.permissions.as_ref(), entry, &record) {
            Ok(()) => entry.handler().clone(),
            Err(error) => Handler::refusing(&error),
        };
        super::execute::execute(handler, record, job, reporting)
    }
}
