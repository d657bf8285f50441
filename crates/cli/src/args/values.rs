//! Values of flags that have rules of their own.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::age::Age;
use clusterkeep_core::civil;
use clusterkeep_core::plan::HashPrefix;

/// An instant, or a date, which means the start of that day in the zone at hand.
///
/// ```
/// use clusterkeep::args::Moment;
/// let date: Moment = "2014-01-15".parse().unwrap();
/// assert_eq!(date.at(chrono_tz::America::New_York).to_rfc3339(), "2014-01-15T05:00:00+00:00");
/// assert!("2014-01-15 00:00".parse::<Moment>().is_err(), "an instant names its offset");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    Instant(DateTime<Utc>),
    /// A civil date.
    Date(NaiveDate),
}

impl Moment {
    /// The instant, dates being those of `zone`.
    #[must_use]
    pub fn at(self, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Instant(at) => at,
            Self::Date(date) => civil::first_instant(zone, date.and_time(NaiveTime::MIN)),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(at.to_utc()));
        }
        text.parse().map(Self::Date).map_err(
            |_| "write an instant with its offset, such as 2014-01-15T00:00:00Z, or a date, such as 2014-01-15",
        )
    }
}

/// A length of time with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(pub Duration);

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let age: Age = text.parse().map_err(|error: clusterkeep_core::Error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })?;
        age.as_duration().map(Self).ok_or_else(|| format!("`{text}` has no fixed length: count in days or less"))
    }
}

/// Reads the hash of a plan.
pub(super) fn hash(text: &str) -> Result<HashPrefix, String> {
    text.parse().map_err(|_| "copy the hash that `plan` prints: 8 to 64 hexadecimal digits".to_owned())
}
