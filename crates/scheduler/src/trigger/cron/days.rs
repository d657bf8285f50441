//! Which days of a month an expression matches, as bits 1 to 31.

use crate::civil::{Date, days_in_month, weekday_of};

/// The two day fields together.
///
/// Days of the week are bits 0 (Sunday) to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// Days of the month, bits 1 to 31.
    pub(super) of_month: u32,
    /// `L-n`: bit n is the day n before the last one.
    pub(super) from_last: u32,
    /// `nW`: the weekday nearest to day n.
    pub(super) nearest: u32,
    /// Days of the week.
    pub(super) of_week: u8,
    /// `d#n`: days of the week, by their number in the month.
    pub(super) nth: [u8; 5],
    /// `dL`: the last such day of the week in the month.
    pub(super) last: u8,
    /// `LW`: the last weekday of the month.
    pub(super) last_weekday: bool,
    /// Either field is enough; else both must match.
    pub(super) either: bool,
}

impl Days {
    /// A month without restriction.
    pub(super) const EMPTY: Self = Self {
        of_month: 0,
        from_last: 0,
        nearest: 0,
        of_week: 0,
        nth: [0; 5],
        last: 0,
        last_weekday: false,
        either: false,
    };

    /// The matching days of a month.
    pub(super) fn of_month(&self, year: i32, month: u32) -> u32 {
        let length = days_in_month(year, month);
        // Most expressions restrict no day by its weekday: then it need not be known which one the month begins with.
        if self.of_week == 0x7f && !self.either && self.from_last | self.nearest == 0 && !self.last_weekday {
            return self.of_month & (u32::MAX >> (31 - length)) & !1;
        }
        let first = weekday_of(Date { year, month, day: 1 }.days());
        let valid = (u32::MAX >> (31 - length)) & !1;
        let by_month = self.by_month(length, first);
        let by_week = self.by_week(length, first);
        let days = if self.either { by_month | by_week } else { by_month & by_week };
        days & valid
    }

    fn by_month(&self, length: u32, first: u32) -> u32 {
        let mut days = self.of_month;
        if self.from_last | self.nearest == 0 && !self.last_weekday {
            return days;
        }
        let last = length - 1;
        for before in bits(self.from_last) {
            if before <= last {
                days |= 1 << (length - before);
            }
        }
        for day in bits(self.nearest) {
            if day <= length {
                days |= 1 << nearest_weekday(day, length, first);
            }
        }
        if self.last_weekday {
            days |= 1 << nearest_weekday(length, length, first);
        }
        days
    }

    fn by_week(&self, length: u32, first: u32) -> u32 {
        let mut days = every_week(self.of_week, first);
        if self.last != 0 {
            days |= every_week(self.last, first) & (0x7f << (length - 6));
        }
        for (week, weekdays) in (0_u32..).zip(self.nth) {
            if weekdays != 0 {
                days |= turned(weekdays, first).checked_shl(7 * week + 1).unwrap_or(0);
            }
        }
        days
    }
}

/// Days of the week, turned so that bit 0 is the one that the month begins with.
const fn turned(weekdays: u8, first: u32) -> u32 {
    let twice = weekdays as u32 | (weekdays as u32) << 7;
    (twice >> first) & 0x7f
}

/// Days of the week over a whole month: one pattern of seven bits, multiplied to five.
const fn every_week(weekdays: u8, first: u32) -> u32 {
    let pattern = turned(weekdays, first) as u64;
    // Bits above 31 belong to days that no month has.
    ((pattern * 0x1020_4081) << 1) as u32
}

/// The day from Monday to Friday that is nearest to `day` without leaving the month.
const fn nearest_weekday(day: u32, length: u32, first: u32) -> u32 {
    match (first + day - 1) % 7 {
        6 if day == 1 => 3,
        6 => day - 1,
        0 if day == length => day - 2,
        0 => day + 1,
        _ => day,
    }
}

/// The bits that are set, from the lowest on.
pub(super) fn bits(mut mask: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        Some(lowest)
    })
}
