//! Records as the values of columns.

use chrono::{DateTime, Datelike as _, Utc};
use clusterkeep_core::sql::Value;
use clusterkeep_core::{Error, Result};

use crate::run::{RunKey, RunRecord};
use crate::store::ScheduleRecord;
use crate::store::gate::JobKey;

/// An instant as it is kept.
pub(super) const fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The key of a schedule's row. Names are of any text, so the first one's length goes before it.
pub(super) fn schedule_id((namespace, job): &JobKey) -> String {
    format!("{}:{namespace}:{job}", namespace.len())
}

/// The key of a version's row.
pub(super) fn generation_id(schedule: &str, generation: u32) -> String {
    format!("{generation}:{schedule}")
}

/// The key of a run's row.
pub(super) fn run_id(key: &RunKey) -> String {
    let schedule = schedule_id(&(key.namespace.clone(), key.job.clone()));
    format!("{}:{}:{}:{schedule}", micros(key.nominal), key.kind, key.generation)
}

/// The month that an instant lies in, as the partitions of runs are called: 202611 is November 2026.
pub(super) fn month(at: DateTime<Utc>) -> i64 {
    i64::from(at.year()) * 100 + i64::from(at.month())
}

/// What a row is read by, with all that was acknowledged before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowKey {
    /// Its partition, where its table has some.
    pub(super) month: Option<i64>,
    pub(super) id: String,
}

impl RowKey {
    pub(super) fn of_run(key: &RunKey) -> Self {
        Self { month: Some(month(key.nominal)), id: run_id(key) }
    }

    pub(super) fn of_schedule(job: &JobKey) -> Self {
        Self { month: None, id: schedule_id(job) }
    }
}

/// Keys, as the one parameter that a statement takes.
pub(super) fn ids<'a>(ids: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Array(ids.into_iter().map(Value::from).collect())
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::caused("write a job as JSON", error))
}

/// The columns of a run, from `id` on in the order of its table.
pub(super) fn run(run: &RunRecord) -> Result<Vec<Value>> {
    let key = &run.key;
    Ok(vec![
        run_id(key).into(),
        month(key.nominal).into(),
        schedule_id(&(key.namespace.clone(), key.job.clone())).into(),
        (&key.namespace).into(),
        (&key.job).into(),
        micros(key.nominal).into(),
        key.kind.as_str().into(),
        key.generation.into(),
        run.state.as_str().into(),
        run.attempt.into(),
        run.worker.map(|worker| worker.to_string()).into(),
        run.not_before.map(micros).into(),
        run.renewed.into(),
        run.priority.into(),
        run.cancel.as_deref().into(),
        run.args.as_ref().map(json).transpose()?.into(),
        run.missed.map(|missed| i64::try_from(missed.count).unwrap_or(i64::MAX)).into(),
        run.missed.map(|missed| micros(missed.last)).into(),
        run.reason.as_deref().into(),
        run.note.as_ref().map(json).transpose()?.into(),
        run.started.map(micros).into(),
        run.finished.map(micros).into(),
        run.error.as_deref().into(),
        run.message.as_deref().into(),
        run.progress.into(),
        run.exit.into(),
        run.result.as_ref().map(json).transpose()?.into(),
        run.output.as_deref().into(),
    ])
}

/// The columns of a schedule that a change of it sets, from `generation` to `paused_note`, and who has made it.
pub(super) fn schedule(schedule: &ScheduleRecord) -> Result<Vec<Value>> {
    let (pause, source) = (schedule.paused.as_ref(), schedule.source.as_ref());
    Ok(vec![
        schedule.generation.into(),
        micros(schedule.valid_from).into(),
        schedule.next_fire.map(micros).into(),
        schedule.high_water.map(micros).into(),
        (&schedule.zone_data).into(),
        schedule.retired.map(micros).into(),
        json(&schedule.spec)?.into(),
        pause.map(|pause| micros(pause.since)).into(),
        pause.map(|pause| pause.by.as_str()).into(),
        pause.and_then(|pause| pause.note.as_deref()).into(),
        source.map(|source| source.by.as_str()).into(),
        source.and_then(|source| source.origin.as_deref()).into(),
        schedule.zone_data_since.map(micros).into(),
    ])
}

/// The columns of a version.
pub(super) fn generation(schedule: &ScheduleRecord, id: &str) -> Result<Vec<Value>> {
    Ok(vec![
        generation_id(id, schedule.generation).into(),
        id.into(),
        schedule.generation.into(),
        micros(schedule.valid_from).into(),
        schedule.retired.map(micros).into(),
        json(&schedule.spec)?.into(),
        schedule.source.as_ref().map(|source| source.by.as_str()).into(),
        schedule.source.as_ref().and_then(|source| source.origin.as_deref()).into(),
    ])
}
