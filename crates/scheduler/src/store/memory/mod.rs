//! The store of programs that need none: everything is gone with the process.

mod runs;
mod schedules;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use uuid::Uuid;

use self::runs::Runs;
use self::schedules::Schedules;
use super::gate::{self, JobKey, Known, Open};
use super::{
    Advance, Beat, Cancelled, Claim, Fired, Generation, NewRun, Pause, Report, RunEnd, RunQuery, ScheduleRecord, Store,
    Worker,
};
use crate::run::{RunKey, RunRecord, RunState};

/// How many changes of schedules are told in one call.
const MOST_CHANGES: i64 = 20_000;

/// Keeps schedules and runs in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    schedules: Schedules,
    runs: Runs,
    workers: BTreeMap<Uuid, Beats>,
    deleted_before: BTreeMap<String, DateTime<Utc>>,
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

impl Tables {
    /// Changes a running attempt; says whether it was one.
    fn change_attempt(&mut self, key: &RunKey, attempt: u32, change: impl FnOnce(&mut RunRecord)) -> bool {
        let changed = self.runs.change(key, |run| {
            let is = run.state == RunState::Running && run.attempt == attempt;
            if is {
                change(run);
            }
            is
        });
        changed.unwrap_or(false)
    }

    /// The runs of a worker that somebody wants to end.
    fn to_cancel(&self, worker: Uuid) -> Vec<(RunKey, u32, String)> {
        let own = self.runs.running().filter(|run| run.worker == Some(worker));
        own.filter_map(|run| Some((run.key.clone(), run.attempt, run.cancel.clone()?))).collect()
    }

    /// What there is, as far as these rows are concerned.
    fn known(&self, runs: &[NewRun]) -> Known {
        let jobs = runs.iter().map(|new| gate::job_of(&new.run.key));
        let mark = |job: JobKey| self.schedules.mark(&job).map(|mark| (job, mark));
        let open = |job: JobKey| {
            let count = |state| self.runs.open_of_job(&job).filter(|run| run.state == state).count() as u64;
            let open = Open { running: count(RunState::Running), pending: count(RunState::Pending) };
            (job, open)
        };
        let keys = runs.iter().map(|new| &new.run.key);
        Known {
            marks: gate::distinct(jobs).into_iter().filter_map(mark).collect(),
            open: gate::gated_jobs(runs).into_iter().map(open).collect(),
            there: keys.filter(|key| self.runs.contains(key)).cloned().collect(),
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
        Ok(schedules.iter().map(|schedule| tables.schedules.put(schedule)).collect())
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        Ok(self.tables().schedules.list(namespace, 0, i64::MAX))
    }

    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)> {
        let tables = self.tables();
        let changes = tables.schedules.changes();
        let Some(since) = since else { return Ok((Vec::new(), changes)) };
        let until = changes.min(since.saturating_add(MOST_CHANGES));
        Ok((tables.schedules.list(Some(namespace), since, until), until))
    }

    fn has_more(&self, token: i64) -> bool {
        token < self.tables().schedules.changes()
    }

    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        Ok(self.tables().schedules.generations(namespace, job))
    }

    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        Ok(self.tables().schedules.pause(namespace, job, pause))
    }

    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        let mut tables = self.tables();
        let made = gate::decide(runs, &mut tables.known(runs));
        let fired = gate::fired(&made);
        made.into_iter().flatten().for_each(|run| tables.runs.add(run));
        gate::last_advances(runs, &fired, advances).into_iter().for_each(|advance| tables.schedules.advance(advance));
        Ok(fired)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut claim = |claim: &Claim| {
            let job = gate::job_of(&claim.key);
            let going = tables.runs.open_of_job(&job).filter(|run| run.state == RunState::Running).count();
            let claimed = tables.runs.change(&claim.key, |run| {
                let due = run.not_before.is_none_or(|at| at <= claim.at);
                let room = going < claim.at_once as usize;
                if run.state != RunState::Pending || run.attempt != claim.attempt || !due || !room {
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
            });
            claimed.unwrap_or(false)
        };
        Ok(claims.iter().map(&mut claim).collect())
    }

    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool> {
        let reported = self.tables().change_attempt(key, attempt, |run| {
            run.progress = report.progress.or(run.progress);
            for (field, said) in [(&mut run.message, report.message), (&mut run.output, report.output)] {
                if let Some(said) = said {
                    *field = Some(said.to_owned());
                }
            }
        });
        Ok(reported)
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        let mut finish = |end: &RunEnd| {
            tables.change_attempt(&end.key, end.attempt, |run| {
                let cancelled = run.cancel.take().filter(|_| !end.state.is_final());
                run.state = if cancelled.is_some() { RunState::Cancelled } else { end.state };
                run.not_before = end.not_before.filter(|_| cancelled.is_none());
                run.error = cancelled.or_else(|| end.error.clone());
                run.finished = Some(end.at).filter(|_| run.state.is_final());
                run.exit = end.exit.or(run.exit);
                run.result = end.result.clone().or_else(|| run.result.take());
                run.output = end.output.clone().or_else(|| run.output.take());
            })
        };
        Ok(ends.iter().map(&mut finish).collect())
    }

    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled> {
        let cancelled = self.tables().runs.change(key, |run| match run.state {
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
        });
        Ok(cancelled.unwrap_or(Cancelled::Not))
    }

    async fn renew(&self, key: &RunKey) -> Result<bool> {
        let renewed = self.tables().runs.change(key, |run| {
            if !run.state.is_renewable() && run.state != RunState::Skipped {
                return false;
            }
            run.state = RunState::Pending;
            run.renewed = run.attempt;
            (run.finished, run.not_before, run.error, run.reason) = (None, None, None, None);
            true
        });
        Ok(renewed.unwrap_or(false))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let mut runs: Vec<&RunRecord> = match (&query.namespace, &query.job) {
            (Some(namespace), Some(job)) => tables.runs.of_job(namespace, job).filter(|run| query.takes(run)).collect(),
            _ => tables.runs.all().filter(|run| query.takes(run)).collect(),
        };
        runs.sort_by(|a, b| b.key.nominal.cmp(&a.key.nominal).then_with(|| a.key.cmp(&b.key)));
        runs.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
        let mut runs: Vec<RunRecord> = runs.into_iter().cloned().collect();
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
                && run.not_before.is_none_or(|earliest| earliest <= at)
        };
        Ok(tables.runs.waiting().filter(due).take(limit as usize).cloned().collect())
    }

    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>> {
        let tables = self.tables();
        let now = Instant::now();
        let held = |worker: &Uuid| tables.workers.get(worker).is_some_and(|beats| beats.until > now);
        let orphan = |run: &&RunRecord| run.key.namespace == namespace && !run.worker.as_ref().is_some_and(held);
        Ok(tables.runs.running().filter(orphan).cloned().collect())
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        let mut tables = self.tables();
        let mark = tables.deleted_before.entry(namespace.to_owned()).or_insert(before);
        *mark = before.max(*mark);
        Ok(tables.runs.delete_ended(|run| run.key.namespace != namespace || run.last_fire() >= before))
    }

    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.tables().deleted_before.get(namespace).copied())
    }

    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        let mut tables = self.tables();
        let now = Instant::now();
        let beats = Beats { namespace: namespace.to_owned(), place: place.to_owned(), until: now + lease };
        let before = tables.workers.insert(worker, beats);
        Ok(Beat { lapsed: before.is_some_and(|before| before.until <= now), cancel: tables.to_cancel(worker) })
    }

    async fn to_cancel(&self, worker: Uuid) -> Result<Vec<(RunKey, u32, String)>> {
        Ok(self.tables().to_cancel(worker))
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
