//! What becomes of fires that nobody will decide upon any more: of a job that was changed, removed or resumed. Pure.

use chrono::{DateTime, Utc};

use super::due::{self, Passed};
use super::roster::passed_run;
use crate::model::Schedule;
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::ScheduleRecord;

/// The rows for all fires up to `now` that no scheduler has decided upon: those before a pause are missed, for the reason
/// that is given, and those within it are skipped.
pub(crate) fn owed(record: &ScheduleRecord, schedule: &Schedule, why: &str, now: DateTime<Utc>) -> Vec<RunRecord> {
    if !schedule.trigger().is_nominal() {
        return Vec::new();
    }
    let mark = record.decided();
    let row = |passed: Passed, why: &str| passed_run(record.key(RunKind::Scheduled, passed.first), passed, why, now);
    let since = record.paused.as_ref().map_or(now, |pause| pause.since.min(now));
    let before = due::count(schedule, mark, since).map(|passed| row(passed, why));
    let within = record.paused.as_ref().and_then(|pause| {
        let passed = due::count(schedule, mark.max(since), now)?;
        Some(row(Passed { state: RunState::Skipped, ..passed }, &pause.to_string()))
    });
    before.into_iter().chain(within).collect()
}
