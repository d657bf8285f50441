//! How a column keeps time, and the values that stand for instants in it.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::Value;

use crate::model::Meaning;

/// How a column keeps time, settled from its type and, where that is not enough, from what the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeKind {
    /// Its type is a point in time.
    Instant,
    /// Its type is a number or a zone-less time that means this.
    Meant(Meaning),
}

impl TimeKind {
    /// The value that stands for `instant` in the column.
    pub(crate) fn value(self, instant: DateTime<Utc>) -> Value {
        match self {
            Self::Instant => Value::Timestamp(instant),
            Self::Meant(meaning) => meaning.value(instant),
        }
    }

    /// The instant that a value of the column stands for.
    pub(crate) fn instant(self, value: &Value) -> Option<DateTime<Utc>> {
        match self {
            Self::Instant => value.as_timestamp(),
            Self::Meant(meaning) => meaning.instant(value),
        }
    }
}
