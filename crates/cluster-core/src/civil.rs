//! Civil time: days, months and other buckets of a zone, and the instants that they begin at.
//!
//! Buckets are half-open and cover time without gap or overlap, also on the days when clocks change.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::age::Unit;
use crate::error::{Error, Result};

/// Reads the name of a zone.
///
/// # Errors
///
/// A name that the bundled zone database does not know.
pub fn zone(name: &str) -> Result<Tz> {
    name.parse().map_err(|_| {
        Error::input(format!("`{name}` is no known time zone"))
            .with_hint("write a name of the IANA database, such as `America/New_York` or `UTC`")
    })
}

/// The seconds that clocks in `zone` are ahead of UTC at `instant`.
fn offset(zone: Tz, instant: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
}

/// The first instant at which a clock in `zone` shows `civil` or later.
///
/// Where that time comes twice it is the first of both, where it is skipped the instant of the change.
///
/// ```
/// use clusterkeep_core::civil::first_instant;
/// let skipped = "2026-03-08T02:30:00".parse().unwrap();
/// let change = first_instant(chrono_tz::America::New_York, skipped);
/// assert_eq!(change.to_rfc3339(), "2026-03-08T07:00:00+00:00");
/// ```
#[must_use]
pub fn first_instant(zone: Tz, civil: NaiveDateTime) -> DateTime<Utc> {
    if let Some(instant) = zone.from_local_datetime(&civil).earliest() {
        return instant.with_timezone(&Utc);
    }
    // Offsets are less than a day: a day before and a day after lie on either side of the change.
    let around = civil.and_utc();
    change_between(zone, around - TimeDelta::days(1), around + TimeDelta::days(1))
}

/// The first second from which the offset differs from that at `before`; `after` lies beyond it.
fn change_between(zone: Tz, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let old = offset(zone, before);
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match DateTime::from_timestamp(middle, 0) {
            Some(instant) if offset(zone, instant) == old => low = middle,
            _ => high = middle,
        }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(after)
}

/// The width of a bucket: a civil unit, or an equal part of an hour or a day.
///
/// Read from text as `hour`, `day`, `week` (from Monday), `month`, `year`, `15 min` or `6 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Every {
    /// A number of minutes that divides 60; hours that come twice are buckets of their own.
    Minutes(u32),
    /// A number of hours that divides 24, counted from midnight.
    Hours(u32),
    /// A civil day.
    Day,
    /// A civil week, from Monday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Every {
    /// The start of the bucket that holds `instant`.
    #[must_use]
    pub fn start_of(self, zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
        if let Some(seconds) = self.seconds_within_hour() {
            let ahead = i64::from(offset(zone, instant));
            let civil = instant.timestamp() + ahead;
            let start = civil - civil.rem_euclid(seconds) - ahead;
            let Some(start) = DateTime::from_timestamp(start, 0) else { return instant };
            // Where the clocks changed since, the bucket begins at the change.
            return if offset(zone, start) == offset(zone, instant) {
                start
            } else {
                change_between(zone, start, instant + TimeDelta::seconds(1))
            };
        }
        let civil = instant.with_timezone(&zone).naive_local();
        let start = first_instant(zone, self.civil_start(civil));
        // After a day that was left out, the bucket's civil start may lie ahead of the instant's own.
        if start <= instant { start } else { first_instant(zone, self.civil_start(civil - TimeDelta::days(1))) }
    }

    /// The end of the bucket that begins at `start`: the start of the next one.
    #[must_use]
    pub fn end_of(self, zone: Tz, start: DateTime<Utc>) -> DateTime<Utc> {
        if let Some(seconds) = self.seconds_within_hour() {
            let civil = start.timestamp() + i64::from(offset(zone, start));
            let end = start + TimeDelta::seconds(seconds - civil.rem_euclid(seconds));
            let last = end - TimeDelta::seconds(1);
            return if offset(zone, last) == offset(zone, start) { end } else { change_between(zone, start, last) };
        }
        let mut civil = self.civil_start(start.with_timezone(&zone).naive_local());
        loop {
            civil = self.next_civil(civil);
            let end = first_instant(zone, civil);
            // A civil day that a zone left out begins where the next one does.
            if end > start {
                return end;
            }
        }
    }

    /// The starts of all buckets that overlap `[from, until)`, then the end of the last: empty where the span is.
    #[must_use]
    pub fn boundaries(self, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut boundaries = Vec::new();
        if from < until {
            let mut at = self.start_of(zone, from);
            boundaries.push(at);
            while at < until {
                at = self.end_of(zone, at);
                boundaries.push(at);
            }
        }
        boundaries
    }

    /// Whether each bucket of `coarser` is made of whole buckets of this width, in every zone.
    #[must_use]
    pub const fn divides(self, coarser: Self) -> bool {
        match (self, coarser) {
            (Self::Minutes(fine), Self::Minutes(coarse)) | (Self::Hours(fine), Self::Hours(coarse)) => {
                coarse > fine && coarse % fine == 0
            }
            (Self::Minutes(_), _)
            | (Self::Hours(_), Self::Day | Self::Week | Self::Month | Self::Year)
            | (Self::Day, Self::Week | Self::Month | Self::Year)
            | (Self::Month, Self::Year) => true,
            _ => false,
        }
    }

    /// The length to estimate with.
    #[must_use]
    pub fn approximate(self) -> std::time::Duration {
        let (count, unit) = match self {
            Self::Minutes(n) => (n, Unit::Minute),
            Self::Hours(n) => (n, Unit::Hour),
            Self::Day => (1, Unit::Day),
            Self::Week => (1, Unit::Week),
            Self::Month => (1, Unit::Month),
            Self::Year => (1, Unit::Year),
        };
        crate::age::Age::new(count, unit).map_or(std::time::Duration::ZERO, crate::age::Age::approximate)
    }

    const fn seconds_within_hour(self) -> Option<i64> {
        match self {
            Self::Minutes(n) => Some(60 * n as i64),
            Self::Hours(1) => Some(3600),
            _ => None,
        }
    }

    fn civil_start(self, civil: NaiveDateTime) -> NaiveDateTime {
        let date = civil.date();
        let first = |year, month| NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(date);
        match self {
            Self::Minutes(_) => civil,
            Self::Hours(n) => {
                let hour = chrono::Timelike::hour(&civil.time());
                date.and_time(NaiveTime::from_hms_opt(hour - hour % n, 0, 0).unwrap_or_default())
            }
            Self::Day => date.into(),
            Self::Week => (date - Days::new(u64::from(date.weekday().num_days_from_monday()))).into(),
            Self::Month => first(date.year(), date.month()).into(),
            Self::Year => first(date.year(), 1).into(),
        }
    }

    fn next_civil(self, start: NaiveDateTime) -> NaiveDateTime {
        let next = match self {
            Self::Minutes(n) => start.checked_add_signed(TimeDelta::minutes(i64::from(n))),
            Self::Hours(n) => start.checked_add_signed(TimeDelta::hours(i64::from(n))),
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Year => start.checked_add_months(Months::new(12)),
        };
        next.unwrap_or(NaiveDateTime::MAX)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minutes(n) => write!(f, "{n} min"),
            Self::Hours(1) => f.write_str("hour"),
            Self::Hours(n) => write!(f, "{n} h"),
            Self::Day => f.write_str("day"),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
            Self::Year => f.write_str("year"),
        }
    }
}

impl FromStr for Every {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        match trimmed {
            "minute" => return Ok(Self::Minutes(1)),
            "hour" => return Ok(Self::Hours(1)),
            "day" => return Ok(Self::Day),
            "week" => return Ok(Self::Week),
            "month" => return Ok(Self::Month),
            "year" => return Ok(Self::Year),
            _ => {}
        }
        let age: crate::age::Age = trimmed.parse().map_err(|_| {
            Error::input(format!("`{trimmed}` is no width of a bucket"))
                .with_hint("write `hour`, `day`, `week`, `month`, `year`, or a part such as `15 min` or `6 h`")
        })?;
        match (age.count(), age.unit()) {
            (n, Unit::Minute) if n < 60 && 60 % n == 0 => Ok(Self::Minutes(n)),
            (60, Unit::Minute) => Ok(Self::Hours(1)),
            (n, Unit::Hour) if n < 24 && 24 % n == 0 => Ok(Self::Hours(n)),
            (1, Unit::Day) | (24, Unit::Hour) => Ok(Self::Day),
            (1, Unit::Week) => Ok(Self::Week),
            (1, Unit::Month) => Ok(Self::Month),
            (1, Unit::Year) => Ok(Self::Year),
            _ => Err(Error::input(format!("`{trimmed}` does not divide an hour or a day evenly"))
                .with_hint("minutes must divide 60 and hours 24; above that `day`, `week`, `month` and `year`")),
        }
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(crate::error::custom)
    }
}

impl schemars::JsonSchema for Every {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Every".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "`hour`, `day`, `week`, `month`, `year`, or a part such as `15 min` or `6 h`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Australia, Europe, Pacific};
    use proptest::prelude::*;

    fn hours_of_day(zone: Tz, day: &str) -> usize {
        let date: NaiveDate = day.parse().unwrap();
        let (start, end) = (first_instant(zone, date.into()), first_instant(zone, (date + Days::new(1)).into()));
        Every::Hours(1).boundaries(zone, start, end).len() - 1
    }

    #[test]
    fn case_39_days_have_23_and_25_hours_when_clocks_change() {
        assert_eq!(hours_of_day(Europe::Berlin, "2026-03-29"), 23);
        assert_eq!(hours_of_day(Europe::Berlin, "2026-10-25"), 25);
        assert_eq!(hours_of_day(America::New_York, "2013-03-10"), 23);
        assert_eq!(hours_of_day(America::New_York, "2013-11-03"), 25);
        assert_eq!(hours_of_day(America::New_York, "2013-07-01"), 24);
    }

    #[test]
    fn a_day_without_midnight_begins_at_the_change() {
        let start = first_instant(Tz::America__Sao_Paulo, "2017-10-15T00:00:00".parse().unwrap());
        assert_eq!(start.to_rfc3339(), "2017-10-15T03:00:00+00:00");
        assert_eq!(Every::Day.start_of(Tz::America__Sao_Paulo, start), start);
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_no_bucket() {
        let from = "2011-12-29T12:00:00Z".parse().unwrap();
        let until = "2012-01-01T12:00:00Z".parse().unwrap();
        let days = Every::Day.boundaries(Pacific::Apia, from, until);
        assert!(days.windows(2).all(|pair| pair[0] < pair[1]), "{days:?}");
        let local: Vec<_> = days.iter().map(|at| at.with_timezone(&Pacific::Apia).date_naive().to_string()).collect();
        assert_eq!(local, ["2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02", "2012-01-03"][..local.len()]);
    }

    #[test]
    fn widths_that_do_not_divide_are_refused() {
        for text in ["7 min", "5 h", "2 days", "0 min", "fortnight", "90 min"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
        assert_eq!("60 min".parse::<Every>().unwrap(), Every::Hours(1));
    }

    fn zones() -> impl Strategy<Value = Tz> {
        prop::sample::select(vec![
            Tz::UTC,
            Europe::Berlin,
            America::New_York,
            Australia::Lord_Howe,
            Pacific::Apia,
            Tz::Asia__Kolkata,
            Tz::America__Sao_Paulo,
            Tz::Africa__Casablanca,
        ])
    }

    fn widths() -> impl Strategy<Value = Every> {
        prop::sample::select(vec![
            Every::Minutes(15),
            Every::Hours(1),
            Every::Hours(6),
            Every::Day,
            Every::Week,
            Every::Month,
            Every::Year,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn case_33_every_instant_is_in_exactly_one_bucket(
            zone in zones(), every in widths(), secs in -3_000_000_000_i64..4_100_000_000,
        ) {
            let at = DateTime::from_timestamp(secs, 0).unwrap();
            let start = every.start_of(zone, at);
            let end = every.end_of(zone, start);
            prop_assert!(start <= at && at < end, "{start} <= {at} < {end}");
            prop_assert_eq!(every.start_of(zone, start), start, "a start is in its own bucket");
            prop_assert_eq!(every.start_of(zone, end), end, "an end is the next bucket's start");
            let last = end - TimeDelta::seconds(1);
            prop_assert_eq!(every.start_of(zone, last), start, "the last second is still inside");
        }

        #[test]
        fn the_first_instant_shows_the_civil_time_or_later(zone in zones(), secs in -3_000_000_000_i64..4_100_000_000) {
            let civil = DateTime::from_timestamp(secs, 0).unwrap().naive_utc();
            let first = first_instant(zone, civil);
            prop_assert!(first.with_timezone(&zone).naive_local() >= civil);
            let before = first - TimeDelta::seconds(1);
            prop_assert!(before.with_timezone(&zone).naive_local() < civil);
        }
    }
}
