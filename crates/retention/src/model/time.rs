//! Where a table keeps its time, and what a column means whose type alone is no point in time.

use std::fmt;
use std::sync::Arc;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::{self, Every};
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
    /// How much time a partition holds that tells its start alone, such as one by a column of days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Every>,
}

/// What a number, text or a zone-less time means as an instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Meaning {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    EpochSeconds,
    /// Thousandths of a second since then.
    EpochMillis,
    /// Millionths of a second since then.
    EpochMicros,
    /// A date and time without a zone that is in UTC.
    Utc,
    /// A date and time without a zone that is civil time of this one.
    #[serde(with = "super::zone_name")]
    #[schemars(with = "String")]
    Zone(Tz),
    /// A whole number of units since an instant.
    Count(Count),
    /// Text, or a whole number whose digits are one, such as `202609`.
    Format(Format),
}

/// A whole number of units since an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// What is counted.
    pub unit: CountUnit,
    /// What 0 means.
    pub since: DateTime<Utc>,
}

/// A unit of elapsed time that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountUnit {
    /// Millionths of a second.
    Microseconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// 60 seconds.
    Minutes,
    /// 3,600 seconds.
    Hours,
    /// 86,400 seconds.
    Days,
}

impl CountUnit {
    /// How many millionths of a second it has.
    #[must_use]
    pub const fn micros(self) -> i64 {
        match self {
            Self::Microseconds => 1,
            Self::Milliseconds => 1_000,
            Self::Seconds => 1_000_000,
            Self::Minutes => 60_000_000,
            Self::Hours => 3_600_000_000,
            Self::Days => 86_400_000_000,
        }
    }
}

/// Date and time as text or digits, in civil time of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// How it is written, in the letters of `strftime`: `%Y-%m-%d`, `%Y%m`.
    pub format: Arc<str>,
    /// The zone of what is written.
    #[serde(with = "super::zone_name")]
    #[schemars(with = "String")]
    pub zone: Tz,
}

impl Meaning {
    /// The units since 1970 of a column of numbers that counts time; `None` where it does not.
    #[must_use]
    pub const fn count(&self) -> Option<Count> {
        let unit = match self {
            Self::EpochSeconds => CountUnit::Seconds,
            Self::EpochMillis => CountUnit::Milliseconds,
            Self::EpochMicros => CountUnit::Microseconds,
            Self::Count(count) => return Some(*count),
            Self::Utc | Self::Zone(_) | Self::Format(_) => return None,
        };
        Some(Count { unit, since: DateTime::UNIX_EPOCH })
    }

    /// The instant that a value stands for; `None` where it is of another type, or stands for none.
    #[must_use]
    pub fn instant(&self, value: &Value) -> Option<DateTime<Utc>> {
        match (self, value) {
            (Self::Format(format), Value::Text(text)) => format.read(text),
            (Self::Format(format), value) => format.read(&value.as_i64()?.to_string()),
            (Self::Utc | Self::Zone(_), Value::DateTime(at)) => Some(civil::first_instant(self.civil_zone()?, *at)),
            (_, value) => self.count()?.instant(value.as_i64()?),
        }
    }

    /// The zone of a date and time without one; `None` where the meaning is another.
    #[must_use]
    pub const fn civil_zone(&self) -> Option<Tz> {
        match self {
            Self::Utc => Some(Tz::UTC),
            Self::Zone(zone) => Some(*zone),
            _ => None,
        }
    }
}

impl Format {
    /// `instant` as it is written.
    #[must_use]
    pub fn write(&self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.zone).format(&self.format).to_string()
    }

    /// The first instant that is written so; `None` where `text` is not of this format, or has something beside it.
    ///
    /// What the format leaves out is the least that it can be: the first day of a month, midnight.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<DateTime<Utc>> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, StrftimeItems::new(&self.format)).ok()?;
        let date = parsed.to_naive_date().or_else(|_| {
            if parsed.month().is_none() {
                parsed.set_month(1)?;
            }
            parsed.set_day(1)?;
            parsed.to_naive_date()
        });
        let at = NaiveDateTime::new(date.ok()?, parsed.to_naive_time().unwrap_or_else(|_| hour_alone(&parsed)));
        (at.format(&self.format).to_string() == text).then(|| civil::first_instant(self.zone, at))
    }
}

/// The time of day where a format has the hour and nothing finer, or no time at all.
fn hour_alone(parsed: &Parsed) -> NaiveTime {
    let hour = parsed.hour_div_12().zip(parsed.hour_mod_12()).map_or(0, |(half, hour)| half * 12 + hour);
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default()
}

impl Count {
    /// The number that stands for `instant`, rounded up: what is below it lies before the instant.
    #[must_use]
    pub fn number(self, instant: DateTime<Utc>) -> i64 {
        let micros = (instant - self.since).num_microseconds().unwrap_or(i64::MAX);
        let unit = self.unit.micros();
        micros.div_euclid(unit) + i64::from(micros.rem_euclid(unit) != 0)
    }

    /// The instant that a number stands for.
    #[must_use]
    pub fn instant(self, number: i64) -> Option<DateTime<Utc>> {
        self.since.checked_add_signed(TimeDelta::microseconds(number.checked_mul(self.unit.micros())?))
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochSeconds => f.write_str("epoch_seconds"),
            Self::EpochMillis => f.write_str("epoch_millis"),
            Self::EpochMicros => f.write_str("epoch_micros"),
            Self::Utc => f.write_str("utc"),
            Self::Zone(zone) => write!(f, "civil time of {}", zone.name()),
            Self::Count(Count { unit, since }) => write!(f, "{unit:?} since {since}"),
            Self::Format(Format { format, zone }) => write!(f, "{format} in {}", zone.name()),
        }
    }
}
