//! Lists of records as the one JSON array that a statement takes.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Statement, Value};
use clusterkeep_core::{Error, Result};
use serde_json::{Value as Json, json};

use crate::run::{RunKey, RunRecord};
use crate::store::gate::JobKey;
use crate::store::{Advance, Claim, RunEnd, ScheduleRecord};

/// An instant as it is kept.
pub(in crate::store) const fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// A value as the JSON text that a column keeps.
pub(in crate::store) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::caused("write a job as JSON", error))
}

/// Binds the primary key of a run, in its order.
pub(in crate::store) fn bind_key(statement: Statement, key: &RunKey) -> Statement {
    statement
        .bind(&key.namespace)
        .bind(&key.job)
        .bind(micros(key.nominal))
        .bind(key.kind.as_str())
        .bind(i64::from(key.generation))
}

/// Makes lists, in text that the engine takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    /// Whether text may hold the character NUL; else it becomes U+FFFD.
    pub(super) nul: bool,
}

impl Lists {
    pub(super) fn text(self, text: &str) -> String {
        if self.nul { text.to_owned() } else { text.replace('\0', "\u{fffd}") }
    }

    fn or_null(self, text: Option<&str>) -> Json {
        text.map_or(Json::Null, |text| self.text(text).into())
    }

    pub(super) fn jobs(self, jobs: &[JobKey]) -> Value {
        list(jobs, |(namespace, job)| vec![json!(self.text(namespace)), json!(self.text(job))])
    }

    pub(super) fn names(self, names: &[String]) -> Value {
        list(names, |name| vec![json!(self.text(name))])
    }

    fn key(self, key: &RunKey, width: usize) -> Vec<Json> {
        let mut places = Vec::with_capacity(width);
        places.extend([
            self.text(&key.namespace).into(),
            self.text(&key.job).into(),
            micros(key.nominal).into(),
            key.kind.as_str().into(),
            key.generation.into(),
        ]);
        places
    }

    pub(super) fn keys<'a>(self, keys: impl IntoIterator<Item = &'a RunKey>) -> Value {
        list(keys, |key| self.key(key, 5))
    }

    pub(super) fn runs<'a>(self, runs: impl IntoIterator<Item = &'a RunRecord>) -> Result<Value> {
        let row = |run: &RunRecord| {
            let mut places = self.key(&run.key, 25);
            places.extend([
                run.state.as_str().into(),
                run.attempt.into(),
                run.worker.map(|worker| worker.to_string()).into(),
                run.not_before.map(micros).into(),
                run.renewed.into(),
                run.priority.into(),
                self.or_null(run.cancel.as_deref()),
                run.args.as_ref().map(to_json).transpose()?.into(),
                run.missed.map(|missed| i64::try_from(missed.count).unwrap_or(i64::MAX)).into(),
                run.missed.map(|missed| micros(missed.last)).into(),
                self.or_null(run.reason.as_deref()),
                run.note.as_ref().map(to_json).transpose()?.into(),
                run.started.map(micros).into(),
                run.finished.map(micros).into(),
                self.or_null(run.error.as_deref()),
                self.or_null(run.message.as_deref()),
                run.progress.into(),
                run.exit.into(),
                run.result.as_ref().map(to_json).transpose()?.into(),
                self.or_null(run.output.as_deref()),
            ]);
            Ok(Json::Array(places))
        };
        Ok(Value::Json(runs.into_iter().map(row).collect::<Result<Json>>()?))
    }

    pub(super) fn schedules<'a>(self, schedules: impl IntoIterator<Item = &'a ScheduleRecord>) -> Result<Value> {
        let row = |schedule: &ScheduleRecord| {
            let (pause, source) = (schedule.paused.as_ref(), schedule.source.as_ref());
            Ok(Json::Array(vec![
                self.text(&schedule.namespace).into(),
                self.text(schedule.spec.name.as_str()).into(),
                schedule.generation.into(),
                micros(schedule.valid_from).into(),
                schedule.next_fire.map(micros).into(),
                schedule.high_water.map(micros).into(),
                self.text(&schedule.zone_data).into(),
                schedule.retired.map(micros).into(),
                to_json(&schedule.spec)?.into(),
                pause.map(|pause| micros(pause.since)).into(),
                self.or_null(pause.map(|pause| pause.by.as_str())),
                self.or_null(pause.and_then(|pause| pause.note.as_deref())),
                self.or_null(source.map(|source| source.by.as_str())),
                self.or_null(source.and_then(|source| source.origin.as_deref())),
                schedule.zone_data_since.map(micros).into(),
            ]))
        };
        Ok(Value::Json(schedules.into_iter().map(row).collect::<Result<Json>>()?))
    }

    pub(super) fn advances<'a>(self, advances: impl IntoIterator<Item = &'a Advance>) -> Value {
        list(advances, |advance| {
            vec![
                self.text(&advance.namespace).into(),
                self.text(&advance.job).into(),
                advance.generation.into(),
                micros(advance.high_water).into(),
                advance.next_fire.map(micros).into(),
                i32::from(advance.paused).into(),
            ]
        })
    }

    pub(super) fn claims(self, claims: &[Claim]) -> Result<Value> {
        let row = |(place, claim): (usize, &Claim)| {
            let mut places = self.key(&claim.key, 11);
            places.extend([
                claim.attempt.into(),
                claim.worker.to_string().into(),
                claim.at_once.into(),
                micros(claim.at).into(),
                place.into(),
                // JSON writes NUL in six other characters.
                (!claim.earlier.is_empty()).then(|| to_json(&claim.earlier)).transpose()?.into(),
            ]);
            Ok(Json::Array(places))
        };
        Ok(Value::Json(claims.iter().enumerate().map(row).collect::<Result<Json>>()?))
    }

    pub(super) fn ends<'a>(self, ends: impl IntoIterator<Item = &'a RunEnd>) -> Result<Value> {
        let row = |end: &RunEnd| {
            let mut places = self.key(&end.key, 13);
            places.extend([
                end.attempt.into(),
                end.state.as_str().into(),
                self.or_null(end.error.as_deref()),
                micros(end.at).into(),
                end.not_before.map(micros).into(),
                end.exit.into(),
                end.result.as_ref().map(to_json).transpose()?.into(),
                self.or_null(end.output.as_deref()),
            ]);
            Ok(Json::Array(places))
        };
        Ok(Value::Json(ends.into_iter().map(row).collect::<Result<Json>>()?))
    }
}

fn list<T>(items: impl IntoIterator<Item = T>, row: impl Fn(T) -> Vec<Json>) -> Value {
    Value::Json(items.into_iter().map(|item| Json::Array(row(item))).collect())
}
