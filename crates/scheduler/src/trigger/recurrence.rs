//! Recurrence rules of iCalendar (RFC 5545), by the crate `rrule`.
//!
//! The rule sees civil time alone, as if it were UTC: zones, gaps and folds are treated like those of any other trigger. It
//! never reads the zone of the machine.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};
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
}

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
        let unread: RRule<Unvalidated> = parts.join(";").parse().map_err(|error| wrong(format!("{error}")))?;
        let follows_the_clock =
            matches!(unread.get_freq(), Frequency::Hourly | Frequency::Minutely | Frequency::Secondly);
        let start = from.and_utc().with_timezone(&Tz::UTC);
        let set = unread.build(start).map_err(|error| wrong(format!("{error}")))?.limit();
        let recurrence = Self { set: Arc::new(set), follows_the_clock };
        if recurrence.next_civil(i64::MIN).is_none() {
            return Err(wrong("it never fires".to_owned()).with_hint("no day has all that it asks for"));
        }
        Ok(recurrence)
    }
}

impl CivilTimes for Recurrence {
    fn next_civil(&self, after: i64) -> Option<i64> {
        self.set.into_iter().map(|civil: DateTime<Tz>| civil.timestamp()).find(|civil| *civil > after)
    }

    fn follows_the_clock(&self) -> bool {
        self.follows_the_clock
    }
}
