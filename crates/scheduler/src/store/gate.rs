//! What becomes of rows to make, by what a store has: the guards of [`Store::fire`](super::Store::fire), without I/O.
//!
//! A store with transactions asks this between its lock and its writing, so that the answer stays true.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Advance, Fired, NewRun, ScheduleRecord};
use crate::run::{RunKey, RunKind, RunRecord, RunState};

/// A namespace and a job of it.
pub(super) type JobKey = (String, String);

/// The job that a run is one of.
pub(super) fn job_of(key: &RunKey) -> JobKey {
    (key.namespace.clone(), key.job.clone())
}

/// What a schedule says about new rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) generation: u32,
    pub(super) high_water: Option<DateTime<Utc>>,
    pub(super) paused: bool,
}

/// The open runs of a job.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Open {
    pub(super) running: u64,
    pub(super) pending: bool,
}

/// What a store has, as far as the rows to make are concerned.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) marks: HashMap<JobKey, Mark>,
    /// Of jobs whose gate counts.
    pub(super) open: HashMap<JobKey, Open>,
    pub(super) there: HashSet<RunKey>,
}

/// Whether other runs of the job decide what becomes of this one.
pub(super) fn is_gated(new: &NewRun) -> bool {
    new.run.state == RunState::Running && new.gate.at_once != u32::MAX
}

/// The jobs whose open runs have to be counted.
pub(super) fn gated_jobs(runs: &[NewRun]) -> Vec<JobKey> {
    distinct(runs.iter().filter(|new| is_gated(new)).map(|new| job_of(&new.run.key)))
}

/// Each once, in order.
pub(super) fn distinct(jobs: impl Iterator<Item = JobKey>) -> Vec<JobKey> {
    let mut jobs: Vec<JobKey> = jobs.collect();
    jobs.sort_unstable();
    jobs.dedup();
    jobs
}

/// The row that is to be made of each, one after the other; `None` where none is.
pub(super) fn decide(runs: &[NewRun], known: &mut Known) -> Vec<Option<RunRecord>> {
    runs.iter().map(|new| known.take(new)).collect()
}

impl Known {
    fn take(&mut self, NewRun { run, gate }: &NewRun) -> Option<RunRecord> {
        let key = &run.key;
        if self.there.contains(key) {
            return None;
        }
        let job = job_of(key);
        let (marks, scheduled) = (&self.marks, key.kind == RunKind::Scheduled);
        if let Some(mark) = marks.get(&job).filter(|_| scheduled) {
            let passed = mark.high_water.is_some_and(|high_water| key.nominal <= high_water);
            let refused = mark.paused || mark.generation != key.generation;
            if passed || (refused && !run.state.is_final()) {
                return None;
            }
        }
        let mut run = run.clone();
        let open = self.open.entry(job).or_default();
        if run.state == RunState::Running
            && gate.at_once != u32::MAX
            && (open.running >= u64::from(gate.at_once) || open.pending)
        {
            run.close(gate.otherwise);
        }
        match run.state {
            RunState::Running => open.running += 1,
            RunState::Pending => open.pending = true,
            _ => {}
        }
        self.there.insert(run.key.clone());
        Some(run)
    }
}

/// What to answer about rows of which these were made.
pub(super) fn fired(made: &[Option<RunRecord>]) -> Vec<Fired> {
    made.iter().map(|run| run.as_ref().map_or(Fired::Not, |run| Fired::Made(run.state))).collect()
}

/// The last step over each schedule.
pub(super) fn last_advances(advances: &[Advance]) -> Vec<&Advance> {
    let of = |advance: &'_ Advance| (advance.generation, advance.paused);
    let mut last: HashMap<(&str, &str, (u32, bool)), &Advance> = HashMap::with_capacity(advances.len());
    for advance in advances {
        let kept = last.entry((&advance.namespace, &advance.job, of(advance))).or_insert(advance);
        if kept.high_water <= advance.high_water {
            *kept = advance;
        }
    }
    let mut last: Vec<&Advance> = last.into_values().collect();
    last.sort_unstable_by_key(|advance| (&advance.namespace, &advance.job, of(advance)));
    last
}

/// What a schedule becomes that is put over a known one; `None` where the known one stays.
pub(super) fn replaced(known: Option<&ScheduleRecord>, put: &ScheduleRecord) -> Option<ScheduleRecord> {
    let Some(known) = known else { return Some(put.clone()) };
    let same = known.generation == put.generation;
    if known.generation > put.generation || (same && known.spec != put.spec) {
        return None;
    }
    Some(ScheduleRecord {
        high_water: known.high_water.max(put.high_water),
        paused: known.paused.clone(),
        valid_from: if same { known.valid_from } else { put.valid_from },
        // Who puts what is there already has changed nothing.
        source: if same && known.retired == put.retired { known.source.clone() } else { put.source.clone() },
        ..put.clone()
    })
}
