//! Where a table keeps its time, and what a column means whose type alone is no point in time.

use std::fmt;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Ident, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The column that says when a row happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// Its name.
    pub column: Ident,
    /// What it means, where its type does not say so; ignored with a note where it does.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Meaning>,
}

/// What a number or a zone-less time means as an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    EpochSeconds,
    /// Thousandths of a second since then.
    EpochMillis,
    /// Millionths of a second since then.
    EpochMicros,
    /// A date and time without a zone that is in UTC.
    Utc,
}

impl Meaning {
    /// How many of the column's units make a second, where it is a number.
    #[must_use]
    pub const fn per_second(self) -> Option<i64> {
        match self {
            Self::EpochSeconds => Some(1),
            Self::EpochMillis => Some(1_000),
            Self::EpochMicros => Some(1_000_000),
            Self::Utc => None,
        }
    }

    /// The value that stands for `instant` in the column, to compare with: exact for whole seconds.
    #[must_use]
    pub fn value(self, instant: DateTime<Utc>) -> Value {
        match self {
            Self::EpochSeconds => instant.timestamp().into(),
            Self::EpochMillis => instant.timestamp_millis().into(),
            Self::EpochMicros => instant.timestamp_micros().into(),
            Self::Utc => instant.naive_utc().into(),
        }
    }

    /// The instant that a value of the column stands for.
    #[must_use]
    pub fn instant(self, value: &Value) -> Option<DateTime<Utc>> {
        match (self, value) {
            (Self::Utc, Value::DateTime(at)) => Some(at.and_utc()),
            (Self::EpochSeconds, value) => DateTime::from_timestamp(value.as_i64()?, 0),
            (Self::EpochMillis, value) => DateTime::from_timestamp_millis(value.as_i64()?),
            (Self::EpochMicros, value) => DateTime::from_timestamp_micros(value.as_i64()?),
            _ => None,
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EpochSeconds => "epoch_seconds",
            Self::EpochMillis => "epoch_millis",
            Self::EpochMicros => "epoch_micros",
            Self::Utc => "utc",
        })
    }
}
