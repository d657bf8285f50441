//! Rows of databases to records.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Records, Row};
use clusterkeep_core::{Error, Result};
use uuid::Uuid;

use crate::model::JobSpec;
use crate::run::{Missed, RunKey, RunKind, RunRecord, RunState};
use crate::store::gate::{JobKey, Mark};
use crate::store::{Generation, Pause, ScheduleRecord, Source, Worker};

/// From the year 1 to 9999. What lies outside nobody has written here, and arithmetic with it would come to an end.
const INSTANTS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

pub(super) fn instant(row: &Row, column: &str) -> Result<DateTime<Utc>> {
    let micros = Some(row.get::<i64>(column)?).filter(|micros| INSTANTS.contains(micros));
    micros.and_then(DateTime::from_timestamp_micros).ok_or_else(|| unreadable(column, "it is out of range"))
}

pub(super) fn instant_or_null(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>> {
    if row.get::<Option<i64>>(column)?.is_none() { Ok(None) } else { instant(row, column).map(Some) }
}

pub(super) fn number(row: &Row, column: &str) -> Result<u32> {
    u32::try_from(row.get::<i64>(column)?).map_err(|_| unreadable(column, "it is out of range"))
}

fn unreadable(column: &str, why: &str) -> Error {
    Error::failed(format!("read column `{column}` of a scheduler's table: {why}"))
}

fn json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::caused(format!("read column `{column}` of a scheduler's table"), error))
}

/// Whom a column names.
pub(super) fn uuid(column: &str, text: &str) -> Result<Uuid> {
    text.parse().map_err(|error| Error::caused(format!("read column `{column}` of a scheduler's table"), error))
}

/// The primary key of a run.
pub(super) fn key(row: &Row) -> Result<RunKey> {
    Ok(RunKey {
        namespace: row.get("namespace")?,
        job: row.get("job")?,
        nominal: instant(row, "nominal")?,
        kind: RunKind::named(&row.get::<String>("kind")?)?,
        generation: number(row, "generation")?,
    })
}

/// The row of a run.
pub(super) fn run(row: &Row) -> Result<RunRecord> {
    let missed = match (row.get::<Option<i64>>("missed_count")?, instant_or_null(row, "missed_last")?) {
        (Some(count), Some(last)) => Some(Missed { count: u64::try_from(count).unwrap_or_default(), last }),
        _ => None,
    };
    let worker = row.get::<Option<String>>("worker")?;
    Ok(RunRecord {
        key: key(row)?,
        state: row.get::<String>("state")?.parse::<RunState>()?,
        attempt: number(row, "attempt")?,
        worker: worker.map(|text| uuid("worker", &text)).transpose()?,
        not_before: instant_or_null(row, "not_before")?,
        renewed: number(row, "renewed")?,
        priority: i16::try_from(row.get::<i64>("priority")?)
            .map_err(|_| unreadable("priority", "it is out of range"))?,
        cancel: row.get("cancel")?,
        args: row.get::<Option<String>>("args")?.map(|text| json("args", &text)).transpose()?,
        missed,
        reason: row.get("reason")?,
        note: row.get::<Option<String>>("note")?.map(|text| json("note", &text)).transpose()?,
        started: instant_or_null(row, "started")?,
        finished: instant_or_null(row, "finished")?,
        error: row.get("error")?,
        message: row.get("message")?,
        progress: row.get("progress")?,
        exit: row
            .get::<Option<i64>>("exit_code")?
            .map(|exit| i32::try_from(exit).map_err(|_| unreadable("exit_code", "it is out of range")))
            .transpose()?,
        result: row.get::<Option<String>>("result")?.map(|text| json("result", &text)).transpose()?,
        output: row.get("output")?,
        earlier: row
            .get::<Option<String>>("earlier")?
            .map(|text| json("earlier", &text))
            .transpose()?
            .unwrap_or_default(),
    })
}

/// The row of a schedule.
pub(super) fn schedule(row: &Row) -> Result<ScheduleRecord> {
    let paused = match (instant_or_null(row, "paused_since")?, row.get::<Option<String>>("paused_by")?) {
        (Some(since), by) => Some(Pause { since, by: by.unwrap_or_default(), note: row.get("paused_note")? }),
        (None, _) => None,
    };
    let spec: JobSpec = json("spec", &row.get::<String>("spec")?)?;
    if spec.name.as_str() != row.get::<String>("job")? {
        return Err(unreadable("spec", "it is that of another job"));
    }
    Ok(ScheduleRecord {
        namespace: row.get("namespace")?,
        spec,
        generation: number(row, "generation")?,
        valid_from: instant(row, "valid_from")?,
        next_fire: instant_or_null(row, "next_fire")?,
        high_water: instant_or_null(row, "high_water")?,
        zone_data: row.get("zone_data")?,
        zone_data_since: instant_or_null(row, "zone_data_since")?,
        retired: instant_or_null(row, "retired")?,
        paused,
        source: source(row)?,
    })
}

/// Rows; one that can't be read, because somebody has edited it or a later version has written it, is left out and said so,
/// so that the others go on.
pub(super) fn readable<T>(found: &Records, read: impl Fn(&Row) -> Result<T>) -> impl Iterator<Item = T> {
    found.iter().filter_map(move |row| {
        let place = |column| row.get::<String>(column).unwrap_or_default();
        read(row)
            .inspect_err(|error| {
                let (namespace, job) = (place("namespace"), place("job"));
                let error = error as &dyn std::error::Error;
                tracing::error!(?namespace, ?job, error, "a row of the store can't be read, and is left out");
            })
            .ok()
    })
}

/// What is to end: the run, its attempt, and why.
pub(super) fn to_cancel(row: &Row) -> Result<(RunKey, u32, String)> {
    Ok((key(row)?, number(row, "attempt")?, row.get("cancel")?))
}

/// Who made a row of a schedule or of a version.
fn source(row: &Row) -> Result<Option<Source>> {
    let Some(by) = row.get::<Option<String>>("changed_by")? else { return Ok(None) };
    Ok(Some(Source { by, origin: row.get("origin")? }))
}

/// The row of a version of a job.
pub(super) fn generation(row: &Row) -> Result<Generation> {
    Ok(Generation {
        generation: number(row, "generation")?,
        spec: json("spec", &row.get::<String>("spec")?)?,
        valid_from: instant(row, "valid_from")?,
        valid_until: instant_or_null(row, "valid_until")?,
        source: source(row)?,
    })
}

/// The row of a worker.
pub(super) fn worker(row: &Row) -> Result<Worker> {
    Ok(Worker {
        worker: uuid("worker", &row.get::<String>("worker")?)?,
        namespace: row.get("namespace")?,
        place: row.get("place")?,
        alive: row.get::<i64>("alive")? == 1,
    })
}

/// What a schedule says about new rows, under its job.
pub(super) fn mark(row: &Row) -> Result<(JobKey, Mark)> {
    let mark = Mark {
        generation: number(row, "generation")?,
        high_water: instant_or_null(row, "high_water")?,
        paused: row.get::<Option<i64>>("paused_since")?.is_some(),
    };
    Ok(((row.get("namespace")?, row.get("job")?), mark))
}
