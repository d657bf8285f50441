//! The effects: the jobs of a namespace are written, and looked at again.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use clusterkeep_core::plan::{Executor, Lock, Outcome, Plan, PlanHash, Ran, Recorder, Step};
use clusterkeep_core::{Error, Result};
use tokio::sync::Mutex;

use super::Timetables;
use super::domain::{Deploying, Object};
use super::plan::{Inventory, object, plan};
use crate::daemon::{Owed, owed_by, reconcile, retire};
use crate::model::Timetable;
use crate::run::RunState;
use crate::store::{RunQuery, ScheduleRecord, Source};

/// Applies timetables.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    timetables: &'a Timetables,
    wanted: &'a [Timetable],
    as_of: DateTime<Utc>,
    /// What the plan under the lock rests on, of each namespace by itself.
    approved: Mutex<HashMap<String, PlanHash>>,
}

/// What a step writes.
struct Written {
    records: Vec<ScheduleRecord>,
    missed: Owed,
}

impl<'a> Apply<'a> {
    pub(super) fn new(timetables: &'a Timetables, wanted: &'a [Timetable], as_of: DateTime<Utc>) -> Self {
        Self { timetables, wanted, as_of, approved: Mutex::default() }
    }

    fn timetable(&self, namespace: &str) -> Result<&Timetable> {
        self.wanted
            .iter()
            .find(|timetable| timetable.namespace() == namespace)
            .ok_or_else(|| Error::failed(format!("the plan has no timetable of namespace `{namespace}`")))
    }

    /// The rows of the step's jobs, from what the store has now; drifted where a job is not as it was planned any more.
    async fn rows(&self, step: &Step<Deploying>, now: DateTime<Utc>) -> Result<Written> {
        let timetable = self.timetable(&step.action.namespace)?;
        let source = Source { by: self.timetables.actor.clone(), origin: timetable.meta.origin.clone() };
        let one = std::slice::from_ref(timetable);
        let inventory = Inventory::read(&*self.timetables.store, one).await?;
        let again = plan(one, &inventory, self.as_of)?;
        if self.approved.lock().await.get(timetable.namespace()) != Some(&again.hash) {
            return Err(Error::Drifted {
                what: format!("the jobs of {} were changed since the plan was looked at", timetable.namespace()),
                hint: Some("look at the plan as it is now, then approve that".into()),
            });
        }
        let mut written = Written { records: Vec::new(), missed: Owed::default() };
        for object in &step.objects {
            let old = inventory.get(object);
            let spec = timetable.jobs.iter().find(|spec| spec.name.as_str() == object.job);
            let why = match spec {
                Some(_) => "the job was changed before they ran",
                None => "the job was removed before they ran",
            };
            if let Some(old) = old {
                written.missed.add(owed_by(&*self.timetables.store, old, why, now).await?);
            }
            written.records.extend(match (spec, old) {
                (Some(spec), old) => {
                    Some(reconcile(old, timetable.namespace(), spec.clone(), &spec.schedule()?, &source, now))
                }
                (None, Some(old)) => Some(retire(old.clone(), &source, now)),
                (None, None) => None,
            });
        }
        Ok(written)
    }

    /// Ends what waits of a job that is gone: nobody would ever begin it.
    async fn end_waiting(&self, gone: &ScheduleRecord, now: DateTime<Utc>) -> Result<u64> {
        let store = &self.timetables.store;
        let query = RunQuery::of(&gone.namespace, gone.spec.name.as_str()).in_states([RunState::Pending]);
        let mut ended = 0;
        for run in store.runs(&query).await? {
            store.cancel(&run.key, "the job was removed", now).await?;
            ended += 1;
        }
        Ok(ended)
    }
}

#[async_trait]
impl Executor<Deploying> for Apply<'_> {
    async fn prepare(&self) -> Result<()> {
        self.timetables.folder.prepare()
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        self.timetables.folder.lock(&self.timetables.subject())
    }

    async fn replan(&self) -> Result<Plan<Deploying>> {
        let inventory = Inventory::read(&*self.timetables.store, self.wanted).await?;
        let mut approved = self.approved.lock().await;
        for timetable in self.wanted {
            let alone = plan(std::slice::from_ref(timetable), &inventory, self.as_of)?;
            approved.insert(timetable.namespace().to_owned(), alone.hash);
        }
        plan(self.wanted, &inventory, self.as_of)
    }

    async fn run(&self, step: &Step<Deploying>, _: &Recorder<'_, Deploying>) -> Result<Ran> {
        let store = &self.timetables.store;
        // To the microsecond: a key with more digits would not be the one that a store gives back.
        let now = self.timetables.clock.now().trunc_subsecs(6);
        let Written { records, missed } = self.rows(step, now).await?;
        store.fire(&missed.rows(), &missed.steps).await?;
        let put = store.put(&records).await?;
        if !put.contains(&true) {
            return Err(Error::Drifted {
                what: format!("another one has changed the jobs of {} meanwhile", step.action.namespace),
                hint: Some("look at the plan as it is now, then approve that".into()),
            });
        }
        let mut cancelled = 0;
        for (record, _) in records.iter().zip(&put).filter(|(record, put)| **put && record.retired.is_some()) {
            cancelled += self.end_waiting(record, now).await?;
        }
        let versions: HashMap<&str, u32> =
            records.iter().map(|record| (record.spec.name.as_str(), record.generation)).collect();
        let origin = records.iter().find_map(|record| record.source.as_ref()?.origin.as_deref());
        Ok(Ran::Done(serde_json::json!({
            "versions": versions, "origin": origin, "missed": missed.runs.len(), "cancelled": cancelled,
        })))
    }

    async fn verify(&self, step: &Step<Deploying>) -> Result<Vec<(Object, Outcome)>> {
        let timetable = self.timetable(&step.action.namespace)?;
        let inventory = Inventory::read(&*self.timetables.store, std::slice::from_ref(timetable)).await?;
        let wanted: HashMap<Object, _> =
            timetable.jobs.iter().map(|spec| (object(timetable.namespace(), spec), spec)).collect();
        let seen = |object: &Object| {
            let there = inventory.get(object).filter(|record| record.retired.is_none());
            let outcome = match (wanted.get(object), there) {
                (Some(spec), Some(record)) if record.spec == **spec => Outcome::Done,
                (None, None) => Outcome::Done,
                (None, Some(_)) => Outcome::StillPresent,
                (Some(_), _) => Outcome::Failed,
            };
            (object.clone(), outcome)
        };
        Ok(step.objects.iter().map(seen).collect())
    }
}
