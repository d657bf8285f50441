//! Civil times at which a schedule does not fire: holidays and windows.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time of the schedule's zone at which it does not fire. Intervals are half-open: the end is not in them.
///
/// ```
/// use clusterkeep_scheduler::Exclusion;
/// for text in [
///     "2026-12-25",                           // a day
///     "12-25",                                // that day of every year
///     "SAT",                                  // a day of every week
///     "2026-12-24..2027-01-02",               // days
///     "2026-12-24T12:00..2026-12-27T08:00",   // a window
///     "22:00..06:00",                         // a window of every day
/// ] {
///     assert_eq!(text.parse::<Exclusion>()?.to_string(), text);
/// }
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exclusion {
    /// A day.
    Day(NaiveDate),
    /// The same day of every year.
    Yearly {
        /// From 1 on.
        month: u32,
        /// From 1 on.
        day: u32,
    },
    /// A day of every week.
    Weekly(Weekday),
    /// Days from the first to before the last.
    Days(NaiveDate, NaiveDate),
    /// From the first to before the second.
    Window(NaiveDateTime, NaiveDateTime),
    /// Of every day, around midnight where the second is not later.
    Daily(NaiveTime, NaiveTime),
}

impl Exclusion {
    /// Where it ends, if `civil` lies in it.
    pub(crate) fn end(&self, civil: NaiveDateTime) -> Option<NaiveDateTime> {
        let (date, time) = (civil.date(), civil.time());
        let next_day = || date.checked_add_days(Days::new(1)).map(|day| day.and_time(NaiveTime::MIN));
        match self {
            Self::Day(day) => next_day().filter(|_| date == *day),
            Self::Yearly { month, day } => next_day().filter(|_| (date.month(), date.day()) == (*month, *day)),
            Self::Weekly(weekday) => next_day().filter(|_| date.weekday() == *weekday),
            Self::Days(from, until) => Some(until.and_time(NaiveTime::MIN)).filter(|_| (*from..*until).contains(&date)),
            Self::Window(from, until) => Some(*until).filter(|_| (*from..*until).contains(&civil)),
            Self::Daily(from, until) if from < until => {
                Some(date.and_time(*until)).filter(|_| (*from..*until).contains(&time))
            }
            Self::Daily(_, until) if time < *until => Some(date.and_time(*until)),
            Self::Daily(from, until) if time >= *from => {
                date.checked_add_days(Days::new(1)).map(|day| day.and_time(*until))
            }
            Self::Daily(..) => None,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let date = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        let civil = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok();
        if let Some((from, until)) = text.split_once("..") {
            if let Some((from, until)) = civil(from).zip(civil(until)) {
                return (from < until).then_some(Self::Window(from, until));
            }
            if let Some((from, until)) = date(from).zip(date(until)) {
                return (from < until).then_some(Self::Days(from, until));
            }
            let (from, until) = time(from).zip(time(until))?;
            return (from != until).then_some(Self::Daily(from, until));
        }
        if let Some(day) = date(text) {
            return Some(Self::Day(day));
        }
        // In a leap year, so that 29 February is one.
        if let Some(day) = date(&format!("2000-{text}")) {
            return Some(Self::Yearly { month: day.month(), day: day.day() });
        }
        text.parse().ok().map(Self::Weekly)
    }
}

impl FromStr for Exclusion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text.trim()).ok_or_else(|| {
            Error::input(format!("`{text}` is no time that could be left out")).with_hint(
                "write a day (`2026-12-25`, `12-25`, `SAT`), days (`2026-12-24..2027-01-02`), a window \
                 (`2026-12-24T12:00..2026-12-27T08:00`) or one of every day (`22:00..06:00`); ends are not in them",
            )
        })
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Yearly { month, day } => write!(f, "{month:02}-{day:02}"),
            Self::Weekly(weekday) => f.write_str(&weekday.to_string().to_ascii_uppercase()),
            Self::Days(from, until) => write!(f, "{from}..{until}"),
            Self::Window(from, until) => {
                write!(f, "{}..{}", from.format("%Y-%m-%dT%H:%M"), until.format("%Y-%m-%dT%H:%M"))
            }
            Self::Daily(from, until) => write!(f, "{}..{}", from.format("%H:%M"), until.format("%H:%M")),
        }
    }
}

impl Serialize for Exclusion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exclusion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl schemars::JsonSchema for Exclusion {
    fn schema_name() -> Cow<'static, str> {
        "Exclusion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a time of the job's zone: `2026-12-25`, `12-25`, `SAT`, `2026-12-24..2027-01-02`, `2026-12-24T12:00..2026-12-27T08:00`, `22:00..06:00`; ends are not in it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_ends_where_it_says() {
        for (exclusion, civil, end) in [
            ("2026-12-25", "2026-12-25T23:59:59", Some("2026-12-26T00:00:00")),
            ("2026-12-25", "2026-12-26T00:00:00", None),
            ("02-29", "2028-02-29T12:00:00", Some("2028-03-01T00:00:00")),
            ("SUN", "2026-11-29T12:00:00", Some("2026-11-30T00:00:00")),
            ("2026-12-24..2027-01-02", "2027-01-01T12:00:00", Some("2027-01-02T00:00:00")),
            ("2026-12-24..2027-01-02", "2027-01-02T00:00:00", None),
            ("22:00..06:00", "2026-01-01T23:00:00", Some("2026-01-02T06:00:00")),
            ("22:00..06:00", "2026-01-01T05:59:59", Some("2026-01-01T06:00:00")),
            ("22:00..06:00", "2026-01-01T06:00:00", None),
            ("12:00..13:00", "2026-01-01T12:30:00", Some("2026-01-01T13:00:00")),
            ("2026-12-24T12:00..2026-12-27T08:00", "2026-12-24T11:59:59", None),
        ] {
            let exclusion: Exclusion = exclusion.parse().unwrap();
            let end = end.map(|end| end.parse().unwrap());
            assert_eq!(exclusion.end(civil.parse().unwrap()), end, "{exclusion} {civil}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026-13-01", "02-30", "06:00..06:00", "2027-01-02..2026-12-24", "25:00..26:00", "someday"] {
            assert!(text.parse::<Exclusion>().is_err(), "{text}");
        }
    }
}
