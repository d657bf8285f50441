//! Heartbeats: whether a job has succeeded lately, asked of the store when it may have not.
//!
//! Several schedulers watch the same jobs, and one of them tells: the one that makes the row of the missed heartbeat, whose
//! key is the instant at which it was missed. So it is told once for each silence, also where the scheduler starts anew.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::age::Age;

use super::outbox::Outbox;
use super::router::send;
use super::rules::OfJob;
use super::{Facts, chain};
use crate::daemon::Core;
use crate::model::{JobSpec, Occasion};
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Gate, NewRun, RunQuery};

/// How many of a job's latest successes are looked at for the one that ended last.
const LOOKED_AT: u32 = 10;

/// How long after a silence was told it is looked whether it has ended, at most.
const AFTER: TimeDelta = TimeDelta::seconds(60);

/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// Watches one job for one age.
pub(super) struct Watch {
    core: Core,
    job: Arc<OfJob>,
    age: Age,
    length: TimeDelta,
    /// The notifications that ask for it.
    places: Vec<usize>,
    outbox: Arc<Outbox>,
}

/// What a job's heartbeat counts from.
struct Beat {
    /// The last success, or the instant from which on one is known to be missing.
    from: DateTime<Utc>,
    success: Option<DateTime<Utc>>,
}

impl Watch {
    pub(super) fn new(core: Core, job: Arc<OfJob>, age: Age, places: Vec<usize>, outbox: Arc<Outbox>) -> Self {
        let length = age.as_duration().and_then(|length| TimeDelta::from_std(length).ok()).unwrap_or(TimeDelta::MAX);
        Self { core, job, age, length, places, outbox }
    }

    /// Goes on for ever.
    pub(super) async fn watch(self) {
        loop {
            let again = match self.look().await {
                Ok(again) => again,
                Err(error) => {
                    let job = self.job.spec.name.as_str();
                    tracing::warn!(job, error = chain(&error), "a heartbeat could not be looked at, and is later");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Some(again) = again else { return };
            self.core.clock.sleep_until(again).await;
        }
    }

    /// Tells where the heartbeat is missed; says when to look again, if ever.
    async fn look(&self) -> Result<Option<DateTime<Utc>>> {
        let soon = AFTER.min(self.length / 4).max(TimeDelta::milliseconds(100));
        // At a start the store does not have the job yet.
        let Some(beat) = self.last().await? else { return Ok(Some(self.core.now() + soon)) };
        let Some(due) = beat.from.checked_add_signed(self.length) else { return Ok(None) };
        let now = self.core.now();
        if now < due {
            return Ok(Some(due));
        }
        self.tell(&beat, due.trunc_subsecs(6), now).await?;
        Ok(Some(now + soon))
    }

    /// From when on the job is silent; `None` where its store has another version of it, or none any more.
    async fn last(&self) -> Result<Option<Beat>> {
        let (store, namespace, job) = (&self.core.store, &self.core.namespace, self.job.spec.name.as_str());
        let all = store.schedules(Some(namespace)).await?;
        // Whom it tells may be another matter here.
        let telling = |spec: &JobSpec| {
            let mut spec = spec.clone();
            spec.notify = None;
            spec
        };
        let spec = telling(&self.job.spec);
        let ours = all
            .iter()
            .any(|known| known.retired.is_none() && known.spec.name == spec.name && telling(&known.spec) == spec);
        if !ours {
            return Ok(None);
        }
        let query = RunQuery::of(namespace, job).in_states([RunState::Succeeded]).limit(LOOKED_AT).without_output();
        let runs = store.runs(&query).await?;
        let runs = runs.iter().filter(|run| run.key.kind != RunKind::Backfill);
        if let Some(success) = runs.filter_map(|run| run.finished).max() {
            return Ok(Some(Beat { from: success, success: Some(success) }));
        }
        let first = store.generations(namespace, job).await?.first().map(|first| first.valid_from);
        // Of what was removed from the history nothing is known.
        let removed = store.deleted_before(namespace).await?;
        Ok(first.max(removed).map(|from| Beat { from, success: None }))
    }

    async fn tell(&self, beat: &Beat, due: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
        let key = RunKey {
            namespace: self.core.namespace.clone(),
            job: self.job.spec.name.as_str().to_owned(),
            nominal: due,
            kind: RunKind::Heartbeat,
            // Whatever version of the job it is: another one does not make it come again.
            generation: 0,
        };
        let since = match beat.success {
            Some(at) => format!("the last one ended at {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => format!("none is known since {}", beat.from.to_rfc3339_opts(SecondsFormat::Secs, true)),
        };
        let reason = format!("no run of {} has succeeded within {}: {since}", key.job, self.age);
        let run = RunRecord { reason: Some(reason), finished: Some(now), ..RunRecord::new(key, RunState::Missed) };
        let row = NewRun { run, gate: Gate::OPEN };
        let fired = self.core.store.fire(std::slice::from_ref(&row), &[]).await?;
        if !fired.iter().any(|fired| fired.is_made()) {
            return Ok(());
        }
        for place in &self.places {
            let mut facts = Facts::of(&row.run, self.job.spec.description.as_deref(), Occasion::MissedHeartbeat);
            facts.last_success = beat.success;
            send(&self.outbox, &self.job, *place, facts);
        }
        Ok(())
    }
}
