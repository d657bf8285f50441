//! How much time a partition holds whose key is the start of it.
//!
//! Pure arithmetic on keys: what a key means as an instant is settled elsewhere.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::Every;

use super::expression::{Argument, Call};

/// How much time a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// A civil unit of a zone.
    Civil(Every, Tz),
    /// Three calendar months of a zone.
    Quarter(Tz),
    /// So much elapsed time, counted from an instant.
    Fixed(TimeDelta, DateTime<Utc>),
}

impl Width {
    /// The width of the values of `date_trunc` and `date_bin`; `None` for everything else.
    ///
    /// A zone only makes sense for a column of instants.
    pub(super) fn of(call: &Call, instants: bool) -> Option<Self> {
        use Argument::{Column, Number, Text};
        match (call.function.as_str(), call.arguments.as_slice()) {
            ("date_trunc", [Text(unit), Column(_)]) => Self::of_unit(unit, Tz::UTC),
            ("date_trunc", [Text(unit), Text(zone), Column(_)]) if instants => Self::of_unit(unit, zone.parse().ok()?),
            ("date_bin", [Text(length), Column(_), Number(origin)]) => {
                let length = interval(length).filter(|length| *length > TimeDelta::zero())?;
                Some(Self::Fixed(length, DateTime::from_timestamp_millis(*origin)?))
            }
            _ => None,
        }
    }

    fn of_unit(unit: &str, zone: Tz) -> Option<Self> {
        Some(match unit {
            "second" => Self::Fixed(TimeDelta::seconds(1), DateTime::UNIX_EPOCH),
            "minute" => Self::Civil(Every::Minutes(1), zone),
            "hour" => Self::Civil(Every::Hours(1), zone),
            "day" => Self::Civil(Every::Day, zone),
            "week" => Self::Civil(Every::Week, zone),
            "month" => Self::Civil(Every::Month, zone),
            "quarter" => Self::Quarter(zone),
            "year" => Self::Civil(Every::Year, zone),
            _ => return None,
        })
    }

    /// The first instant after what begins at `start`; `None` where nothing of this width begins there.
    pub(super) fn end_of(self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Civil(every, zone) => (every.start_of(zone, start) == start).then(|| every.end_of(zone, start)),
            Self::Quarter(zone) => {
                let first = Every::Month.start_of(zone, start) == start
                    && start.with_timezone(&zone).month0().is_multiple_of(3);
                first.then(|| (0..3).fold(start, |at, _| Every::Month.end_of(zone, at)))
            }
            Self::Fixed(length, origin) => {
                let (length, since) = (length.num_milliseconds(), (start - origin).num_milliseconds());
                (since.rem_euclid(length) == 0).then(|| start + TimeDelta::milliseconds(length))
            }
        }
    }
}

/// The zones whose clocks show UTC in summer, and are set back from it in autumn.
const AT_UTC_IN_SUMMER: [Tz; 2] = [Tz::Atlantic__Azores, Tz::America__Scoresbysund];

/// The first instant that can't be in a partition any more that begins at `start` and is `every` long.
///
/// Where the `zone` of the width is not known, or `start` is none in it, the longest that it can be is taken, so that
/// nothing ends too early.
pub(super) fn end_of_stated(every: Every, zone: Option<Tz>, start: DateTime<Utc>) -> DateTime<Utc> {
    let begins_in = |zone: Tz| every.start_of(zone, start) == start;
    match zone {
        Some(zone) if begins_in(zone) => return every.end_of(zone, start),
        // What begins at UTC may be of a zone that is there in summer alone, and such a day may be longer.
        None if begins_in(Tz::UTC) => {
            let others = AT_UTC_IN_SUMMER.into_iter().filter(|other| begins_in(*other));
            return others.fold(every.end_of(Tz::UTC, start), |end, other| end.max(every.end_of(other, start)));
        }
        _ => {}
    }
    // Clocks are set back by an hour at the most, and by an hour each day at the most.
    let change = TimeDelta::hours(1);
    start
        + match every {
            Every::Minutes(n) => TimeDelta::minutes(n.into()),
            Every::Hours(n) => TimeDelta::hours(n.into()) + change,
            Every::Day => TimeDelta::days(1) + change,
            Every::Week => TimeDelta::days(7) + change,
            Every::Month => TimeDelta::days(31) + change,
            Every::Year => TimeDelta::days(366) + change,
        }
}

/// An interval of ISO 8601 without months and years, whose length is known: `P7D`, `PT6H`, `P1DT12H30M`.
fn interval(text: &str) -> Option<TimeDelta> {
    let text = text.strip_prefix('P')?;
    let (days, times) = text.split_once('T').unwrap_or((text, ""));
    let days = parts(days, &[('W', 604_800_000), ('D', 86_400_000)])?;
    let times = parts(times, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?;
    TimeDelta::try_milliseconds(days.checked_add(times)?)
}

/// Numbers with units, each at most once and in order; in milliseconds.
fn parts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut sum = 0_i64;
    for (unit, millis) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        if *unit == 'S' && number.contains('.') {
            let (seconds, fraction) = number.split_once('.')?;
            let fraction = fraction.trim_end_matches('0');
            if fraction.len() > 3 || fraction.starts_with(['-', '+']) {
                return None;
            }
            sum = sum.checked_add(seconds.parse::<i64>().ok()?.checked_mul(1_000)?)?;
            sum = sum.checked_add(format!("{fraction:0<3}").parse().ok()?)?;
        } else {
            sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        }
        text = rest;
    }
    text.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(expression: &str, start: &str) -> Option<String> {
        let width = Width::of(&Call::read(expression)?, true)?;
        let end = width.end_of(start.parse().unwrap())?;
        Some(end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }

    #[test]
    fn each_unit_ends_where_its_next_begins() {
        let cases = [
            ("date_trunc('second', ts)", "2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z"),
            ("date_trunc('minute', ts)", "2024-01-31T23:59:00Z", "2024-02-01T00:00:00Z"),
            ("date_trunc('hour', ts)", "2024-01-31T23:00:00Z", "2024-02-01T00:00:00Z"),
            ("date_trunc('day', ts)", "2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("date_trunc('week', ts)", "2024-01-29T00:00:00Z", "2024-02-05T00:00:00Z"),
            ("date_trunc('month', ts)", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("date_trunc('quarter', ts)", "2024-10-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("date_trunc('year', ts)", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("date_trunc('day', 'Europe/Berlin', ts)", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("date_bin('P7D'::interval, ts, 1578268800000::bigint)", "2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z"),
            ("date_bin('PT6H'::interval, ts, 0::bigint)", "2024-01-01T18:00:00Z", "2024-01-02T00:00:00Z"),
        ];
        for (expression, start, wanted) in cases {
            assert_eq!(end(expression, start).as_deref(), Some(wanted), "{expression}");
        }
    }

    #[test]
    fn what_does_not_begin_there_has_no_end() {
        assert_eq!(end("date_trunc('day', ts)", "2024-01-01T01:00:00Z"), None);
        assert_eq!(end("date_trunc('quarter', ts)", "2024-02-01T00:00:00Z"), None);
        assert_eq!(end("date_bin('P7D'::interval, ts, 0::bigint)", "2024-01-02T00:00:00Z"), None);
    }

    #[test]
    fn what_has_no_length_is_not_guessed() {
        for expression in [
            "date_bin('P1M'::interval, ts, 0::bigint)",
            "date_bin('P0D'::interval, ts, 0::bigint)",
            "date_trunc('day', '+01:00', ts)",
            "date_trunc('decade', ts)",
            "date_format('%Y-%m', ts)",
        ] {
            assert_eq!(Width::of(&Call::read(expression).unwrap(), true), None, "{expression}");
        }
        let civil = Call::read("date_trunc('day', 'Europe/Berlin', ts)").unwrap();
        assert_eq!(Width::of(&civil, false), None, "a zone of a column without one");
        assert_eq!(interval("P1DT12H30M0.5S"), TimeDelta::try_milliseconds(131_400_500));
        assert_eq!(interval("P1D1W"), None);
    }

    #[test]
    fn a_stated_width_never_ends_too_early() {
        let end = |every, start: &str| {
            end_of_stated(every, None, start.parse().unwrap()).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        };
        assert_eq!(end(Every::Month, "2023-05-01T00:00:00Z"), "2023-06-01T00:00:00Z");
        // The day in Berlin when clocks are set back ends 25 hours after it began.
        assert_eq!(end(Every::Day, "2026-10-24T22:00:00Z"), "2026-10-25T23:00:00Z");
        assert_eq!(end(Every::Month, "2026-09-30T22:00:00Z"), "2026-10-31T23:00:00Z");
        // In the Azores it begins when it does at UTC, and ends an hour later.
        assert_eq!(end(Every::Day, "2026-10-24T00:00:00Z"), "2026-10-25T00:00:00Z");
        assert_eq!(end(Every::Day, "2026-10-25T00:00:00Z"), "2026-10-26T01:00:00Z");
        let known = end_of_stated(Every::Month, Some(Tz::UTC), "2026-10-01T00:00:00Z".parse().unwrap());
        assert_eq!(known.to_string(), "2026-11-01 00:00:00 UTC");
    }
}
