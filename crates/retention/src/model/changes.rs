//! Where zones change their clocks, and whether buckets that are cut in one zone fit what is cut in another.
//!
//! Between two changes the pattern of boundaries repeats itself, so that only those near a change are looked at.

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::Every;

/// The years that are looked at: 1970 until 2050, in seconds since 1970.
const YEARS: std::ops::Range<i64> = 0..2_524_608_000;
const DAY: i64 = 86_400;

/// The seconds that clocks of a zone are ahead.
fn ahead(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The boundaries of `every` in `zone` that lie near a change of clocks in that zone or in `other`, from 1970 to 2050.
pub(crate) fn boundaries_near_changes(every: Every, zone: Tz, other: Tz) -> impl Iterator<Item = DateTime<Utc>> {
    let width = TimeDelta::from_std(every.approximate()).unwrap_or_default();
    // A change lies in the day before the one that shows it.
    let (before, after) = (TimeDelta::days(1) + width * 2, width * 2);
    let mut known = None;
    YEARS
        .step_by(usize::try_from(DAY).unwrap_or(1))
        .filter_map(|at| DateTime::from_timestamp(at, 0))
        .filter(move |at| {
            let now = Some((ahead(zone, *at), ahead(other, *at)));
            std::mem::replace(&mut known, now) != now
        })
        .flat_map(move |at| every.boundaries(zone, at - before, at + after))
}

/// A boundary of `coarse` that is none of `fine`; `None` where each bucket of `coarse` is made of whole ones of `fine`.
pub(crate) fn unshared(fine: (Every, Tz), coarse: (Every, Tz)) -> Option<DateTime<Utc>> {
    boundaries_near_changes(coarse.0, coarse.1, fine.1).find(|at| fine.0.start_of(fine.1, *at) != *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Asia, Australia, Europe};

    const HOUR: Every = Every::Hours(1);

    #[test]
    fn case_39_hours_of_utc_make_days_where_offsets_are_whole_hours() {
        let utc = (HOUR, Tz::UTC);
        for zone in [Europe::Berlin, America::New_York, Tz::UTC, Tz::America__Sao_Paulo] {
            for every in [Every::Day, Every::Week, Every::Month, Every::Year] {
                assert_eq!(unshared(utc, (every, zone)), None, "{every} in {zone}");
            }
        }
        for zone in [Asia::Kolkata, Australia::Adelaide, Tz::Asia__Kathmandu, Australia::Lord_Howe] {
            assert!(unshared(utc, (Every::Day, zone)).is_some(), "{zone}");
        }
        assert_eq!(unshared((Every::Minutes(30), Tz::UTC), (Every::Day, Asia::Kolkata)), None);
        assert!(unshared((Every::Hours(6), Tz::UTC), (Every::Day, Europe::Berlin)).is_some(), "23:00 is no sixth hour");
        assert!(unshared((Every::Day, Tz::UTC), (Every::Month, Europe::Berlin)).is_some());
        assert!(unshared((Every::Day, Europe::Berlin), (Every::Month, Europe::Berlin)).is_none());
    }

    #[test]
    fn each_change_is_looked_at() {
        let days: Vec<_> = boundaries_near_changes(Every::Day, Europe::Berlin, Tz::UTC).collect();
        let lengths = |hours| days.windows(2).filter(|pair| pair[1] - pair[0] == TimeDelta::hours(hours)).count();
        // Summer time has been kept since 1980: 70 years until 2050.
        assert_eq!((lengths(23), lengths(25)), (70, 70));
    }
}
