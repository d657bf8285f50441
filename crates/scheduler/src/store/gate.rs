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
    /// Those that wait, up to a thousand.
    pub(super) pending: u64,
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

/// The row that is to be made of each, or why there is none.
pub(super) type Decided = Result<RunRecord, Fired>;

/// The row that is to be made of each, one after the other.
pub(super) fn decide(runs: &[NewRun], known: &mut Known) -> Vec<Decided> {
    runs.iter().map(|new| known.take(new)).collect()
}

impl Known {
    fn take(&mut self, NewRun { run, gate }: &NewRun) -> Decided {
        let key = &run.key;
        if self.there.contains(key) {
            return Err(Fired::Not);
        }
        let job = job_of(key);
        let (marks, scheduled) = (&self.marks, key.kind == RunKind::Scheduled);
        if let Some(mark) = marks.get(&job).filter(|_| scheduled) {
            let passed = mark.high_water.is_some_and(|high_water| key.nominal <= high_water);
            let refused = mark.paused || mark.generation != key.generation;
            if passed {
                return Err(Fired::Not);
            }
            if refused && !run.state.is_final() {
                return Err(Fired::Refused);
            }
        }
        let mut run = run.clone();
        let open = self.open.entry(job).or_default();
        if run.state == RunState::Running
            && gate.at_once != u32::MAX
            && open.running + open.pending >= u64::from(gate.at_once)
        {
            run.close(gate.otherwise);
        }
        match run.state {
            RunState::Running => open.running += 1,
            RunState::Pending => open.pending += 1,
            _ => {}
        }
        self.there.insert(run.key.clone());
        Ok(run)
    }
}

/// What to answer about rows of which these were made.
pub(super) fn fired(made: &[Decided]) -> Vec<Fired> {
    made.iter().map(|run| run.as_ref().map_or_else(|why| *why, |run| Fired::Made(run.state))).collect()
}

/// The last step over each schedule. There is none over one of which a row that stands for several fires was not made.
pub(super) fn last_advances<'a>(runs: &[NewRun], fired: &[Fired], advances: &'a [Advance]) -> Vec<&'a Advance> {
    let of = |advance: &'_ Advance| (advance.generation, advance.paused);
    let refused = runs.iter().zip(fired).filter(|(new, fired)| new.run.missed.is_some() && !fired.is_made());
    let held: HashSet<(&str, &str)> =
        refused.map(|(new, _)| (new.run.key.namespace.as_str(), new.run.key.job.as_str())).collect();
    let mut last: HashMap<(&str, &str, (u32, bool)), &Advance> = HashMap::with_capacity(advances.len());
    for advance in advances {
        if held.contains(&(advance.namespace.as_str(), advance.job.as_str())) {
            continue;
        }
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
    // What the version before it has decided upon since its writer read the clock is that version's, and accounted for.
    let behind = |at: DateTime<Utc>| known.high_water.map_or(at, |mark| at.max(mark));
    Some(ScheduleRecord {
        high_water: known.high_water.max(put.high_water),
        paused: known.paused.clone(),
        valid_from: if same { known.valid_from } else { behind(put.valid_from) },
        retired: put.retired.map(|at| known.retired.filter(|_| same).unwrap_or_else(|| behind(at))),
        // Who puts what is there already has changed nothing.
        zone_data_since: if known.zone_data == put.zone_data {
            known.zone_data_since
        } else {
            known.high_water.max(known.zone_data_since)
        },
        source: if same && known.retired.is_some() == put.retired.is_some() {
            known.source.clone()
        } else {
            put.source.clone()
        },
        ..put.clone()
    })
}
