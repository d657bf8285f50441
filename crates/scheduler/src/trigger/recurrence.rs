//! Recurrence rules of iCalendar (RFC 5545), by the crate `rrule`.
//!
//! The rule sees civil time alone, as if it were UTC: zones, gaps and folds are treated like those of any other trigger. It
//! never reads the zone of the machine.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Timelike};
use clusterkeep_core::{Error, Result};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};

use super::zoned::CivilTimes;

/// A recurrence rule with the civil time that it begins at.
///
/// A next fire costs what lies between the beginning and it: for what recurs by the second a cron expression is better.
///
/// ```
/// use clusterkeep_scheduler::{Recurrence, Schedule, Trigger};
/// let rule = Recurrence::parse("FREQ=MONTHLY;BYDAY=-1FR", "2026-01-01T18:00:00".parse().unwrap())?;
/// let monthly = Schedule::new(Trigger::Recurrence(rule)).zone("Europe/Vienna".parse()?);
/// let next = monthly.next_after("2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
/// assert_eq!(next.to_rfc3339(), "2026-06-26T16:00:00+00:00");
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    set: Arc<RRuleSet>,
    follows_the_clock: bool,
    steps: Option<Steps>,
}

/// Which of the times of the set count.
///
/// The crate goes astray where minutes or seconds are restricted by days or hours: it jumps over what it should find. So
/// such rules are read as hourly ones with all of their minutes and seconds, of which the interval takes some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    /// A second or a minute, in seconds.
    unit: i64,
    /// The first one, in civil units.
    from: i64,
    /// Units from one to the next.
    every: i64,
    /// How many there are.
    count: Option<u32>,
}

/// After so many times of the set that the interval does not take there is none that it does.
const MOST_BETWEEN: u32 = 500_000;

impl Recurrence {
    /// Reads a rule, with or without `RRULE:` in front; `UNTIL` is civil time, like `from`.
    ///
    /// # Errors
    ///
    /// A rule that can't be read, one that never fires, an `UNTIL` in UTC.
    pub fn parse(rule: &str, from: NaiveDateTime) -> Result<Self> {
        let wrong = |why: String| Error::input(format!("recurrence rule `{rule}`: {why}"));
        let text = rule.trim();
        let text = text.strip_prefix("RRULE:").unwrap_or(text);
        let mut parts = Vec::new();
        for part in text.split(';') {
            let until = part.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("UNTIL="));
            if until && part.ends_with(['Z', 'z']) {
                return Err(wrong(format!("`{part}` is in UTC"))
                    .with_hint("write it as civil time, without the `Z`; or say `ends:` beside the rule"));
            }
            let whole_day = until && !part.contains(['T', 't']);
            parts.push(match (until, whole_day) {
                // The crate would take civil time to be that of the machine's zone.
                (true, true) => format!("{part}T235959Z"),
                (true, false) => format!("{part}Z"),
                (false, _) => part.to_owned(),
            });
        }
        let steps = as_hourly(&mut parts, from)
            .map_err(|why| wrong(why.to_owned()).with_hint("leave it out, or write a cron expression with seconds"))?;
        let unread: RRule<Unvalidated> = parts.join(";").parse().map_err(|error| wrong(format!("{error}")))?;
        let follows_the_clock =
            matches!(unread.get_freq(), Frequency::Hourly | Frequency::Minutely | Frequency::Secondly);
        let start = from.and_utc().with_timezone(&Tz::UTC);
        let set = unread.build(start).map_err(|error| wrong(format!("{error}")))?.limit();
        let recurrence = Self { set: Arc::new(set), follows_the_clock, steps };
        if recurrence.next_civil(i64::MIN).is_none() {
            return Err(wrong("it never fires".to_owned()).with_hint("no day has all that it asks for"));
        }
        Ok(recurrence)
    }
}

/// What a rule says under this name.
fn value(parts: &[String], name: &str) -> Option<String> {
    let mut named = parts.iter().filter_map(|part| part.split_once('='));
    named.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// Makes a rule for minutes or seconds that restricts them an hourly one; gives which of its times count. Others stay.
fn as_hourly(parts: &mut Vec<String>, from: NaiveDateTime) -> Result<Option<Steps>, &'static str> {
    let unit = match value(parts, "FREQ").map(|freq| freq.to_ascii_uppercase()).as_deref() {
        Some("MINUTELY") => 60,
        Some("SECONDLY") => 1,
        _ => return Ok(None),
    };
    let restricts = |part: &String| part.trim_start().get(..2).is_some_and(|name| name.eq_ignore_ascii_case("BY"));
    if !parts.iter().any(restricts) {
        return Ok(None);
    }
    if value(parts, "BYSETPOS").is_some() {
        return Err("`BYSETPOS` has no meaning within a minute or a second");
    }
    // What is no number is for the crate to refuse.
    let number = |name: &str| value(parts, name).map(|text| text.parse::<u32>());
    let (interval, count) = match (number("INTERVAL").transpose(), number("COUNT").transpose()) {
        (Ok(interval), Ok(count)) => (interval.unwrap_or(1), count),
        _ => return Ok(None),
    };
    if interval == 0 {
        return Ok(None);
    }
    let all = |last: u32| (0..=last).map(|value| value.to_string()).collect::<Vec<_>>().join(",");
    let mut more = vec!["FREQ=HOURLY".to_owned()];
    if value(parts, "BYMINUTE").is_none() {
        more.push(format!("BYMINUTE={}", all(59)));
    }
    if value(parts, "BYSECOND").is_none() {
        let every = if unit == 1 { all(59) } else { from.second().to_string() };
        more.push(format!("BYSECOND={every}"));
    }
    parts.retain(|part| {
        let name = part.split('=').next().unwrap_or_default().trim();
        !["FREQ", "INTERVAL", "COUNT"].iter().any(|gone| name.eq_ignore_ascii_case(gone))
    });
    parts.extend(more);
    let from = from.and_utc().timestamp().div_euclid(unit);
    Ok(Some(Steps { unit, from, every: i64::from(interval), count }))
}

impl CivilTimes for Recurrence {
    fn next_civil(&self, after: i64) -> Option<i64> {
        let mut times = self.set.into_iter().map(|civil: DateTime<Tz>| civil.timestamp());
        let Some(Steps { unit, from, every, count }) = self.steps else { return times.find(|civil| *civil > after) };
        let (mut left, mut between) = (count.unwrap_or(u32::MAX), 0);
        for civil in times {
            if (civil.div_euclid(unit) - from) % every == 0 {
                left = left.checked_sub(1)?;
                between = 0;
                if civil > after {
                    return Some(civil);
                }
            } else {
                between += 1;
                if between == MOST_BETWEEN {
                    return None;
                }
            }
        }
        None
    }

    fn follows_the_clock(&self) -> bool {
        self.follows_the_clock
    }
}
