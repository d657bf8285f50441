//! A trigger with its zone and the rules for the clock's changes.

use std::iter;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};

use super::Exclusion;
use super::limits::{Jitter, Limits};
use crate::civil::{Zone, naive};
use crate::trigger::{Fire, Fold, Found, Gap, Trigger, WallClock};

/// How many fires a schedule may count to.
const MOST_COUNTED: u32 = 1_000_000;

/// A trigger in a zone: it knows all its fires.
///
/// ```
/// use clusterkeep_scheduler::{Cron, Schedule, Trigger};
/// let nightly = Schedule::new(Trigger::Cron(Cron::parse("30 3 * * *")?)).zone("America/New_York".parse()?);
/// let fires = nightly.upcoming("2014-01-15T00:00:00Z".parse().unwrap()).take(2);
/// let instants: Vec<_> = fires.map(|fire| fire.nominal.to_rfc3339()).collect();
/// assert_eq!(instants, ["2014-01-15T08:30:00+00:00", "2014-01-16T08:30:00+00:00"]);
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    trigger: Trigger,
    zone: Zone,
    gap: Option<Gap>,
    fold: Option<Fold>,
    limits: Option<Box<Limits>>,
}

impl Schedule {
    /// A schedule in UTC.
    #[must_use]
    pub fn new(trigger: Trigger) -> Self {
        Self { trigger, zone: Zone::utc(), gap: None, fold: None, limits: None }
    }

    /// Sets the zone whose civil time the trigger means.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Says what happens to civil times that do not come; else expressions for fixed times run after the gap, and those
    /// for intervals skip it.
    #[must_use]
    pub const fn gap(mut self, gap: Gap) -> Self {
        self.gap = Some(gap);
        self
    }

    /// Says what happens to civil times that come twice; else expressions for fixed times fire the first time, and those
    /// for intervals both times.
    #[must_use]
    pub const fn fold(mut self, fold: Fold) -> Self {
        self.fold = Some(fold);
        self
    }

    /// What makes it fire.
    #[must_use]
    pub const fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// The zone whose civil time the trigger means.
    #[must_use]
    pub const fn in_zone(&self) -> &Zone {
        &self.zone
    }

    /// What happens where the clock changes: what was set, or what goes without saying. `None` of what has no civil times,
    /// and of combinations, whose parts have rules of their own.
    #[must_use]
    pub fn policies(&self) -> Option<(Gap, Fold)> {
        self.trigger.policies(self.clock())
    }

    /// Fires from this instant on.
    #[must_use]
    pub fn starts(mut self, at: DateTime<Utc>) -> Self {
        self.limits_mut().starts = Some(at);
        self
    }

    /// Fires before this instant only.
    #[must_use]
    pub fn ends(mut self, at: DateTime<Utc>) -> Self {
        self.limits_mut().ends = Some(at);
        self
    }

    /// Does not fire at these times of its zone.
    #[must_use]
    pub fn except(mut self, exclusions: impl IntoIterator<Item = Exclusion>) -> Self {
        self.limits_mut().except.extend(exclusions);
        self
    }

    /// Moves each fire later, by less than `most` and to before the next one. How far depends on `name` and on the fire
    /// alone, so that it is the same wherever it is asked for.
    #[must_use]
    pub fn jitter(mut self, most: TimeDelta, name: &str) -> Self {
        self.limits_mut().jitter = Some(Jitter::of(most, name));
        self
    }

    /// Ends after so many fires, counted from its start.
    ///
    /// # Errors
    ///
    /// A schedule that has no start to count from, or whose fires depend on its runs; more than a million.
    pub fn count(self, count: u32) -> Result<Self> {
        let Some(starts) = self.limits.as_ref().and_then(|limits| limits.starts) else {
            return Err(Error::input("a count of fires needs a start to count from").with_hint("add `starts`"));
        };
        if count == 0 || count > MOST_COUNTED {
            return Err(Error::input(format!("a count of {count} fires is not between 1 and {MOST_COUNTED}")));
        }
        // Jitter moves no fire behind the next one, so that counting without it gives the same fires.
        let mut unmoved = self.clone();
        unmoved.limits_mut().jitter = None;
        let before = starts - TimeDelta::nanoseconds(1);
        let mut last = Some(before);
        for _ in 0..count {
            last = last.and_then(|last| unmoved.next_after(last));
        }
        Ok(match last {
            Some(last) => self.ends(last + TimeDelta::nanoseconds(1)),
            None => self,
        })
    }

    /// The first fire later than `after`; `None` where there is none.
    ///
    /// A fixed delay counts from `after`, which is when its last run has finished; what fires at startup has no instant
    /// that could be known.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<Fire> {
        let found = self.found(after)?;
        let offset = self.zone.spans().offset_at(found.at.timestamp());
        let fraction = TimeDelta::nanoseconds(i64::from(found.at.timestamp_subsec_nanos()));
        let civil = naive(found.at.timestamp() + offset) + fraction;
        Some(Fire { nominal: found.at, civil, note: found.note(self.clock()) })
    }

    /// The instant of the first fire later than `after`, without its civil time and note: the fast way.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.found(after).map(|found| found.at)
    }

    /// All fires later than `after`, in order.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = Fire> + '_ {
        iter::successors(self.next(after), |last| self.next(last.nominal))
    }

    fn found(&self, after: DateTime<Utc>) -> Option<Found> {
        match &self.limits {
            None => self.trigger.next(self.clock(), after),
            Some(limits) => limits.next(&self.trigger, self.clock(), after),
        }
    }

    fn clock(&self) -> WallClock<'_> {
        WallClock { spans: self.zone.spans(), gap: self.gap, fold: self.fold }
    }

    fn limits_mut(&mut self) -> &mut Limits {
        self.limits.get_or_insert_default()
    }
}
