//! The rows that a job's due fires become: a pure step from the decision to what the store is told.

use chrono::{DateTime, TimeDelta, Utc};

use super::due;
use super::roster::{Entry, passed_run};
use crate::model::{Misfire, Overlap};
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::Advance;

/// What a job's due fires bring about.
#[derive(Debug)]
pub(crate) struct Step {
    /// Rows to make; those that are running have been counted in.
    pub(crate) runs: Vec<RunRecord>,
    /// What the schedule steps over.
    pub(crate) advance: Advance,
}

/// Decides what becomes of the fires of `entry` from `at` on, which are due at `now`.
pub(crate) fn step(entry: &mut Entry, at: DateTime<Utc>, now: DateTime<Utc>) -> Step {
    let advance = |entry: &Entry, high_water, next_fire| Advance {
        namespace: entry.record.namespace.clone(),
        job: entry.record.spec.name.as_str().to_owned(),
        high_water,
        next_fire,
    };
    if entry.kind() == RunKind::Event {
        let run = RunRecord::new(entry.key(RunKind::Event, at), RunState::Pending);
        return Step { runs: vec![begin_or(entry, run, now, Otherwise::Wait)], advance: advance(entry, at, None) };
    }
    let misfire = entry.record.spec.misfire;
    let decision = due::decide(&entry.schedule, misfire, at, now);
    let mut runs = Vec::with_capacity(decision.run.len() + 1);
    let mut coalesced = 0;
    if let Some(passed) = decision.passed {
        let reason = match passed.state {
            RunState::Coalesced => {
                coalesced = passed.missed.count;
                "a later fire runs for them: no scheduler was there in time"
            }
            _ => "no scheduler was there in time, and the job's misfire policy lets none of them run",
        };
        runs.push(passed_run(entry.key(RunKind::Scheduled, passed.first), passed, reason, now));
    }
    // Runs that catch up one by one must not skip each other.
    let otherwise = match entry.record.spec.overlap {
        Overlap::Queue => Otherwise::Wait,
        _ if decision.run.len() > 1 && matches!(misfire, Misfire::All { .. }) => Otherwise::Wait,
        _ => Otherwise::Skip,
    };
    for at in decision.run {
        let mut run = RunRecord::new(entry.key(RunKind::Scheduled, at), RunState::Pending);
        run.note = entry.schedule.next(at - TimeDelta::microseconds(1)).and_then(|fire| fire.note);
        if coalesced > 0 {
            run.reason = Some(format!("catches up for {coalesced} missed before it"));
        }
        runs.push(begin_or(entry, run, now, otherwise));
    }
    Step { runs, advance: advance(entry, decision.last, decision.next) }
}

/// What a fire does that can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    Wait,
    Skip,
}

/// Begins a run where the job has room for it.
pub(crate) fn begin_or(entry: &mut Entry, mut run: RunRecord, now: DateTime<Utc>, otherwise: Otherwise) -> RunRecord {
    if entry.running < entry.record.spec.overlap.at_once() && entry.waiting.is_empty() {
        entry.running += 1;
        run.state = RunState::Running;
        run.attempt = 1;
        run.started = Some(now);
    } else if otherwise == Otherwise::Skip {
        run.state = RunState::Skipped;
        run.reason = Some("an earlier run was still going".to_owned());
        run.finished = Some(now);
    }
    run
}
