//! From the bounds of a partition to the instants that can be in it.
//!
//! What is not known for sure has no end, with the reason; nothing is taken to end earlier than it may.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::{self, Every};
use clusterkeep_core::sql::Value;

use super::bounds::{Bound, Limit};
use crate::observe::Unknown;
use crate::sql::TimeKind;

/// The instants that can be in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: Option<DateTime<Utc>>,
    /// The first instant after it, or why that is not known.
    pub(super) end: Result<DateTime<Utc>, Unknown>,
}

impl Extent {
    /// A partition that says nothing of its instants.
    pub(super) const fn unknown(why: Unknown) -> Self {
        Self { start: None, end: Err(why) }
    }
}

/// The smallest piece of time that a timestamp tells apart.
const TICK: TimeDelta = TimeDelta::microseconds(1);

/// What `bound` says of time, where the column of time is the first of the key.
pub(super) fn extent(bound: &Bound, kind: &TimeKind, width: Option<Every>) -> Extent {
    match bound {
        Bound::Default => Extent::unknown(Unknown::Default),
        Bound::Hash => Extent::unknown(Unknown::OtherKey),
        Bound::Range(from, to) => {
            Extent { start: from.first().and_then(|limit| start(limit, kind)), end: until(to, kind, width) }
        }
        Bound::List(values) => list(values, kind, width),
    }
}

/// The first instant at or after a lower limit; further columns of the key can only make it later.
fn start(limit: &Limit, kind: &TimeKind) -> Option<DateTime<Utc>> {
    match limit {
        Limit::Value(text) => kind.instant(&value(text, kind)?),
        Limit::Min | Limit::Max | Limit::Null => None,
    }
}

/// The first instant that can't lie below an upper limit.
fn until(to: &[Limit], kind: &TimeKind, width: Option<Every>) -> Result<DateTime<Utc>, Unknown> {
    let Some((Limit::Value(text), further)) = to.split_first() else { return Err(Unknown::Unbounded) };
    if is_infinite(text) {
        return Err(Unknown::Unbounded);
    }
    let value = value(text, kind).ok_or(Unknown::Form)?;
    // Rows that bear the very value are in it, too, unless the next column keeps them all out.
    let exact = further.first().is_none_or(|next| *next == Limit::Min);
    if exact { before(&value, kind) } else { after(&value, kind, width) }
}

/// Partitions by single values: each tells the start of a piece of time, and the policy says how long that is.
fn list(values: &[Limit], kind: &TimeKind, width: Option<Every>) -> Extent {
    if values.contains(&Limit::Null) {
        return Extent::unknown(Unknown::NullKey);
    }
    let mut whole: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
    for limit in values {
        let (start, end) = match piece(limit, kind, width) {
            Ok(piece) => piece,
            Err(why) => return Extent::unknown(why),
        };
        whole = Some(whole.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
    }
    match whole {
        Some((start, end)) => Extent { start: Some(start), end: Ok(end) },
        None => Extent::unknown(Unknown::Form),
    }
}

fn piece(limit: &Limit, kind: &TimeKind, width: Option<Every>) -> Result<(DateTime<Utc>, DateTime<Utc>), Unknown> {
    let Limit::Value(text) = limit else { return Err(Unknown::Form) };
    if is_infinite(text) {
        return Err(Unknown::Unbounded);
    }
    let start = value(text, kind).and_then(|value| kind.instant(&value)).ok_or(Unknown::Form)?;
    let zone = zone_of(kind);
    // A width that does not begin at the value would end before what the value stands for does.
    let width = width.filter(|width| width.start_of(zone, start) == start).ok_or(Unknown::Width)?;
    Ok((start, width.end_of(zone, start)))
}

/// The zone that values of the column are written in.
fn zone_of(kind: &TimeKind) -> Tz {
    match kind {
        TimeKind::Civil(zone) | TimeKind::Date(zone) => *zone,
        TimeKind::Text(format) | TimeKind::Digits(format) => format.zone,
        _ => Tz::UTC,
    }
}

/// The first instant that no value below `value` stands for.
fn before(value: &Value, kind: &TimeKind) -> Result<DateTime<Utc>, Unknown> {
    match (kind, value) {
        (TimeKind::Civil(zone), Value::DateTime(at)) => civil_end(*zone, *at),
        (TimeKind::Date(zone), Value::Date(date)) => civil_end(*zone, date.and_time(NaiveTime::MIN)),
        (kind, value) => kind.instant(value).ok_or(Unknown::Form),
    }
}

/// The first instant that neither `value` nor any below it stands for.
fn after(value: &Value, kind: &TimeKind, width: Option<Every>) -> Result<DateTime<Utc>, Unknown> {
    match (kind, value) {
        (TimeKind::Civil(zone), Value::DateTime(at)) => civil_end(*zone, *at + TICK),
        (TimeKind::Date(zone), Value::Date(date)) => {
            civil_end(*zone, date.succ_opt().ok_or(Unknown::Form)?.and_time(NaiveTime::MIN))
        }
        (TimeKind::Count(count), Value::Int(number)) => {
            number.checked_add(1).and_then(|next| count.instant(next)).ok_or(Unknown::Form)
        }
        (TimeKind::Text(_) | TimeKind::Digits(_), value) => {
            let start = kind.instant(value).ok_or(Unknown::Form)?;
            let zone = zone_of(kind);
            let width = width.filter(|width| width.start_of(zone, start) == start).ok_or(Unknown::Width)?;
            Ok(width.end_of(zone, start))
        }
        (kind, value) => kind.instant(value).and_then(|at| at.checked_add_signed(TICK)).ok_or(Unknown::Form),
    }
}

/// The first instant after all that civil times before `at` can mean: where the clocks go back, the later of two.
fn civil_end(zone: Tz, at: NaiveDateTime) -> Result<DateTime<Utc>, Unknown> {
    let last = at.checked_sub_signed(TICK).ok_or(Unknown::Form)?;
    let end = zone.from_local_datetime(&last).latest().map(|last| last.with_timezone(&Utc) + TICK);
    // A civil time that the clocks left out stands for the instant of the change.
    Ok(end.unwrap_or_else(|| civil::first_instant(zone, at)))
}

fn is_infinite(text: &str) -> bool {
    matches!(text, "infinity" | "-infinity")
}

/// A value of the column of time, as PostgreSQL writes it where dates are ISO's.
fn value(text: &str, kind: &TimeKind) -> Option<Value> {
    match kind {
        TimeKind::Instant => DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
            .ok()
            .map(|at| Value::Timestamp(at.with_timezone(&Utc))),
        TimeKind::Civil(_) => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(Value::DateTime),
        TimeKind::Date(_) => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Value::Date),
        TimeKind::Count(_) | TimeKind::Digits(_) => text.parse().ok().map(Value::Int),
        TimeKind::Text(_) => Some(Value::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Format, Meaning};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn read(text: &str, kind: &TimeKind, width: Option<Every>) -> Extent {
        extent(&Bound::read(text).unwrap(), kind, width)
    }

    fn known(start: &str, end: &str) -> Extent {
        Extent { start: Some(at(start)), end: Ok(at(end)) }
    }

    #[test]
    fn ranges_are_read_by_type() {
        let day = known("2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z");
        let cases = [
            ("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO ('2013-01-02 00:00:00+00')", TimeKind::Instant),
            ("FOR VALUES FROM ('2013-01-01 05:30:00+05:30') TO ('2013-01-01 20:00:00-04')", TimeKind::Instant),
            (
                "FOR VALUES FROM ('1356998400') TO ('1357084800')",
                TimeKind::Count(Meaning::EpochSeconds.count().unwrap()),
            ),
            ("FOR VALUES FROM ('2013-01-01 00:00:00') TO ('2013-01-02 00:00:00')", TimeKind::Civil(Tz::UTC)),
            ("FOR VALUES FROM ('2013-01-01') TO ('2013-01-02')", TimeKind::Date(Tz::UTC)),
            (
                "FOR VALUES FROM (20130101) TO (20130102)",
                TimeKind::Digits(Format { format: "%Y%m%d".into(), zone: Tz::UTC }),
            ),
        ];
        for (text, kind) in cases {
            assert_eq!(read(text, &kind, None), day, "{text}");
        }
    }

    #[test]
    fn case_03_what_has_no_known_end_says_why() {
        let instant = TimeKind::Instant;
        let cases = [
            ("DEFAULT", Unknown::Default),
            ("FOR VALUES WITH (modulus 2, remainder 1)", Unknown::OtherKey),
            ("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO (MAXVALUE)", Unknown::Unbounded),
            ("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO ('infinity')", Unknown::Unbounded),
            ("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO ('0044-03-15 00:00:00+00 BC')", Unknown::Form),
            ("FOR VALUES FROM ('01.01.2013 00:00:00 UTC') TO ('02.01.2013 00:00:00 UTC')", Unknown::Form),
            ("FOR VALUES IN ('2013-01-01 00:00:00+00', NULL)", Unknown::NullKey),
            ("FOR VALUES IN ('2013-01-01 00:00:00+00')", Unknown::Width),
            ("FOR VALUES IN ('infinity')", Unknown::Unbounded),
        ];
        for (text, why) in cases {
            assert_eq!(read(text, &instant, None).end, Err(why), "{text}");
        }
        let digits = TimeKind::Digits(Format { format: "%Y%m".into(), zone: Tz::UTC });
        assert_eq!(read("FOR VALUES FROM (202612) TO (202613)", &digits, None).end, Err(Unknown::Form), "no month");
    }

    #[test]
    fn a_value_lasts_as_long_as_the_policy_says() {
        let date = TimeKind::Date(Tz::Europe__Berlin);
        let text = "FOR VALUES IN ('2026-03-29', '2026-03-01')";
        assert_eq!(read(text, &date, Some(Every::Day)), known("2026-02-28T23:00:00Z", "2026-03-29T22:00:00Z"));
        assert_eq!(read(text, &date, Some(Every::Month)).end, Err(Unknown::Width), "the 29th begins no month");
        assert_eq!(read(text, &date, None).end, Err(Unknown::Width));
    }

    #[test]
    fn further_columns_of_a_key_let_the_bound_itself_in() {
        let end = |to: &str, kind: &TimeKind| read(to, kind, None).end.unwrap();
        let date = TimeKind::Date(Tz::UTC);
        let exact = end("FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-02-01', MINVALUE)", &date);
        assert_eq!(exact, at("2026-02-01T00:00:00Z"));
        for further in ["5", "MAXVALUE", "''"] {
            let text = format!("FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-02-01', {further})");
            assert_eq!(end(&text, &date), at("2026-02-02T00:00:00Z"), "{further}");
        }
        let seconds = TimeKind::Count(Meaning::EpochSeconds.count().unwrap());
        assert_eq!(end("FOR VALUES FROM (0, 0) TO (60, 1)", &seconds), at("1970-01-01T00:01:01Z"));
        let tick = end("FOR VALUES FROM (MINVALUE, 0) TO ('2026-01-01 00:00:00+00', 1)", &TimeKind::Instant);
        assert_eq!(tick, at("2026-01-01T00:00:00.000001Z"));
    }

    #[test]
    fn a_bound_within_an_hour_that_comes_twice_ends_after_the_second() {
        let berlin = TimeKind::Civil(Tz::Europe__Berlin);
        let end = |text: &str| read(&format!("FOR VALUES FROM (MINVALUE) TO ('{text}')"), &berlin, None).end.unwrap();
        assert_eq!(end("2026-10-25 02:30:00"), at("2026-10-25T01:30:00Z"));
        assert_eq!(end("2026-10-25 02:00:00"), at("2026-10-25T00:00:00Z"), "nothing before it comes twice");
        assert_eq!(end("2026-03-29 02:30:00"), at("2026-03-29T01:00:00Z"), "never shown: the change");
        assert_eq!(end("2026-03-30 00:00:00"), at("2026-03-29T22:00:00Z"));
    }
}
