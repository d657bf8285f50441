//! The search against other people's: `croner`, the crate `cron` where it is right, and a scan of every minute.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, Datelike, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{GapInfo, Tz};
use clusterkeep_scheduler::{Cron, Dialect, Fold, Gap, Schedule, Trigger};
use proptest::prelude::*;

/// The fields of a five-field expression as sets; an empty one is `*`.
#[derive(Debug, Clone)]
struct Fields {
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    days: BTreeSet<u32>,
    months: BTreeSet<u32>,
    weekdays: BTreeSet<u32>,
}

impl Fields {
    fn text(&self) -> String {
        let list = |set: &BTreeSet<u32>| {
            if set.is_empty() { "*".to_owned() } else { set.iter().map(u32::to_string).collect::<Vec<_>>().join(",") }
        };
        [&self.minutes, &self.hours, &self.days, &self.months, &self.weekdays].map(list).join(" ")
    }

    /// Crontab's meaning, written down once more and as plainly as can be.
    fn matches(&self, civil: NaiveDateTime) -> bool {
        let has = |set: &BTreeSet<u32>, value: u32| set.is_empty() || set.contains(&value);
        let (day, weekday) =
            (has(&self.days, civil.day()), has(&self.weekdays, civil.weekday().num_days_from_sunday()));
        let days = if self.days.is_empty() || self.weekdays.is_empty() { day && weekday } else { day || weekday };
        civil.second() == 0
            && has(&self.minutes, civil.minute())
            && has(&self.hours, civil.hour())
            && has(&self.months, civil.month())
            && days
    }

    fn follows_the_clock(&self) -> bool {
        self.minutes.is_empty() || self.hours.is_empty()
    }
}

fn set(range: std::ops::RangeInclusive<u32>, most: usize) -> impl Strategy<Value = BTreeSet<u32>> {
    prop_oneof![Just(BTreeSet::new()), proptest::collection::btree_set(range, 1..=most)]
}

fn fields() -> impl Strategy<Value = Fields> {
    (set(0..=59, 5), set(0..=23, 4), set(1..=28, 3), set(1..=12, 3), set(0..=6, 3))
        .prop_map(|(minutes, hours, days, months, weekdays)| Fields { minutes, hours, days, months, weekdays })
}

fn schedule(text: &str, zone: Tz) -> Schedule {
    Schedule::new(Trigger::Cron(Cron::parse(text).unwrap())).zone(zone.into())
}

/// One minute of a zone, as chrono and chrono-tz see it.
struct Minute {
    instant: DateTime<Utc>,
    civil: NaiveDateTime,
    /// Whether it is the first or the second time that the civil time comes, where it comes twice.
    pass: Option<Fold>,
    /// What the wall clock would show if it had not gone forward, for as long as that is a time it has left out.
    kept: Option<NaiveDateTime>,
    /// The civil times that were left out right before it.
    left_out: Vec<NaiveDateTime>,
}

/// The minutes of `[from, until)`.
fn minutes(zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Minute> {
    let mut minutes = Vec::new();
    let mut instant = from;
    while instant < until {
        let civil = instant.with_timezone(&zone).naive_local();
        let pass = match zone.from_local_datetime(&civil) {
            MappedLocalTime::Ambiguous(first, _) if instant == first => Some(Fold::First),
            MappedLocalTime::Ambiguous(..) => Some(Fold::Second),
            MappedLocalTime::Single(_) | MappedLocalTime::None => None,
        };
        let mut minute = Minute { instant, civil, pass, kept: None, left_out: Vec::new() };
        for length in [30, 60, 120, 180, 24 * 60].map(TimeDelta::minutes) {
            let kept = civil - length;
            let Some(GapInfo { begin: Some((begin, _)), end: Some(end) }) = GapInfo::new(&kept, &zone) else {
                continue;
            };
            if end.naive_local() - begin == length {
                minute.kept = Some(kept);
                if end == instant {
                    minute.left_out =
                        (0..length.num_minutes()).map(|after| begin + TimeDelta::minutes(after)).collect();
                }
            }
        }
        minutes.push(minute);
        instant += TimeDelta::minutes(1);
    }
    minutes
}

/// Every fire among `minutes`, found by looking at each.
fn scan(fields: &Fields, minutes: &[Minute], gap: Gap, fold: Fold) -> Vec<DateTime<Utc>> {
    let fires = |minute: &&Minute| {
        let counts = minute.pass.is_none_or(|pass| fold == Fold::Both || fold == pass);
        let moved = match gap {
            Gap::Skip => false,
            Gap::Shift => minute.kept.is_some_and(|civil| fields.matches(civil)),
            Gap::RunAfter => minute.left_out.iter().any(|civil| fields.matches(*civil)),
        };
        moved || counts && fields.matches(minute.civil)
    };
    minutes.iter().filter(fires).map(|minute| minute.instant).collect()
}

/// The days from `first` to `last` in which the zone's clock changes.
fn changes(zone: Tz, first: i32, last: i32) -> Vec<DateTime<Utc>> {
    use chrono::Offset;
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut day = Utc.with_ymd_and_hms(first, 1, 1, 0, 0, 0).unwrap();
    let mut changes = Vec::new();
    while day.year() <= last {
        let next = day + TimeDelta::days(1);
        if offset(day) != offset(next) {
            changes.push(day);
        }
        day = next;
    }
    changes
}

const GAPS: [Gap; 3] = [Gap::Skip, Gap::RunAfter, Gap::Shift];
const FOLDS: [Fold; 3] = [Fold::First, Fold::Second, Fold::Both];

/// All policies together.
fn policies() -> Vec<(Gap, Fold)> {
    GAPS.into_iter().flat_map(|gap| FOLDS.map(|fold| (gap, fold))).collect()
}

fn compare(all: &[Fields], zone: Tz, around: DateTime<Utc>) {
    compare_within(all, &policies(), zone, around - TimeDelta::days(1), around + TimeDelta::days(2));
}

fn compare_within(all: &[Fields], policies: &[(Gap, Fold)], zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) {
    let minutes = minutes(zone, from, until);
    for fields in all {
        for (gap, fold) in policies.iter().copied() {
            let schedule = schedule(&fields.text(), zone).gap(gap).fold(fold);
            let expected = scan(fields, &minutes, gap, fold);
            let before = from - TimeDelta::seconds(1);
            let got: Vec<_> = schedule.upcoming(before).map(|fire| fire.nominal).take_while(|at| *at < until).collect();
            assert_eq!(got, expected, "{} in {zone} from {from}, gap {gap:?}, fold {fold:?}", fields.text());
            // From any instant in between, not only from one fire to the next.
            let mut start = from;
            while start < until {
                let next = expected.iter().find(|fire| **fire > start).copied();
                if let Some(next) = next {
                    assert_eq!(schedule.next_after(start), Some(next), "{} in {zone} after {start}", fields.text());
                }
                start += TimeDelta::seconds(17 * 61);
            }
        }
    }
}

/// Expressions to try around a day.
fn samples(day: DateTime<Utc>) -> Vec<Fields> {
    let set = |values: &[u32]| values.iter().copied().collect::<BTreeSet<_>>();
    let fields = |minutes: &[u32], hours: &[u32]| Fields {
        minutes: set(minutes),
        hours: set(hours),
        days: set(&[]),
        months: set(&[]),
        weekdays: set(&[]),
    };
    let mut samples = vec![
        fields(&[], &[]),
        fields(&[0, 15, 30, 45], &[]),
        fields(&[30], &[2]),
        fields(&[30], &[1]),
        fields(&[0], &[0, 1, 2, 3]),
        fields(&[10, 30], &[2, 3]),
        fields(&[59], &[23]),
        Fields { days: set(&[29]), weekdays: set(&[0]), ..fields(&[5, 35], &[]) },
    ];
    // On that day alone, within the hour that comes twice or not at all: from there the search looks years ahead.
    for day in [day, day + TimeDelta::days(1)] {
        for hour in 0..4 {
            let alone = fields(&[0, 20, 40], &[hour]);
            samples.push(Fields { days: set(&[day.day()]), months: set(&[day.month()]), ..alone });
        }
    }
    samples
}

#[test]
fn every_minute_around_the_changes_of_odd_zones() {
    let zones = [
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Apia,
        Tz::Africa__Casablanca,
        Tz::Europe__Dublin,
        Tz::America__Santiago,
        Tz::Antarctica__Troll,
        Tz::UTC,
    ];
    for zone in zones {
        let mut days = changes(zone, 2025, 2026);
        days.push(Utc.with_ymd_and_hms(2026, 7, 1, 0, 0, 0).unwrap());
        if zone == Tz::Pacific__Apia {
            days.extend(changes(zone, 2011, 2011));
        }
        for day in days {
            compare(&samples(day), zone, day);
        }
    }
}

/// The instant within a day at which the clock changes.
fn instant_of_change(zone: Tz, day: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::Offset;
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let (mut low, mut high) = (day, day + TimeDelta::days(1));
    while high - low > TimeDelta::minutes(1) {
        let middle = low + TimeDelta::minutes((high - low).num_minutes() / 2);
        if offset(middle) == offset(day) { low = middle } else { high = middle }
    }
    high
}

/// Each change meets some expressions and policies, in turns, within five hours of it. Zones whose clocks do the same all
/// those years, such as links to others, are scanned once.
#[test]
fn minutes_around_every_change_of_every_zone() {
    let mut seen = std::collections::HashSet::new();
    let (mut turn, mut scanned) = (0_usize, 0_usize);
    let policies = policies();
    for zone in chrono_tz::TZ_VARIANTS {
        use chrono::Offset;
        let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
        let instants: Vec<_> = changes(zone, 2020, 2037).into_iter().map(|day| instant_of_change(zone, day)).collect();
        let alike: Vec<_> = instants.iter().map(|at| (*at, offset(*at - TimeDelta::minutes(1)), offset(*at))).collect();
        if !seen.insert(alike) {
            continue;
        }
        for at in instants {
            let all = samples(at.date_naive().and_time(chrono::NaiveTime::MIN).and_utc());
            let some: Vec<_> = (0..2).map(|i| all[(turn * 2 + i) % all.len()].clone()).collect();
            let rules: Vec<_> = (0..3).map(|i| policies[(turn + i * 4) % policies.len()]).collect();
            compare_within(&some, &rules, zone, at - TimeDelta::hours(5), at + TimeDelta::hours(5));
            turn += 1;
            scanned += 1;
        }
    }
    assert!(scanned > 1_000, "{scanned} changes");
}

/// Every expression and policy around every change takes hours: it runs where `CLUSTERKEEP_ALL_ZONES` is set.
#[test]
fn every_minute_around_every_change_of_every_zone() {
    if std::env::var_os("CLUSTERKEEP_ALL_ZONES").is_none() {
        eprintln!("not run in full: every zone from 2020 to 2037; set CLUSTERKEEP_ALL_ZONES=1 to run it");
        return;
    }
    for zone in chrono_tz::TZ_VARIANTS {
        for day in changes(zone, 2020, 2037) {
            compare(&samples(day), zone, day);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_minute_of_random_expressions(
        fields in fields(), zone in 0_usize..597, year in 2020_i32..2038, change in 0_usize..4, day in 0_i64..365,
    ) {
        let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
        let days = changes(zone, year, year);
        let any = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap() + TimeDelta::days(day);
        let day = if days.is_empty() { any } else { days[change % days.len()] };
        compare(&[fields], zone, day);
    }

    #[test]
    fn croner_agrees_in_utc(fields in fields(), start in 0_i64..2_500_000_000) {
        let start = DateTime::from_timestamp(start, 0).unwrap();
        let ours = schedule(&fields.text(), Tz::UTC);
        let theirs = croner::Cron::from_str(&fields.text()).unwrap();
        let mut after = start;
        for _ in 0..5 {
            let expected = theirs.find_next_occurrence(&after, false).unwrap();
            prop_assert_eq!(ours.next_after(after), Some(expected), "{} after {}", fields.text(), after);
            after = expected;
        }
    }

    #[test]
    fn croner_agrees_in_zones_on_fixed_times_in_folds(fields in fields(), start in 1_500_000_000_i64..2_000_000_000) {
        prop_assume!(!fields.follows_the_clock());
        let start = DateTime::from_timestamp(start, 0).unwrap().with_timezone(&Tz::America__New_York);
        let ours = schedule(&fields.text(), Tz::America__New_York);
        let theirs = croner::Cron::from_str(&fields.text()).unwrap();
        let mut after = start;
        for _ in 0..5 {
            let expected = theirs.find_next_occurrence(&after, false).unwrap();
            // Times in a gap are another rule there: such a fire is left out.
            if ours.next(after.to_utc()).unwrap().note.is_some_and(|note| matches!(note, clusterkeep_scheduler::DstNote::Gap { .. })) {
                break;
            }
            prop_assert_eq!(ours.next_after(after.to_utc()), Some(expected.to_utc()), "{} after {}", fields.text(), after);
            after = expected;
        }
    }

    #[test]
    fn the_crate_cron_agrees_in_utc(fields in fields(), start in 0_i64..2_500_000_000) {
        let start = DateTime::from_timestamp(start, 0).unwrap();
        // It counts days of the week from 1 and wants both day fields to match.
        let weekdays = fields.weekdays.iter().map(|day| day + 1).collect();
        let text = format!("0 {}", Fields { weekdays, ..fields }.text());
        let theirs = cron::Schedule::from_str(&text).unwrap();
        let Some(first) = theirs.after(&start).next() else { return Ok(()) };
        let ours = Schedule::new(Trigger::Cron(Cron::parse_as(&text, Dialect::Quartz, "").unwrap()));
        prop_assert_eq!(ours.next_after(start), Some(first), "{}", text);
    }

    #[test]
    fn the_next_fire_is_always_later_and_has_nothing_before_it(
        fields in fields(), start in 0_i64..4_000_000_000, zone in 0_usize..597, gap in 0_usize..3, fold in 0_usize..3,
    ) {
        let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
        let schedule = schedule(&fields.text(), zone).gap(GAPS[gap]).fold(FOLDS[fold]);
        let start = DateTime::from_timestamp(start, 0).unwrap();
        let Some(next) = schedule.next_after(start) else { return Ok(()) };
        prop_assert!(next > start);
        // Asking from just before the answer gives it again.
        prop_assert_eq!(schedule.next_after(next - TimeDelta::nanoseconds(1)), Some(next));
    }
}

/// Each place where another program answers otherwise, with the rule that ours goes by.
#[test]
fn where_others_differ() {
    let next = |text: &str, zone: Tz, after: &str| {
        schedule(text, zone).next_after(after.parse().unwrap()).map(|at| at.to_rfc3339())
    };
    let croner = |text: &str, zone: Tz, after: &str| {
        let after = after.parse::<DateTime<Utc>>().unwrap().with_timezone(&zone);
        croner::Cron::from_str(text)
            .unwrap()
            .find_next_occurrence(&after, false)
            .ok()
            .map(|at| at.to_utc().to_rfc3339())
    };
    let cron = |text: &str, zone: Tz, after: &str| {
        let after = after.parse::<DateTime<Utc>>().unwrap().with_timezone(&zone);
        cron::Schedule::from_str(text).unwrap().after(&after).next().map(|at| at.to_utc().to_rfc3339())
    };
    let (utc, york) = (Tz::UTC, Tz::America__New_York);
    // `*` with a step counts as a star: both day fields must match (Vixie). To croner it is a restriction.
    let after = "2026-06-01T12:00:00Z";
    assert_eq!(next("0 0 */2 * MON", utc, after).unwrap(), "2026-06-15T00:00:00+00:00");
    assert_eq!(croner("0 0 */2 * MON", utc, after).unwrap(), "2026-06-03T00:00:00+00:00");
    // A step larger than its field is refused. To croner it is no step at all.
    assert!(Cron::parse("*/60 * * * *").is_err() && croner::Cron::from_str("*/60 * * * *").is_ok());
    // What never fires is refused. The others take it, and find nothing.
    assert!(Cron::parse("0 0 30 2 *").is_err() && cron::Schedule::from_str("0 0 0 30 2 *").is_ok());
    // A fixed time in a gap runs right after it. The crate `cron` leaves the day out.
    let gap = "2026-03-08T05:00:00Z";
    assert_eq!(next("30 2 * * *", york, gap).unwrap(), "2026-03-08T07:00:00+00:00");
    assert_eq!(cron("0 30 2 * * *", york, gap).unwrap(), "2026-03-09T06:30:00+00:00");
    // Intervals go through both passes of a fold. The crate `cron`, asked anew, leaves the second one out.
    let first_pass = "2026-11-01T05:45:00Z";
    assert_eq!(next("*/15 * * * *", york, first_pass).unwrap(), "2026-11-01T06:00:00+00:00");
    assert_eq!(cron("0 */15 * * * *", york, first_pass).unwrap(), "2026-11-01T07:00:00+00:00");
    // Years end with 2199. The crate `cron` ends with 2100, so that 29 February is over four years before.
    assert_eq!(next("0 0 29 2 *", utc, "2096-03-01T00:00:00Z").unwrap(), "2104-02-29T00:00:00+00:00");
    assert_eq!(cron("0 0 0 29 2 *", utc, "2096-03-01T00:00:00Z"), None);
}
