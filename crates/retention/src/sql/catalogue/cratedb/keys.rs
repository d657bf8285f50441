//! What the keys of partitions say of the time that is in them: by type, and never guessed.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use clusterkeep_core::civil::{self, Every};
use clusterkeep_core::sql::{Ident, Value};
use serde_json::Value as Json;

use super::width::{Width, end_of_stated};
use crate::model::CountUnit;
use crate::observe::{PartitionId, PartitionKey, Unknown};
use crate::sql::{NativePartition, TimeKind};

/// A column that a table is partitioned by, and what its values say of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// As the catalogue writes it: `day`, and `o['p']` where it lies within an object.
    pub(super) name: Ident,
    pub(super) time: KeyTime,
}

/// What the values of a column say of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyTime {
    /// Nothing.
    Nothing,
    /// They are points in time of the kind, with which what is in the partition begins; how long it is may be known.
    Starts(TimeKind, Length),
    /// They are made from the column of time in a way that is not understood.
    NotUnderstood,
    /// Nobody says what they mean.
    NoMeaning,
}

/// How long what begins with a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// As the expression says that the key is made by.
    Made(Width),
    /// As the policy says.
    Stated(Every),
    Unknown,
}

/// A partition as the catalogue lists it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) ident: String,
    pub(super) values: Json,
    pub(super) closed: bool,
    pub(super) bytes: Option<u64>,
}

/// A listed partition with its identity and what its key says of its bounds.
pub(super) fn partition(columns: &[KeyColumn], listed: Listed) -> NativePartition {
    let values: Option<Vec<(Ident, Value)>> = columns
        .iter()
        .map(|column| Some((column.name.clone(), plain(listed.values.get(column.name.as_str())?)?)))
        .collect();
    let (start, end, unknown) = match &values {
        Some(values) => bounds(columns, values),
        None => (None, None, Some(Unknown::Form)),
    };
    let nested = columns.iter().any(|column| listed.values.get(column.name.as_str()).is_some() && is_nested(column));
    let (end, unknown) = match (listed.closed, nested) {
        (true, _) => (None, Some(Unknown::Closed)),
        (false, true) => (None, Some(Unknown::Nested)),
        (false, false) => (end, unknown),
    };
    let key = PartitionKey { ident: listed.ident, values: values.unwrap_or_default() };
    NativePartition { id: PartitionId::Key(Arc::new(key)), start, end, unknown, bytes: listed.bytes }
}

/// A column within an object can't be named by one name.
fn is_nested(column: &KeyColumn) -> bool {
    column.name.as_str().contains('[')
}

/// A value of a key as it is sent back: what the catalogue says, in its own type.
fn plain(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None if number.is_f64() => Value::Float(number.as_f64()?),
            None => return None,
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => return None,
    })
}

type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<Unknown>);

/// Where several columns say something of time, all of it holds: the latest start and the earliest end.
fn bounds(columns: &[KeyColumn], values: &[(Ident, Value)]) -> Bounds {
    let (mut start, mut end, mut unknown) = (None, None, Some(Unknown::OtherKey));
    for (column, (_, value)) in columns.iter().zip(values) {
        let (first, last, why) = match &column.time {
            KeyTime::Nothing => continue,
            _ if value.is_null() => (None, None, Some(Unknown::NullKey)),
            KeyTime::NoMeaning => (None, None, Some(Unknown::Meaning)),
            KeyTime::NotUnderstood => (None, None, Some(Unknown::Width)),
            KeyTime::Starts(kind, length) => of_key(kind, *length, value),
        };
        if why == Some(Unknown::NullKey) {
            return (None, None, why);
        }
        start = start.max(first);
        end = match (end, last) {
            (Some(a), Some(b)) => Some(std::cmp::min::<DateTime<Utc>>(a, b)),
            (a, b) => a.or(b),
        };
        // What one column does not say another may; what is wrong with one is wrong.
        unknown = match (unknown, why) {
            (Some(Unknown::Form), _) | (_, Some(Unknown::Form)) => Some(Unknown::Form),
            (Some(Unknown::OtherKey), why) => why,
            (None, _) | (_, None) => None,
            (Some(_), why) => why,
        };
    }
    if unknown.is_some() { (start, None, unknown) } else { (start, end, None) }
}

fn of_key(kind: &TimeKind, length: Length, value: &Value) -> Bounds {
    const FORM: Bounds = (None, None, Some(Unknown::Form));
    let Some(start) = instant(kind, value) else { return FORM };
    match length {
        Length::Unknown => (Some(start), None, Some(Unknown::Width)),
        Length::Stated(every) => {
            let end = match kind {
                // Of text and digits the zone is known; so are civil days of a column without one.
                TimeKind::Text(format) | TimeKind::Digits(format) => end_of_stated(every, Some(format.zone), start),
                TimeKind::Civil(zone) | TimeKind::Date(zone) => end_of_stated(every, Some(*zone), start),
                TimeKind::Instant | TimeKind::Count(_) => end_of_stated(every, None, start),
            };
            (Some(start), Some(end), None)
        }
        Length::Made(width) => {
            let Some(shown) = value.as_i64().and_then(DateTime::from_timestamp_millis) else { return FORM };
            // The expression computes with what the column shows, as if that were in UTC.
            let end = width.end_of(shown).map(|end| match kind {
                TimeKind::Civil(zone) => civil::first_instant(*zone, end.naive_utc()),
                _ => end,
            });
            if end.is_none() { FORM } else { (Some(start), end, None) }
        }
    }
}

/// The instant that a key stands for; points in time come as milliseconds since 1970.
fn instant(kind: &TimeKind, value: &Value) -> Option<DateTime<Utc>> {
    let civil = || -> Option<NaiveDateTime> { Some(DateTime::from_timestamp_millis(value.as_i64()?)?.naive_utc()) };
    match kind {
        TimeKind::Instant => DateTime::from_timestamp_millis(value.as_i64()?),
        TimeKind::Civil(_) => kind.instant(&Value::DateTime(civil()?)),
        TimeKind::Date(_) => kind.instant(&Value::Date(civil()?.date())),
        TimeKind::Count(_) | TimeKind::Text(_) | TimeKind::Digits(_) => kind.instant(value),
    }
}

/// Whether the functions of the server compute with values of this kind as what they mean.
pub(super) fn is_understood_by_the_server(kind: &TimeKind) -> bool {
    match kind {
        TimeKind::Instant | TimeKind::Civil(_) => true,
        TimeKind::Count(count) => count.unit == CountUnit::Milliseconds && count.since == DateTime::UNIX_EPOCH,
        TimeKind::Date(_) | TimeKind::Text(_) | TimeKind::Digits(_) => false,
    }
}
