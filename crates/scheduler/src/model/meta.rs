//! What a timetable says about itself: who wrote it, when, and where it is kept. Nothing is decided by it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a timetable says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Meta {
    /// Who wrote it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// When it was written: a date, or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// When it was changed last: a date, or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Stamp>,
    /// Where it is kept, such as the address of a repository; without it, the file that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Meta {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A date, or an instant.
///
/// ```
/// use clusterkeep_scheduler::Stamp;
/// assert_eq!("2026-11-29".parse::<Stamp>()?.to_string(), "2026-11-29");
/// assert_eq!("2026-11-29T13:00:00+01:00".parse::<Stamp>()?.to_string(), "2026-11-29T12:00:00Z");
/// assert!("yesterday".parse::<Stamp>().is_err());
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// A civil date, wherever its author was.
    Date(NaiveDate),
    /// An instant.
    Instant(DateTime<Utc>),
}

impl FromStr for Stamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Ok(date) = text.parse() {
            return Ok(Self::Date(date));
        }
        DateTime::parse_from_rfc3339(text).map(|at| Self::Instant(at.to_utc())).map_err(|_| {
            Error::input(format!("`{text}` is neither a date nor an instant"))
                .with_hint("write `2026-11-29` or `2026-11-29T13:00:00Z`")
        })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Instant(at) => f.write_str(&at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Stamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}(T.+)?$" })
    }
}
