//! Every so many calendar months: an interval that has no fixed length.

use chrono::{DateTime, Utc};

use super::zoned::CivilTimes;
use crate::civil::{DAY, Date, Spans, days_in_month};

/// Every so many months of the calendar of the schedule's zone.
///
/// It fires at the time of day and on the day of the month of its anchor, and on the last day of months that are too short
/// for that: the 31st, then 28 February, then the 31st again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Months {
    every: u32,
    anchor: Option<i64>,
}

impl Months {
    /// Every so many months (0 is taken as 1) from January 1970 on, on the first at midnight.
    #[must_use]
    pub fn every(months: u32) -> Self {
        Self { every: months.max(1), anchor: None }
    }

    /// The same from `anchor` on, which is its first fire.
    #[must_use]
    pub const fn anchored(mut self, anchor: DateTime<Utc>) -> Self {
        self.anchor = Some(anchor.timestamp());
        self
    }

    /// The civil times of a zone.
    pub(super) fn within(self, spans: &Spans) -> CivilMonths {
        let first = self.anchor.map_or(0, |anchor| anchor + spans.offset_at(anchor));
        CivilMonths { first, every: i64::from(self.every) }
    }
}

/// Civil times that lie months apart.
pub(super) struct CivilMonths {
    first: i64,
    every: i64,
}

impl CivilMonths {
    /// The civil time that is so many intervals after the first.
    fn at(&self, count: i64) -> Option<i64> {
        let (first, time) = (Date::from_days(self.first.div_euclid(DAY)), self.first.rem_euclid(DAY));
        let month = index(first).checked_add(count.checked_mul(self.every)?)?;
        let year =
            i32::try_from(month.div_euclid(12)).ok().filter(|year| (..=crate::civil::LAST_YEAR).contains(year))?;
        let month = u32::try_from(month.rem_euclid(12)).ok()? + 1;
        let day = first.day.min(days_in_month(year, month));
        Some(Date { year, month, day }.days() * DAY + time)
    }
}

/// Months since the year 0.
fn index(date: Date) -> i64 {
    i64::from(date.year) * 12 + i64::from(date.month) - 1
}

impl CivilTimes for CivilMonths {
    fn next_civil(&self, after: i64) -> Option<i64> {
        if after < self.first {
            return Some(self.first);
        }
        let months = |civil: i64| index(Date::from_days(civil.div_euclid(DAY)));
        let count = (months(after) - months(self.first)) / self.every;
        // In the month of `after` it may be over already; the next one is later in any case.
        [count, count + 1].into_iter().filter_map(|count| self.at(count)).find(|civil| *civil > after)
    }

    fn follows_the_clock(&self) -> bool {
        false
    }
}
