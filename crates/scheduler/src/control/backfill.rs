//! Running fires of the past that did not run.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::active;
use crate::daemon::due::{self, Passed};
use crate::daemon::passed_run;
use crate::model::Schedule;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Advance, Gate, NewRun, RunQuery, ScheduleRecord, Store};

/// How many rows go to the store in one call.
const BATCH: usize = 1_000;

/// For how many fires the store is asked at once what ran: a year of seconds takes no more memory than an hour.
const STRETCH: usize = 4_096;

/// Fires of the past that did not run, found and not yet queued.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Backfill {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// Which version of it runs.
    pub generation: u32,
    /// The nominal instants to run it for.
    pub fires: Vec<DateTime<Utc>>,
    /// How many fires of the period have run, or are going.
    pub have_run: u64,
    /// How many have a run that waits already.
    pub waiting: u64,
    #[serde(skip)]
    priority: i16,
    /// The row and the step for those that no scheduler has decided upon yet.
    #[serde(skip)]
    undecided: Option<(NewRun, Advance)>,
}

/// Finds the fires of `[from, until)` up to `now` that did not run: those of the job as it is now, also for a time before
/// it was there. It changes nothing; [`Backfill::queue`] does.
///
/// # Errors
///
/// An unknown or a paused job, or one without nominal fires; more than `most` fires; a period whose run history was
/// deleted; a store that can't be read.
pub async fn backfill(
    store: &dyn Store,
    namespace: &str,
    job: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    most: usize,
    now: DateTime<Utc>,
) -> Result<Backfill> {
    if from >= until {
        return Err(Error::input(format!("the period ends ({until}) before it begins ({from})"))
            .with_hint("`from` is in it, `until` is not"));
    }
    let record = active(store, namespace, job).await?;
    if record.paused.is_some() {
        return Err(Error::input(format!("job `{job}` is paused")).with_hint("resume it first"));
    }
    let schedule = record.spec.schedule()?;
    if !schedule.trigger().is_nominal() {
        return Err(Error::input(format!("job `{job}` has no nominal fires to run again"))
            .with_hint("run it once: `clusterkeep schedule trigger`"));
    }
    if let Some(before) = store.deleted_before(namespace).await?.filter(|before| from < *before) {
        return Err(Error::refused(format!(
            "what ran before {before} was deleted, so it is not known what did not run"
        ))
        .with_hint(format!("begin at {}", before.to_rfc3339_opts(SecondsFormat::AutoSi, true))));
    }
    let until = until.min(now + TimeDelta::microseconds(1)).max(from);
    let (mut fires, mut have_run, mut waiting) = (Vec::new(), 0, 0);
    let within = |at: &DateTime<Utc>| *at < until;
    let mut next = schedule.next_after(from - TimeDelta::nanoseconds(1)).filter(within);
    let mut stretch = Vec::with_capacity(STRETCH);
    while let Some(begin) = next {
        stretch.clear();
        while let Some(at) = next.filter(|_| stretch.len() < STRETCH) {
            stretch.push(at);
            next = schedule.next_after(at).filter(within);
        }
        let ran = ran(store, namespace, job, (begin, next.unwrap_or(until))).await?;
        for at in &stretch {
            match ran.get(at) {
                None => fires.push(*at),
                Some(RunState::Pending) => waiting += 1,
                Some(_) => have_run += 1,
            }
        }
        if fires.len() > most {
            return Err(Error::input(format!("more than {most} fires of `{job}` did not run in this period"))
                .with_hint("take a shorter one, or allow more"));
        }
    }
    Ok(Backfill {
        namespace: namespace.to_owned(),
        job: job.to_owned(),
        generation: record.generation,
        fires,
        have_run,
        waiting,
        priority: record.spec.priority,
        undecided: undecided(&record, &schedule, (from, until), now),
    })
}

/// What keeps schedulers from the fires of a period that they have not decided upon: else these would run twice. Where
/// others are due before the period, it can't be kept from them.
fn undecided(
    record: &ScheduleRecord,
    schedule: &Schedule,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Option<(NewRun, Advance)> {
    let mark = record.decided();
    if schedule.next_after(mark).is_none_or(|first| first < from) {
        return None;
    }
    let passed = due::count(schedule, mark, until - TimeDelta::microseconds(1), due::none).pop()?;
    let last = passed.missed.last;
    let step = Advance { paused: false, ..record.advance(last, schedule.next_after(last)) };
    let passed = Passed { state: RunState::Skipped, ..passed };
    let run = passed_run(record.key(RunKind::Scheduled, passed.first), passed, "backfilled by hand", now);
    Some((NewRun { run, gate: Gate::OPEN }, step))
}

/// The instants of a period for which there is a run, with its state.
async fn ran(
    store: &dyn Store,
    namespace: &str,
    job: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<HashMap<DateTime<Utc>, RunState>> {
    let runs = store.runs(&RunQuery::of(namespace, job).between(from, until).without_output()).await?;
    let nominal = |run: &RunRecord| matches!(run.key.kind, RunKind::Scheduled | RunKind::Backfill);
    let runs = runs.into_iter().filter(|run| nominal(run) && has_run(run.state));
    Ok(runs.map(|run| (run.key.nominal, run.state)).collect())
}

/// Whether a run was begun, or is about to be.
const fn has_run(state: RunState) -> bool {
    !matches!(state, RunState::Skipped | RunState::Coalesced | RunState::Missed | RunState::Cancelled)
}

impl Backfill {
    /// Queues the runs: the schedulers of the namespace run them, as far as the job's overlap policy lets them run at
    /// once. Returns how many are new; what somebody else has queued meanwhile is not queued again.
    ///
    /// # Errors
    ///
    /// A store that can't be used: what was queued before that stays.
    pub async fn queue(&self, store: &dyn Store) -> Result<u64> {
        let mut made = 0;
        let mut mine = self.fires.as_slice();
        if let Some((new, step)) = &self.undecided {
            let stepped = store.fire(std::slice::from_ref(new), std::slice::from_ref(step)).await?;
            if !stepped.iter().all(|fired| fired.is_made()) {
                // A scheduler has come to them first.
                mine = mine.split_at(mine.partition_point(|at| *at < new.run.key.nominal)).0;
            }
        }
        for fires in mine.chunks(BATCH) {
            let runs: Vec<NewRun> = fires.iter().map(|at| self.row(*at)).collect();
            made += store.fire(&runs, &[]).await?.into_iter().filter(|fired| fired.is_made()).count() as u64;
        }
        Ok(made)
    }

    fn row(&self, nominal: DateTime<Utc>) -> NewRun {
        let key = RunKey {
            namespace: self.namespace.clone(),
            job: self.job.clone(),
            nominal,
            kind: RunKind::Backfill,
            generation: self.generation,
        };
        let run = RunRecord { priority: self.priority, ..RunRecord::new(key, RunState::Pending) };
        NewRun { run, gate: Gate::OPEN }
    }
}
