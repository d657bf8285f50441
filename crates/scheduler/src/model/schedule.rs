//! A trigger with its zone and the rules for the clock's changes.

use std::iter;

use chrono::{DateTime, TimeDelta, Utc};

use crate::civil::{Zone, naive};
use crate::trigger::{self, Fire, Fold, Gap, Rules, Trigger};

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
}

impl Schedule {
    /// A schedule in UTC.
    #[must_use]
    pub fn new(trigger: Trigger) -> Self {
        Self { trigger, zone: Zone::utc(), gap: None, fold: None }
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

    /// The first fire later than `after`; `None` where there is none.
    ///
    /// A fixed delay counts from `after`, which is when its last run has finished; what fires at startup has no instant
    /// that could be known.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<Fire> {
        if let Trigger::Cron(cron) = &self.trigger {
            let (rules, spans) = (self.rules(cron), self.zone.spans());
            let found = trigger::next(cron, spans, rules, after.timestamp())?;
            let nominal = DateTime::from_timestamp(found.instant, 0)?;
            return Some(self.fire(nominal, trigger::note(found, spans, rules)));
        }
        Some(self.fire(self.next_after(after)?, None))
    }

    /// The instant of the first fire later than `after`, without its civil time and note: the fast way.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.trigger {
            Trigger::Cron(cron) => {
                let found = trigger::next(cron, self.zone.spans(), self.rules(cron), after.timestamp())?;
                DateTime::from_timestamp(found.instant, 0)
            }
            Trigger::Rate(rate) => rate.next(after),
            Trigger::Delay(delay) => after.checked_add_signed((*delay).max(TimeDelta::milliseconds(1))),
            Trigger::Once(at) => Some(*at).filter(|at| *at > after),
            Trigger::Startup => None,
        }
    }

    /// All fires later than `after`, in order.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = Fire> + '_ {
        iter::successors(self.next(after), |last| self.next(last.nominal))
    }

    fn rules(&self, cron: &trigger::Cron) -> Rules {
        let (gap, fold) = if cron.follows_the_clock() { (Gap::Skip, Fold::Both) } else { (Gap::RunAfter, Fold::First) };
        Rules { gap: self.gap.unwrap_or(gap), fold: self.fold.unwrap_or(fold) }
    }

    fn fire(&self, nominal: DateTime<Utc>, note: Option<trigger::DstNote>) -> Fire {
        let offset = self.zone.spans().offset_at(nominal.timestamp());
        let fraction = TimeDelta::nanoseconds(i64::from(nominal.timestamp_subsec_nanos()));
        Fire { nominal, civil: naive(nominal.timestamp() + offset) + fraction, note }
    }
}
