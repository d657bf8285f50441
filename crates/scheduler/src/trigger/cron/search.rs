//! The next civil time that an expression matches.

use super::super::zoned::CivilTimes;
use super::Cron;
use crate::civil::{DAY, Date};

/// The years that an expression can name.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=crate::civil::LAST_YEAR;

impl CivilTimes for Cron {
    fn next_civil(&self, after: i64) -> Option<i64> {
        self.search(after)
    }

    fn follows_the_clock(&self) -> bool {
        self.follows_the_clock
    }
}

impl Cron {
    /// The first match later than `after`, both in civil seconds; `None` where the years have run out.
    pub(super) fn search(&self, after: i64) -> Option<i64> {
        let from = after.saturating_add(1).max(0);
        let (day, second) = (from.div_euclid(DAY), from.rem_euclid(DAY));
        let mut date = Date::from_days(day);
        if !self.year_matches(date.year) {
            date = Date { year: self.next_year(date.year)?, month: 1, day: 1 };
        } else if self.months & (1 << date.month) != 0 {
            let days = self.days.of_month(date.year, date.month);
            if days & (1 << date.day) != 0
                && let Some(second) = self.time_from(u32::try_from(second).ok()?)
            {
                return Some(day * DAY + i64::from(second));
            }
            // Later in this month; the shift is done in 64 bits, since the 31st has no bit behind it in 32.
            let later = u64::from(days) & (u64::MAX << (date.day + 1));
            if later != 0 {
                let day = day - i64::from(date.day) + i64::from(later.trailing_zeros());
                return Some(day * DAY + i64::from(self.first_time()));
            }
            date = self.next_month(date)?;
        } else {
            date = self.next_month(date)?;
        }
        loop {
            if self.months & (1 << date.month) != 0 {
                let days = self.days.of_month(date.year, date.month);
                if days != 0 {
                    let first = Date { day: days.trailing_zeros(), ..date };
                    return Some(first.days() * DAY + i64::from(self.first_time()));
                }
            }
            date = self.next_month(date)?;
        }
    }

    /// The first day of the next month that the expression names.
    fn next_month(&self, date: Date) -> Option<Date> {
        let later = u32::from(self.months) & (u32::MAX << (date.month + 1));
        if later != 0 {
            return Some(Date { month: later.trailing_zeros(), day: 1, ..date });
        }
        Some(Date { year: self.next_year(date.year)?, month: u32::from(self.months).trailing_zeros(), day: 1 })
    }

    fn next_year(&self, year: i32) -> Option<i32> {
        (year + 1..=*YEARS.end()).find(|year| self.year_matches(*year))
    }

    pub(super) fn year_matches(&self, year: i32) -> bool {
        let Some(index) = usize::try_from(year - YEARS.start()).ok().filter(|_| YEARS.contains(&year)) else {
            return false;
        };
        self.years
            .as_ref()
            .is_none_or(|years| years.get(index / 64).is_some_and(|bits| bits & (1 << (index % 64)) != 0))
    }

    /// The first matching second of a day.
    const fn first_time(&self) -> u32 {
        self.hours.trailing_zeros() * 3600 + self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros()
    }

    /// The first matching second of a day, at or after `second` of it.
    const fn time_from(&self, second: u32) -> Option<u32> {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        if self.hours & (1 << hour) != 0 {
            if self.minutes & (1 << minute) != 0 {
                let seconds = self.seconds & (u64::MAX << second);
                if seconds != 0 {
                    return Some(hour * 3600 + minute * 60 + seconds.trailing_zeros());
                }
            }
            let minutes = self.minutes & (u64::MAX << (minute + 1));
            if minutes != 0 {
                return Some(hour * 3600 + minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros());
            }
        }
        let hours = self.hours & (u32::MAX << (hour + 1));
        if hours == 0 {
            return None;
        }
        Some(hours.trailing_zeros() * 3600 + self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros())
    }
}
