//! The store of programs that need none: everything is gone with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use uuid::Uuid;

use super::gate::{self, JobKey, Known, Mark, Open};
use super::{
    Advance, Beat, Cancelled, Claim, Fired, Generation, NewRun, Pause, Report, RunEnd, RunQuery, ScheduleRecord, Store,
    Worker,
};
use crate::run::{RunKey, RunKind, RunRecord, RunState};

/// Keeps schedules and runs in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    schedules: BTreeMap<(String, String), Row>,
    runs: BTreeMap<RunKey, RunRecord>,
    workers: BTreeMap<Uuid, Beats>,
    deleted_before: BTreeMap<String, DateTime<Utc>>,
    /// How often something about schedules was changed.
    changes: i64,
}

#[derive(Debug)]
struct Row {
    record: ScheduleRecord,
    generations: Vec<Generation>,
    changed: i64,
}

#[derive(Debug)]
struct Beats {
    namespace: String,
    place: String,
    until: Instant,
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

/// The runs of one job.
fn of_job<'a>(
    runs: &'a BTreeMap<RunKey, RunRecord>,
    (namespace, job): &'a JobKey,
) -> impl Iterator<Item = &'a RunRecord> {
    let first = RunKey {
        nominal: DateTime::<Utc>::MIN_UTC,
        kind: RunKind::Scheduled,
        generation: 0,
        namespace: namespace.clone(),
        job: job.clone(),
    };
    runs.range(first..)
        .map(|(_, run)| run)
        .take_while(move |run| run.key.namespace == *namespace && run.key.job == *job)
}

impl Tables {
    /// The row of a running attempt.
    fn attempt(&mut self, key: &RunKey, attempt: u32) -> Option<&mut RunRecord> {
        self.runs.get_mut(key).filter(|run| run.state == RunState::Running && run.attempt == attempt)
    }

    fn schedule(&mut self, namespace: &str, job: &str) -> Option<&mut Row> {
        self.schedules.get_mut(&(namespace.to_owned(), job.to_owned()))
    }

    fn put(&mut self, schedule: &ScheduleRecord) -> bool {
        self.changes += 1;
        let changed = self.changes;
        let key = (schedule.namespace.clone(), schedule.spec.name.as_str().to_owned());
        let known = self.schedules.get(&key).map(|row| &row.record);
        let same = known.is_some_and(|known| known.generation == schedule.generation);
        let Some(record) = gate::replaced(known, schedule) else { return false };
        let generation = Generation {
            generation: record.generation,
            spec: record.spec.clone(),
            valid_from: record.valid_from,
            valid_until: record.retired,
            source: schedule.source.clone(),
        };
        let (valid_from, retired) = (record.valid_from, record.retired);
        let row = Row { record: record.clone(), generations: Vec::new(), changed };
        let row = self.schedules.entry(key).or_insert(row);
        (row.record, row.changed) = (record, changed);
        match row.generations.last_mut() {
            Some(last) if same => last.valid_until = retired,
            last => {
                if let Some(last) = last {
                    last.valid_until = last.valid_until.or(Some(valid_from));
                }
                row.generations.push(generation);
            }
        }
        true
    }

    /// What there is, as far as these rows are concerned.
    fn known(&self, runs: &[NewRun]) -> Known {
        let jobs = runs.iter().map(|new| gate::job_of(&new.run.key));
        let mark = |job: JobKey| {
            let ScheduleRecord { generation, high_water, paused, .. } = &self.schedules.get(&job)?.record;
            Some((job, Mark { generation: *generation, high_water: *high_water, paused: paused.is_some() }))
        };
        let open = |job: JobKey| {
            let count = |state| of_job(&self.runs, &job).filter(|run| run.state == state).count() as u64;
            let open = Open { running: count(RunState::Running), pending: count(RunState::Pending) };
            (job, open)
        };
        let keys = runs.iter().map(|new| &new.run.key);
        Known {
            marks: gate::distinct(jobs).into_iter().filter_map(mark).collect(),
            open: gate::gated_jobs(runs).into_iter().map(open).collect(),
            there: keys.filter(|key| self.runs.contains_key(key)).cloned().collect(),
        }
    }
}

impl From<MemoryStore> for Arc<dyn Store> {
    fn from(store: MemoryStore) -> Self {
        Arc::new(store)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        Ok(schedules.iter().map(|schedule| tables.put(schedule)).collect())
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        let tables = self.tables();
        let all = tables.schedules.values().map(|row| &row.record);
        Ok(all.filter(|record| namespace.is_none_or(|namespace| record.namespace == namespace)).cloned().collect())
    }

    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)> {
        let tables = self.tables();
        let since = since.unwrap_or(tables.changes);
        let changed = tables.schedules.values().filter(|row| row.changed > since && row.record.namespace == namespace);
        Ok((changed.map(|row| row.record.clone()).collect(), tables.changes))
    }

    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        Ok(self.tables().schedule(namespace, job).map(|row| row.generations.clone()).unwrap_or_default())
    }

    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        let mut tables = self.tables();
        tables.changes += 1;
        let changed = tables.changes;
        let Some(row) = tables.schedule(namespace, job) else { return Ok(false) };
        row.record.paused = pause.cloned();
        row.changed = changed;
        Ok(true)
    }

    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        let mut tables = self.tables();
        let made = gate::decide(runs, &mut tables.known(runs));
        let fired = gate::fired(&made);
        tables.runs.extend(made.into_iter().flatten().map(|run| (run.key.clone(), run)));
        for advance in gate::last_advances(runs, &fired, advances) {
            let row = tables.schedule(&advance.namespace, &advance.job);
            let as_known = |row: &&mut Row| {
                (row.record.generation, row.record.paused.is_some()) == (advance.generation, advance.paused)
            };
            if let Some(row) = row.filter(as_known) {
                let first = row.record.high_water.is_none_or(|mark| mark <= advance.high_water);
                row.record.high_water = row.record.high_water.max(Some(advance.high_water));
                if first {
                    row.record.next_fire = advance.next_fire;
                }
            }
        }
        Ok(fired)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut claim = |claim: &Claim| {
            let job = gate::job_of(&claim.key);
            let going = of_job(&tables.runs, &job).filter(|run| run.state == RunState::Running).count();
            let Some(run) = tables.runs.get_mut(&claim.key) else { return false };
            let due = run.not_before.is_none_or(|at| at <= claim.at);
            if run.state != RunState::Pending || run.attempt != claim.attempt || !due || going >= claim.at_once as usize
            {
                return false;
            }
            run.state = RunState::Running;
            run.attempt += 1;
            run.worker = Some(claim.worker);
            run.started = Some(claim.at);
            (run.not_before, run.progress, run.message) = (None, None, None);
            (run.exit, run.result, run.output) = (None, None, None);
            if !claim.earlier.is_empty() {
                run.earlier.clone_from(&claim.earlier);
            }
            true
        };
        Ok(claims.iter().map(&mut claim).collect())
    }

    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool> {
        let mut tables = self.tables();
        let Some(run) = tables.attempt(key, attempt) else { return Ok(false) };
        run.progress = report.progress.or(run.progress);
        for (field, said) in [(&mut run.message, report.message), (&mut run.output, report.output)] {
            if let Some(said) = said {
                *field = Some(said.to_owned());
            }
        }
        Ok(true)
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut finish = |end: &RunEnd| {
            let Some(run) = tables.attempt(&end.key, end.attempt) else { return false };
            let cancelled = run.cancel.take().filter(|_| !end.state.is_final());
            run.state = if cancelled.is_some() { RunState::Cancelled } else { end.state };
            run.not_before = end.not_before.filter(|_| cancelled.is_none());
            run.error = cancelled.or_else(|| end.error.clone());
            run.finished = Some(end.at).filter(|_| run.state.is_final());
            run.exit = end.exit.or(run.exit);
            run.result = end.result.clone().or_else(|| run.result.take());
            run.output = end.output.clone().or_else(|| run.output.take());
            true
        };
        Ok(ends.iter().map(&mut finish).collect())
    }

    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled> {
        let mut tables = self.tables();
        let Some(run) = tables.runs.get_mut(key) else { return Ok(Cancelled::Not) };
        Ok(match run.state {
            RunState::Pending => {
                (run.state, run.reason, run.finished) = (RunState::Cancelled, Some(why.to_owned()), Some(at));
                run.not_before = None;
                Cancelled::Ended
            }
            RunState::Running => {
                run.cancel = Some(why.to_owned());
                Cancelled::Asked
            }
            _ => Cancelled::Not,
        })
    }

    async fn renew(&self, key: &RunKey) -> Result<bool> {
        let mut tables = self.tables();
        let renewable = |run: &&mut RunRecord| run.state.is_renewable() || run.state == RunState::Skipped;
        let Some(run) = tables.runs.get_mut(key).filter(renewable) else { return Ok(false) };
        run.state = RunState::Pending;
        run.renewed = run.attempt;
        (run.finished, run.not_before, run.error, run.reason) = (None, None, None, None);
        Ok(true)
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let mut runs: Vec<RunRecord> = tables.runs.values().filter(|run| query.takes(run)).cloned().collect();
        runs.sort_by(|a, b| b.key.nominal.cmp(&a.key.nominal).then_with(|| a.key.cmp(&b.key)));
        runs.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
        if query.without_output {
            runs.iter_mut().for_each(|run| (run.output, run.earlier) = (None, Vec::new()));
        }
        Ok(runs)
    }

    async fn waiting(&self, namespace: &str, but: &[String], at: DateTime<Utc>, limit: u32) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let due = |run: &&RunRecord| {
            run.key.namespace == namespace
                && !but.contains(&run.key.job)
                && run.state == RunState::Pending
                && run.not_before.is_none_or(|earliest| earliest <= at)
        };
        let mut runs: Vec<RunRecord> = tables.runs.values().filter(due).cloned().collect();
        runs.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.key.nominal.cmp(&b.key.nominal)));
        runs.truncate(limit as usize);
        Ok(runs)
    }

    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let now = Instant::now();
        let held = |worker: &Uuid| tables.workers.get(worker).is_some_and(|beats| beats.until > now);
        let orphan = |run: &&RunRecord| {
            run.key.namespace == namespace && run.state == RunState::Running && !run.worker.as_ref().is_some_and(held)
        };
        Ok(tables.runs.values().filter(orphan).cloned().collect())
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        let mut tables = self.tables();
        let mark = tables.deleted_before.entry(namespace.to_owned()).or_insert(before);
        *mark = before.max(*mark);
        let count = tables.runs.len();
        tables.runs.retain(|key, run| key.namespace != namespace || !run.state.is_final() || run.last_fire() >= before);
        Ok((count - tables.runs.len()) as u64)
    }

    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.tables().deleted_before.get(namespace).copied())
    }

    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        let mut tables = self.tables();
        let now = Instant::now();
        let beats = Beats { namespace: namespace.to_owned(), place: place.to_owned(), until: now + lease };
        let before = tables.workers.insert(worker, beats);
        let cancel = tables.runs.values().filter(|run| run.state == RunState::Running && run.worker == Some(worker));
        let cancel = cancel.filter_map(|run| Some((run.key.clone(), run.attempt, run.cancel.clone()?)));
        Ok(Beat { lapsed: before.is_some_and(|before| before.until <= now), cancel: cancel.collect() })
    }

    async fn leave(&self, worker: Uuid) -> Result<()> {
        self.tables().workers.remove(&worker);
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let tables = self.tables();
        let now = Instant::now();
        let worker = |(worker, beats): (&Uuid, &Beats)| Worker {
            worker: *worker,
            namespace: beats.namespace.clone(),
            place: beats.place.clone(),
            alive: beats.until > now,
        };
        Ok(tables.workers.iter().map(worker).collect())
    }
}

impl RunQuery {
    fn takes(&self, run: &RunRecord) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == run.key.namespace)
            && self.job.as_ref().is_none_or(|job| *job == run.key.job)
            && self.kind.is_none_or(|kind| kind == run.key.kind)
            && (self.states.is_empty() || self.states.contains(&run.state))
            && self.from.is_none_or(|from| run.last_fire() >= from)
            && self.until.is_none_or(|until| run.key.nominal < until)
            && self.ended_since.is_none_or(|since| run.finished.is_some_and(|finished| finished >= since))
    }
}
