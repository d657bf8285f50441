//! Ages and durations with units, as files and flags write them.
//!
//! A number without a unit is never read as one: `10` has meant ten seconds, ten days and "everything" in other tools.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Days, Months, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::civil;
use crate::error::{Error, Result};

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A thousandth of a second.
    Millisecond,
    /// A second.
    Second,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// A civil day, which may have 23 or 25 hours.
    Day,
    /// Seven civil days.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// Each unit with its short form (where it has one that can't be mistaken) and its word.
const UNITS: [(Unit, Option<&str>, &str); 8] = [
    (Unit::Millisecond, Some("ms"), "millisecond"),
    (Unit::Second, Some("s"), "second"),
    (Unit::Minute, Some("min"), "minute"),
    (Unit::Hour, Some("h"), "hour"),
    (Unit::Day, Some("d"), "day"),
    (Unit::Week, Some("w"), "week"),
    (Unit::Month, None, "month"),
    (Unit::Year, Some("y"), "year"),
];

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let word = text.strip_suffix('s').filter(|word| word.len() > 2);
        UNITS
            .iter()
            .find(|(_, short, name)| *short == Some(text) || *name == text || Some(*name) == word)
            .map(|(unit, ..)| *unit)
    }

    const fn word(self) -> &'static str {
        UNITS[self as usize].2
    }
}

/// A positive whole number of one unit, such as `90 days`.
///
/// Days and above go by the calendar of a zone: `1 month` before 31 March is the last day of February, and a day may
/// have 23 hours.
///
/// ```
/// use clusterkeep_core::age::Age;
/// let age: Age = "90d".parse().unwrap();
/// assert_eq!(age.to_string(), "90 days");
/// assert!("90".parse::<Age>().is_err(), "no unit");
/// assert!("5m".parse::<Age>().is_err(), "minutes or months?");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Age {
    count: NonZeroU32,
    unit: Unit,
}

impl Age {
    /// `count` of `unit`; `None` where `count` is 0.
    #[must_use]
    pub fn new(count: u32, unit: Unit) -> Option<Self> {
        NonZeroU32::new(count).map(|count| Self { count, unit })
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count.get()
    }

    /// Of what.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// Whether the age is counted in whole civil days or more.
    #[must_use]
    pub fn is_calendar(self) -> bool {
        self.unit >= Unit::Day
    }

    /// The length in elapsed time; `None` for units that have none (months, years), and a day is 24 hours.
    #[must_use]
    pub fn as_duration(self) -> Option<Duration> {
        let millis: u64 = match self.unit {
            Unit::Millisecond => 1,
            Unit::Second => 1_000,
            Unit::Minute => 60_000,
            Unit::Hour => 3_600_000,
            Unit::Day => 86_400_000,
            Unit::Week => 604_800_000,
            Unit::Month | Unit::Year => return None,
        };
        Some(Duration::from_millis(millis * u64::from(self.count.get())))
    }

    /// A length to compare ages by: a month is 30.436875 days, a year twelve of them.
    #[must_use]
    pub fn approximate(self) -> Duration {
        /// A twelfth of the mean Gregorian year of 365.2425 days.
        const MONTH: u64 = 2_629_746;
        self.as_duration().unwrap_or_else(|| {
            let months = if self.unit == Unit::Year { 12 } else { 1 };
            Duration::from_secs(MONTH * months * u64::from(self.count.get()))
        })
    }

    /// The instant that lies this age before `now`.
    ///
    /// For days and above that is counted from the *start of the civil day* of `now` in `zone`, by the calendar, and
    /// ends at the start of a civil day; below a day it is elapsed time before `now`, not floored.
    ///
    /// # Errors
    ///
    /// The instant lies before what the calendar can hold.
    pub fn before(self, now: DateTime<Utc>, zone: Tz) -> Result<DateTime<Utc>> {
        let out_of_range = || Error::input(format!("{self} before {now} is out of the calendar's range"));
        if let (false, Some(duration)) = (self.is_calendar(), self.as_duration()) {
            let delta = TimeDelta::from_std(duration).map_err(|_| out_of_range())?;
            return now.checked_sub_signed(delta).ok_or_else(out_of_range);
        }
        let today = now.with_timezone(&zone).date_naive();
        let count = self.count.get();
        let day = match self.unit {
            Unit::Week => today.checked_sub_days(Days::new(7 * u64::from(count))),
            Unit::Month => today.checked_sub_months(Months::new(count)),
            Unit::Year => count.checked_mul(12).and_then(|months| today.checked_sub_months(Months::new(months))),
            _ => today.checked_sub_days(Days::new(u64::from(count))),
        };
        let day = day.ok_or_else(out_of_range)?;
        Ok(civil::first_instant(zone, NaiveDateTime::from(day)))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count.get() == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.count, self.unit.word())
    }
}

impl FromStr for Age {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let refuse = |why: &str, hint: String| Error::input(format!("age `{trimmed}` {why}")).with_hint(hint);
        if trimmed.is_empty() {
            return Err(refuse("is empty", EXAMPLES.into()));
        }
        if trimmed.starts_with('-') {
            return Err(refuse("is negative", EXAMPLES.into()));
        }
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim());
        if number.is_empty() || unit.starts_with(['.', ',']) {
            return Err(refuse("is no whole number with a unit", EXAMPLES.into()));
        }
        if unit.is_empty() {
            return Err(refuse(
                "has no unit",
                format!("write its unit: `{number} s`, `{number} min`, `{number} h`, `{number} days` or what is meant"),
            ));
        }
        if unit == "m" {
            return Err(refuse("can mean minutes or months", format!("write `{number} min` or `{number} months`")));
        }
        let unit = Unit::parse(unit).ok_or_else(|| refuse("has an unknown unit", EXAMPLES.into()))?;
        let count: u32 = number.parse().map_err(|_| refuse("is too large", EXAMPLES.into()))?;
        Self::new(count, unit).ok_or_else(|| refuse("is zero", format!("the shortest is 1 {}", unit.word())))
    }
}

const EXAMPLES: &str = "write a whole number and a unit, such as `90 days`; units are ms, s, min, h, d, w, y or the words \
     (`months` only as a word)";

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AgeVisitor)
    }
}

/// Takes a number, too, to say what it lacks.
struct AgeVisitor;

impl Visitor<'_> for AgeVisitor {
    type Value = Age;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number with a unit, such as `90 days`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Age, E> {
        text.parse().map_err(crate::error::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Age, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Age, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Age, E> {
        self.visit_str(&number.to_string())
    }
}

impl schemars::JsonSchema for Age {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Age".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a whole number with a unit, such as `90 days`",
            "pattern": "^[1-9][0-9]* ?(ms|s|min|h|d|w|y|(millisecond|second|minute|hour|day|week|month|year)s?)$",
        })
    }
}

/// Shorthand for ages in Rust: `days(90)`.
///
/// A count of 0 is read as 1: an age of nothing would mean everything.
macro_rules! shorthand {
    ($($name:ident => $unit:ident),* $(,)?) => {$(
        #[doc = concat!("An age of `n` ", stringify!($name), "; 0 is read as 1, for an age of nothing would mean everything.")]
        #[must_use]
        pub const fn $name(n: u32) -> Age {
            let count = match NonZeroU32::new(n) {
                Some(count) => count,
                None => NonZeroU32::MIN,
            };
            Age { count, unit: Unit::$unit }
        }
    )*};
}

shorthand! {
    seconds => Second, minutes => Minute, hours => Hour, days => Day, weeks => Week, months => Month, years => Year,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_09_what_has_no_clear_meaning_is_refused() {
        let refused =
            ["10", "", "0d", "-1d", "NaN", "10 dayz", "5m", "99999999999999999999 d", "1.5 h", "1,5h", "d", "∞"];
        for text in refused {
            let error = text.parse::<Age>().unwrap_err();
            assert!(error.hint().is_some(), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_said_of_a_length_fits_intervals_too() {
        for text in ["5", "0s", "5 dayz", ""] {
            let error = text.parse::<Age>().unwrap_err();
            let said = format!("{error} {}", error.hint().unwrap());
            assert!(!said.contains("forever") && !said.contains("everything"), "{text}: {said}");
        }
        let error = serde_json::from_str::<Age>("5").unwrap_err().to_string();
        assert!(error.contains("age `5` has no unit"), "{error}");
    }

    #[test]
    fn units_read_short_and_long() {
        for (text, printed) in [
            ("1d", "1 day"),
            ("2 weeks", "2 weeks"),
            ("3 months", "3 months"),
            ("4min", "4 minutes"),
            ("5 ms", "5 milliseconds"),
        ] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn case_06_months_and_years_are_clamped() {
        let now = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let before = |age: Age, at: &str| age.before(now(at), Tz::UTC).unwrap().to_rfc3339();
        assert_eq!(before(months(1), "2026-03-31T12:00:00Z"), "2026-02-28T00:00:00+00:00");
        assert_eq!(before(years(1), "2024-02-29T12:00:00Z"), "2023-02-28T00:00:00+00:00");
    }

    #[test]
    fn case_07_the_day_is_the_zones_day() {
        let now: DateTime<Utc> = "2026-06-01T23:30:00Z".parse().unwrap();
        let utc = days(1).before(now, Tz::UTC).unwrap();
        let auckland = days(1).before(now, Tz::Pacific__Auckland).unwrap();
        assert_eq!(utc.to_rfc3339(), "2026-05-31T00:00:00+00:00");
        assert_eq!(
            auckland.to_rfc3339(),
            "2026-05-31T12:00:00+00:00",
            "1 June in Auckland begins on 31 May, 12:00 UTC"
        );
    }

    #[test]
    fn ages_below_a_day_are_elapsed_time() {
        let now: DateTime<Utc> = "2026-03-29T01:30:00Z".parse().unwrap();
        let before = hours(1).before(now, Tz::Europe__Berlin).unwrap();
        assert_eq!(now - before, TimeDelta::hours(1));
    }

    proptest! {
        #[test]
        fn case_09_parse_and_print_are_inverse(count in 1_u32.., unit in 0_usize..8) {
            let age = Age::new(count, UNITS[unit].0).unwrap();
            prop_assert_eq!(age.to_string().parse::<Age>().unwrap(), age);
        }

        #[test]
        fn case_06_the_cutoff_never_goes_back(count in 1_u32..4000, unit in 0_usize..8, a in 0_i64..4_000_000_000, gap in 0_i64..40_000_000) {
            let age = Age::new(count, UNITS[unit].0).unwrap();
            let at = |secs| DateTime::from_timestamp(secs, 0).unwrap();
            for zone in [Tz::UTC, Tz::Europe__Berlin, Tz::Pacific__Apia, Tz::Australia__Lord_Howe] {
                if let (Ok(early), Ok(late)) = (age.before(at(a), zone), age.before(at(a + gap), zone)) {
                    prop_assert!(early <= late);
                }
            }
        }
    }
}
