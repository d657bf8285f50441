//! The proleptic Gregorian calendar on plain integers: the search for a fire does nothing else, so it must be fast.

use chrono::{DateTime, NaiveDateTime};

/// Seconds in a civil day without a change of the clock.
pub(crate) const DAY: i64 = 86_400;

/// A civil date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Date {
    /// The date that is `days` after 1970-01-01.
    ///
    /// Years are counted from March, so that the leap day is the last one (Howard Hinnant's `civil_from_days`).
    pub(crate) const fn from_days(days: i64) -> Self {
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097) as u32;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era as i32 + era as i32 * 400 + (month <= 2) as i32;
        Self { year, month, day }
    }

    /// Days since 1970-01-01.
    pub(crate) const fn days(self) -> i64 {
        let year = (self.year - (self.month <= 2) as i32) as i64;
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let shifted = (self.month + 9) as i64 % 12;
        let of_year = (153 * shifted + 2) / 5 + self.day as i64 - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

/// The number of days of a month.
pub(crate) const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The day of the week of a day since 1970-01-01; Sunday is 0.
pub(crate) const fn weekday_of(days: i64) -> u32 {
    (days + 4).rem_euclid(7) as u32
}

/// Civil seconds as chrono's civil time.
pub(crate) fn naive(civil: i64) -> NaiveDateTime {
    DateTime::from_timestamp(civil, 0).unwrap_or_default().naive_utc()
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    #[test]
    fn dates_agree_with_chrono_from_1600_to_2400() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default();
        for days in -135_140..157_000 {
            let theirs = epoch + chrono::Duration::days(days);
            let ours = Date::from_days(days);
            assert_eq!((ours.year, ours.month, ours.day), (theirs.year(), theirs.month(), theirs.day()));
            assert_eq!(ours.days(), days);
            assert_eq!(weekday_of(days), theirs.weekday().num_days_from_sunday());
        }
    }
}
