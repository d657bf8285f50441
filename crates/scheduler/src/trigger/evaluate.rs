//! The next fire of any trigger, by the clock of a zone.

use chrono::{DateTime, TimeDelta, Utc};

use super::zoned::{self, CivilTimes, Match, Rules};
use super::{DstNote, Fold, Gap, Trigger};
use crate::civil::Spans;

/// How many candidates are looked at before triggers that must fire together count as never doing so.
const MOST_CANDIDATES: usize = 100_000;

/// The clock on the wall of a zone, and what to do where it changes.
#[derive(Clone, Copy)]
pub(crate) struct WallClock<'a> {
    pub(crate) spans: &'a Spans,
    pub(crate) gap: Option<Gap>,
    pub(crate) fold: Option<Fold>,
}

/// A fire, before anything is told about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) at: DateTime<Utc>,
    civil: Option<(Match, Rules)>,
}

impl Found {
    const fn at(at: DateTime<Utc>) -> Self {
        Self { at, civil: None }
    }

    /// The same, moved.
    pub(crate) const fn moved_to(self, at: DateTime<Utc>) -> Self {
        Self { at, ..self }
    }

    /// What a change of the clock did to it.
    pub(crate) fn note(&self, clock: WallClock<'_>) -> Option<DstNote> {
        self.civil.and_then(|(found, rules)| zoned::note(found, clock.spans, rules))
    }
}

impl Trigger {
    /// The first fire later than `after`.
    pub(crate) fn next(&self, clock: WallClock<'_>, after: DateTime<Utc>) -> Option<Found> {
        match self {
            Self::Cron(cron) => clock.next(cron, after),
            Self::Months(months) => clock.next(&months.within(clock.spans), after),
            #[cfg(feature = "rrule")]
            Self::Recurrence(rule) => clock.next(rule, after),
            Self::Rate(rate) => rate.next(after).map(Found::at),
            Self::Delay(delay) => after.checked_add_signed((*delay).max(TimeDelta::milliseconds(1))).map(Found::at),
            Self::Once(at) => Some(*at).filter(|at| *at > after).map(Found::at),
            Self::Startup | Self::Following => None,
            Self::Any(parts) => parts.iter().filter_map(|part| part.next(clock, after)).min_by_key(|found| found.at),
            Self::All(parts) => together(parts, clock, after),
        }
    }

    /// The rules for the clock's changes that it goes by, where it names civil times.
    pub(crate) fn policies(&self, clock: WallClock<'_>) -> Option<(Gap, Fold)> {
        let rules = match self {
            Self::Cron(cron) => Rules::of(cron, clock.gap, clock.fold),
            Self::Months(months) => Rules::of(&months.within(clock.spans), clock.gap, clock.fold),
            #[cfg(feature = "rrule")]
            Self::Recurrence(rule) => Rules::of(rule, clock.gap, clock.fold),
            _ => return None,
        };
        Some((rules.gap, rules.fold))
    }

    /// Whether its fires are known beforehand: those of a delay and at startup are not.
    #[must_use]
    pub fn is_nominal(&self) -> bool {
        match self {
            Self::Delay(_) | Self::Startup | Self::Following => false,
            Self::Any(parts) | Self::All(parts) => parts.iter().all(Self::is_nominal),
            _ => true,
        }
    }
}

impl WallClock<'_> {
    fn next(self, times: &impl CivilTimes, after: DateTime<Utc>) -> Option<Found> {
        let rules = Rules::of(times, self.gap, self.fold);
        let found = zoned::next(times, self.spans, rules, after.timestamp())?;
        Some(Found { at: DateTime::from_timestamp(found.instant, 0)?, civil: Some((found, rules)) })
    }
}

/// The first instant at which all of them fire.
fn together(parts: &[Trigger], clock: WallClock<'_>, mut after: DateTime<Utc>) -> Option<Found> {
    for _ in 0..MOST_CANDIDATES {
        let mut latest: Option<Found> = None;
        let mut all = true;
        for part in parts {
            let found = part.next(clock, after)?;
            all &= latest.is_none_or(|latest| latest.at == found.at);
            if latest.is_none_or(|latest| latest.at < found.at) {
                latest = Some(found);
            }
        }
        let latest = latest?;
        if all {
            return Some(latest);
        }
        // None of them fires with the others before the latest of these.
        after = latest.at - TimeDelta::nanoseconds(1);
    }
    None
}
