//! The store of programs that need none: everything is gone with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use uuid::Uuid;

use super::{Advance, Claim, RunEnd, RunQuery, ScheduleRecord, Store};
use crate::run::{RunKey, RunKind, RunRecord, RunState};

/// Keeps schedules and runs in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    schedules: BTreeMap<(String, String), ScheduleRecord>,
    runs: BTreeMap<RunKey, RunRecord>,
    leases: BTreeMap<String, (Uuid, DateTime<Utc>)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// The row of a running attempt.
    fn attempt(&mut self, key: &RunKey, attempt: u32) -> Option<&mut RunRecord> {
        self.runs.get_mut(key).filter(|run| run.state == RunState::Running && run.attempt == attempt)
    }

    fn insert(&mut self, run: &RunRecord) -> bool {
        let key = &run.key;
        let schedule = self.schedules.get(&(key.namespace.clone(), key.job.clone()));
        let passed = schedule.and_then(|schedule| schedule.high_water).is_some_and(|mark| key.nominal <= mark);
        if key.kind == RunKind::Scheduled && passed || self.runs.contains_key(key) {
            return false;
        }
        self.runs.insert(key.clone(), run.clone());
        true
    }
}

impl From<MemoryStore> for Arc<dyn Store> {
    fn from(store: MemoryStore) -> Self {
        Arc::new(store)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn is_shared(&self) -> bool {
        false
    }

    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<()> {
        let mut tables = self.tables();
        for schedule in schedules {
            let key = (schedule.namespace.clone(), schedule.spec.name.as_str().to_owned());
            let known = tables.schedules.get(&key);
            if known.is_some_and(|known| known.generation > schedule.generation) {
                continue;
            }
            let high_water = known.and_then(|known| known.high_water).max(schedule.high_water);
            tables.schedules.insert(key, ScheduleRecord { high_water, ..schedule.clone() });
        }
        Ok(())
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        let tables = self.tables();
        let wanted = |schedule: &&ScheduleRecord| namespace.is_none_or(|namespace| schedule.namespace == namespace);
        Ok(tables.schedules.values().filter(wanted).cloned().collect())
    }

    async fn fire(&self, runs: &[RunRecord], advances: &[Advance]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let made = runs.iter().map(|run| tables.insert(run)).collect();
        for advance in advances {
            let key = (advance.namespace.clone(), advance.job.clone());
            if let Some(schedule) = tables.schedules.get_mut(&key) {
                schedule.high_water = schedule.high_water.max(Some(advance.high_water));
                schedule.next_fire = advance.next_fire;
            }
        }
        Ok(made)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut claim = |claim: &Claim| {
            let waits = |run: &&mut RunRecord| run.state == RunState::Pending && run.attempt == claim.attempt;
            let Some(run) = tables.runs.get_mut(&claim.key).filter(waits) else { return false };
            run.state = RunState::Running;
            run.attempt += 1;
            run.started = Some(claim.at);
            run.progress = None;
            run.message = None;
            true
        };
        Ok(claims.iter().map(&mut claim).collect())
    }

    async fn report(&self, key: &RunKey, attempt: u32, progress: Option<f64>, message: Option<&str>) -> Result<bool> {
        let mut tables = self.tables();
        let Some(run) = tables.attempt(key, attempt) else { return Ok(false) };
        run.progress = progress.or(run.progress);
        if let Some(message) = message {
            run.message = Some(message.to_owned());
        }
        Ok(true)
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut finish = |end: &RunEnd| {
            let Some(run) = tables.attempt(&end.key, end.attempt) else { return false };
            run.state = end.state;
            run.error.clone_from(&end.error);
            run.finished = Some(end.at).filter(|_| end.state.is_final());
            true
        };
        Ok(ends.iter().map(&mut finish).collect())
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let mut runs: Vec<RunRecord> = tables.runs.values().filter(|run| query.takes(run)).cloned().collect();
        runs.sort_by(|a, b| b.key.nominal.cmp(&a.key.nominal).then_with(|| a.key.cmp(&b.key)));
        runs.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok(runs)
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        let mut tables = self.tables();
        let count = tables.runs.len();
        tables.runs.retain(|key, run| {
            let last = run.missed.map_or(key.nominal, |missed| missed.last);
            key.namespace != namespace || !run.state.is_final() || last >= before
        });
        Ok((count - tables.runs.len()) as u64)
    }

    async fn lease(&self, namespace: &str, owner: Uuid, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<bool> {
        let mut tables = self.tables();
        let taken = tables.leases.get(namespace).is_some_and(|(other, until)| *other != owner && *until > now);
        if !taken {
            tables.leases.insert(namespace.to_owned(), (owner, until));
        }
        Ok(!taken)
    }

    async fn release(&self, namespace: &str, owner: Uuid) -> Result<()> {
        let mut tables = self.tables();
        if tables.leases.get(namespace).is_some_and(|(holder, _)| *holder == owner) {
            tables.leases.remove(namespace);
        }
        Ok(())
    }
}

impl RunQuery {
    fn takes(&self, run: &RunRecord) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == run.key.namespace)
            && self.job.as_ref().is_none_or(|job| *job == run.key.job)
            && (self.states.is_empty() || self.states.contains(&run.state))
    }
}
