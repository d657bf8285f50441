//! What becomes of fires that nobody will decide upon any more: of a job that was changed, removed or resumed.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;

use super::due::{self, Passed};
use super::roster::passed_run;
use crate::model::Schedule;
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::{Advance, Gate, NewRun, RunQuery, ScheduleRecord, Store};

/// Rows for all fires up to an instant that no scheduler has decided upon, and the steps over them.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) runs: Vec<RunRecord>,
    pub(crate) steps: Vec<Advance>,
}

impl Owed {
    /// The rows as a store takes them.
    pub(crate) fn rows(&self) -> Vec<NewRun> {
        self.runs.iter().map(|run| NewRun { run: run.clone(), gate: Gate::OPEN }).collect()
    }

    /// Adds what is owed of another job.
    pub(crate) fn add(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.steps.extend(other.steps);
    }
}

/// What is owed up to `now`: fires before a pause are missed, for the reason that is given, and those within it are skipped.
///
/// A scheduler that died may have made rows without stepping over them: these are asked for.
pub(crate) async fn owed(
    store: &dyn Store,
    record: &ScheduleRecord,
    schedule: &Schedule,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Owed> {
    let mark = record.decided();
    if !schedule.trigger().is_nominal() || schedule.next_after(mark).is_none_or(|at| at > now) {
        return Ok(Owed::default());
    }
    let there = rows_behind(store, record, mark, now).await?;
    let decided = due::of_rows(&there);
    let row = |passed: Passed, why: &str| passed_run(record.key(RunKind::Scheduled, passed.first), passed, why, now);
    let since = record.paused.as_ref().map_or(now, |pause| pause.since.min(now));
    let mut runs: Vec<RunRecord> =
        due::count(schedule, mark, since, &decided).into_iter().map(|passed| row(passed, why)).collect();
    if let Some(pause) = &record.paused {
        let within = due::count(schedule, mark.max(since), now, &decided);
        runs.extend(
            within.into_iter().map(|passed| row(Passed { state: RunState::Skipped, ..passed }, &pause.to_string())),
        );
    }
    let last = runs.iter().chain(&there).map(RunRecord::last_fire).max();
    let step = last.map(|last| record.advance(last, schedule.next_after(last)));
    Ok(Owed { runs, steps: step.into_iter().collect() })
}

/// The rows of a version's fires behind its mark and up to `now`. There are some only where a scheduler died before it
/// stepped over them, or is about to.
pub(crate) async fn rows_behind(
    store: &dyn Store,
    record: &ScheduleRecord,
    mark: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<RunRecord>> {
    let moment = TimeDelta::microseconds(1);
    let query = RunQuery::of(&record.namespace, record.spec.name.as_str())
        .between(mark + moment, now + moment)
        .without_output();
    let mut rows = store.runs(&query).await?;
    rows.retain(|run| {
        run.key.kind == RunKind::Scheduled && run.key.generation == record.generation && run.key.nominal > mark
    });
    Ok(rows)
}
