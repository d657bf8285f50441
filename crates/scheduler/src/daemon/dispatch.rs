//! The rows that a job's due fires become: a pure step from the decision to what the store is told.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::due;
use super::roster::{Entry, passed_run};
use crate::model::{JobBody, Misfire, Overlap};
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::{Advance, Gate, NewRun, Otherwise};

/// What a job's due fires bring about.
#[derive(Debug)]
pub(crate) struct Step {
    /// Rows to make.
    pub(crate) runs: Vec<NewRun>,
    /// What the schedule steps over.
    pub(crate) advance: Advance,
}

/// Decides what becomes of the fires of `entry` from `at` on that are due at `now` and not decided upon already.
pub(crate) fn step(
    entry: &Entry,
    doer: &mut Doer,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    decided: impl Fn(DateTime<Utc>) -> bool,
) -> Step {
    if entry.kind() == RunKind::Event {
        let run = RunRecord::new(entry.kept.key(RunKind::Event, at), RunState::Pending);
        let runs = vec![begin_or(entry, run, doer, now, Otherwise::Wait)];
        return Step { runs, advance: entry.advance(at, None) };
    }
    let misfire = entry.body().misfire;
    let decision = due::decide(entry.schedule(), misfire, at, now, decided);
    let mut runs = Vec::with_capacity(decision.run.len() + 1);
    let mut coalesced = 0;
    for passed in decision.passed {
        let reason = match passed.state {
            RunState::Coalesced => {
                coalesced += passed.missed.count;
                "a later fire runs for them: no scheduler was there in time"
            }
            _ => "no scheduler was there in time, and the job's misfire policy lets none of them run",
        };
        let run = passed_run(entry.kept.key(RunKind::Scheduled, passed.first), passed, reason, now);
        runs.push(NewRun { run, gate: Gate::OPEN });
    }
    let otherwise = otherwise(entry.body(), decision.run.len());
    for at in decision.run {
        let mut run = RunRecord::new(entry.kept.key(RunKind::Scheduled, at), RunState::Pending);
        run.note = entry.schedule().next(at - TimeDelta::microseconds(1)).and_then(|fire| fire.note);
        if coalesced > 0 {
            run.reason = Some(format!("catches up for {coalesced} missed before it"));
        }
        runs.push(begin_or(entry, run, doer, now, otherwise));
    }
    Step { runs, advance: entry.advance(decision.last, decision.next) }
}

/// What fires do that can't begin, where so many are due at once.
pub(crate) fn otherwise(spec: &JobBody, due: usize) -> Otherwise {
    match spec.overlap {
        Overlap::Queue | Overlap::Replace => Otherwise::Wait,
        // Runs that catch up one by one must not skip each other.
        _ if due > 1 && matches!(spec.misfire, Misfire::All { .. }) => Otherwise::Wait,
        _ => Otherwise::Skip,
    }
}

/// Who would run what is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doer {
    pub(crate) worker: Uuid,
    /// How many runs it may begin now; further ones wait.
    pub(crate) room: usize,
}

/// A row that runs at once, where the doer has room and the store finds its gate open.
pub(crate) fn begin_or(
    entry: &Entry,
    mut run: RunRecord,
    doer: &mut Doer,
    now: DateTime<Utc>,
    otherwise: Otherwise,
) -> NewRun {
    run.priority = entry.body().priority;
    if doer.room > 0 {
        doer.room -= 1;
        (run.state, run.attempt) = (RunState::Running, 1);
        (run.worker, run.started) = (Some(doer.worker), Some(now));
    }
    NewRun { run, gate: Gate { at_once: entry.body().overlap.at_once(), otherwise } }
}
