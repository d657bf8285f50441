//! Rows of the SQLite store to records and back.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Row, Statement, sql};
use clusterkeep_core::{Error, Result};

use crate::run::{Missed, RunKey, RunKind, RunRecord, RunState};
use crate::store::ScheduleRecord;

/// An instant as it is kept.
pub(super) const fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

fn instant(row: &Row, column: &str) -> Result<DateTime<Utc>> {
    let micros = row.get::<i64>(column)?;
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable(column, "it is out of range"))
}

fn instant_or_null(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>> {
    if row.get::<Option<i64>>(column)?.is_none() { Ok(None) } else { instant(row, column).map(Some) }
}

fn number(row: &Row, column: &str) -> Result<u32> {
    u32::try_from(row.get::<i64>(column)?).map_err(|_| unreadable(column, "it is out of range"))
}

fn unreadable(column: &str, why: &str) -> Error {
    Error::failed(format!("read column `{column}` of a scheduler's table: {why}"))
}

/// Names the row where another program has put something else there.
fn json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::caused(format!("read column `{column}` of a scheduler's table"), error))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::caused("write a job as JSON", error))
}

/// Binds the primary key of a run, in its order.
pub(super) fn bind_key(statement: Statement, key: &RunKey) -> Statement {
    statement
        .bind(&key.namespace)
        .bind(&key.job)
        .bind(micros(key.nominal))
        .bind(key.kind.as_str())
        .bind(i64::from(key.generation))
}

/// The insertion of a run, which changes no row where there is one or the schedule has stepped over it.
pub(super) fn insert(run: &RunRecord) -> Result<Statement> {
    const INSERT: Statement = sql("INSERT OR IGNORE INTO clusterkeep_scheduler_runs (namespace, job, nominal, kind, \
         generation, state, attempt, missed_count, missed_last, reason, note, started, finished, error, message, progress) \
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
         WHERE ? <> 'scheduled' OR NOT EXISTS (SELECT 1 FROM clusterkeep_scheduler_schedules \
         WHERE namespace = ? AND job = ? AND high_water >= ?)");
    let key = &run.key;
    Ok(bind_key(INSERT, key)
        .bind(run.state.as_str())
        .bind(i64::from(run.attempt))
        .bind(run.missed.map(|missed| i64::try_from(missed.count).unwrap_or(i64::MAX)))
        .bind(run.missed.map(|missed| micros(missed.last)))
        .bind(run.reason.as_deref())
        .bind(run.note.as_ref().map(to_json).transpose()?)
        .bind(run.started.map(micros))
        .bind(run.finished.map(micros))
        .bind(run.error.as_deref())
        .bind(run.message.as_deref())
        .bind(run.progress)
        .bind(key.kind.as_str())
        .bind(&key.namespace)
        .bind(&key.job)
        .bind(micros(key.nominal)))
}

pub(super) fn run(row: &Row) -> Result<RunRecord> {
    let key = RunKey {
        namespace: row.get("namespace")?,
        job: row.get("job")?,
        nominal: instant(row, "nominal")?,
        kind: RunKind::named(&row.get::<String>("kind")?)?,
        generation: number(row, "generation")?,
    };
    let missed = match (row.get::<Option<i64>>("missed_count")?, instant_or_null(row, "missed_last")?) {
        (Some(count), Some(last)) => Some(Missed { count: u64::try_from(count).unwrap_or_default(), last }),
        _ => None,
    };
    Ok(RunRecord {
        key,
        state: row.get::<String>("state")?.parse::<RunState>()?,
        attempt: number(row, "attempt")?,
        missed,
        reason: row.get("reason")?,
        note: row.get::<Option<String>>("note")?.map(|text| json("note", &text)).transpose()?,
        started: instant_or_null(row, "started")?,
        finished: instant_or_null(row, "finished")?,
        error: row.get("error")?,
        message: row.get("message")?,
        progress: row.get("progress")?,
    })
}

pub(super) fn schedule(row: &Row) -> Result<ScheduleRecord> {
    Ok(ScheduleRecord {
        namespace: row.get("namespace")?,
        spec: json("spec", &row.get::<String>("spec")?)?,
        generation: number(row, "generation")?,
        valid_from: instant(row, "valid_from")?,
        next_fire: instant_or_null(row, "next_fire")?,
        high_water: instant_or_null(row, "high_water")?,
        zone_data: row.get("zone_data")?,
        retired: instant_or_null(row, "retired")?,
    })
}
