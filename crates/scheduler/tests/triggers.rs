//! Intervals of months, recurrence rules, combinations and limits, against plainer ways to find the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::{DateTime, Datelike, Months as ChronoMonths, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use clusterkeep_scheduler::{
    Cron, DstNote, Exclusion, Job, JobSpec, Months, Rate, Recurrence, Schedule, Trigger, When,
};
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn cron(text: &str) -> Trigger {
    Trigger::Cron(Cron::parse(text).unwrap())
}

fn job(when: &str) -> Job {
    Job::named("nightly").run("x").cron(when).zone("America/New_York")
}

fn fires(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    schedule.upcoming(at(after)).take(count).map(|fire| fire.civil.format("%Y-%m-%d %H:%M:%S").to_string()).collect()
}

fn rule(text: &str, from: &str) -> Schedule {
    Schedule::new(Trigger::Recurrence(Recurrence::parse(text, from.parse().unwrap()).unwrap()))
}

#[test]
fn months_keep_their_day_where_there_is_one() {
    let monthly = Schedule::new(Trigger::Months(Months::every(1).anchored(at("2026-01-31T02:30:00Z"))));
    assert_eq!(
        fires(&monthly, "2020-01-01T00:00:00Z", 4),
        ["2026-01-31 02:30:00", "2026-02-28 02:30:00", "2026-03-31 02:30:00", "2026-04-30 02:30:00"]
    );
    // By the calendar of the zone, and by its clock: half past two does not come on 8 March.
    let york = Schedule::new(Trigger::Months(Months::every(1).anchored(at("2026-02-08T07:30:00Z"))))
        .zone("America/New_York".parse().unwrap());
    let fire = york.next(at("2026-03-01T00:00:00Z")).unwrap();
    assert_eq!(fire.nominal, at("2026-03-08T07:00:00Z"));
    assert!(matches!(fire.note, Some(DstNote::Gap { .. })));
    assert_eq!(fires(&york, "2026-03-09T00:00:00Z", 1), ["2026-04-08 02:30:00"]);
    let when: When = "@every 2 years".parse().unwrap();
    let yearly = Schedule::new(when.trigger("").unwrap());
    assert_eq!(fires(&yearly, "2025-06-01T00:00:00Z", 2), ["2026-01-01 00:00:00", "2028-01-01 00:00:00"]);
}

#[test]
fn rules_of_i_calendar() {
    // RFC 5545, 3.8.5.3: the third Tuesday, Wednesday or Thursday of the month; Friday the 13th; every other week.
    assert_eq!(
        fires(
            &rule("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04T09:00:00"),
            "1990-01-01T00:00:00Z",
            9
        ),
        ["1997-09-04 09:00:00", "1997-10-07 09:00:00", "1997-11-06 09:00:00"]
    );
    assert_eq!(
        fires(&rule("RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02T09:00:00"), "1998-01-01T00:00:00Z", 3),
        ["1998-02-13 09:00:00", "1998-03-13 09:00:00", "1998-11-13 09:00:00"]
    );
    assert_eq!(
        fires(
            &rule("FREQ=WEEKLY;INTERVAL=2;UNTIL=19971007T000000;WKST=SU;BYDAY=TU,TH", "1997-09-02T09:00:00"),
            "1990-01-01T00:00:00Z",
            9
        ),
        [
            "1997-09-02 09:00:00",
            "1997-09-04 09:00:00",
            "1997-09-16 09:00:00",
            "1997-09-18 09:00:00",
            "1997-09-30 09:00:00",
            "1997-10-02 09:00:00"
        ]
    );
    // By python-dateutil 2.9: minutes and seconds of some days and hours, which the crate jumps over.
    for (text, from, expected) in [
        (
            "FREQ=MINUTELY;BYMONTH=1;BYHOUR=3;BYMINUTE=0",
            "2026-01-30T00:00:00",
            ["2026-01-30 03:00:00", "2026-01-31 03:00:00", "2027-01-01 03:00:00", "2027-01-02 03:00:00"],
        ),
        (
            "FREQ=MINUTELY;INTERVAL=11;BYMONTH=2,12;BYMINUTE=14,24",
            "2024-03-03T19:35:00",
            ["2024-12-01 01:24:00", "2024-12-01 03:14:00", "2024-12-01 12:24:00", "2024-12-01 14:14:00"],
        ),
        (
            "FREQ=SECONDLY;INTERVAL=7;BYDAY=TU;BYHOUR=5;BYMINUTE=30",
            "2026-01-01T00:00:00",
            ["2026-01-06 05:30:01", "2026-01-06 05:30:08", "2026-01-06 05:30:15", "2026-01-06 05:30:22"],
        ),
        (
            "FREQ=MINUTELY;INTERVAL=2;BYSECOND=0,30;BYDAY=MO",
            "2026-01-01T00:01:15",
            ["2026-01-05 00:01:00", "2026-01-05 00:01:30", "2026-01-05 00:03:00", "2026-01-05 00:03:30"],
        ),
    ] {
        assert_eq!(fires(&rule(text, from), "1990-01-01T00:00:00Z", 4), expected, "{text}");
    }
    assert_eq!(
        fires(&rule("COUNT=2;FREQ=MINUTELY;INTERVAL=90;BYHOUR=3", "2026-01-01T00:00:10"), "1990-01-01T00:00:00Z", 9),
        ["2026-01-01 03:00:10", "2026-01-02 03:00:10"]
    );
    // An odd minute every two minutes from an even one, and what has no meaning.
    for text in ["FREQ=MINUTELY;INTERVAL=2;BYMINUTE=1", "FREQ=MINUTELY;BYSECOND=1,2;BYSETPOS=1"] {
        assert!(Recurrence::parse(text, "2026-01-01T00:00:00".parse().unwrap()).is_err(), "{text}");
    }
    for text in ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=NEVER", "", "FREQ=DAILY;UNTIL=20300101T000000Z"] {
        assert!(Recurrence::parse(text, "2026-01-01T00:00:00".parse().unwrap()).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn months_agree_with_chrono(every in 1_u32..40, day in 0_i64..3_000, minute in 0_i64..1_440, after in 0_i64..9_000) {
        let anchor = at("2020-01-01T00:00:00Z") + TimeDelta::days(day) + TimeDelta::minutes(minute);
        let after = at("2019-06-01T00:00:00Z") + TimeDelta::days(after);
        let ours = Schedule::new(Trigger::Months(Months::every(every).anchored(anchor))).next_after(after);
        let theirs = (0..).map(|count| anchor + ChronoMonths::new(count * every)).find(|at| *at > after);
        prop_assert_eq!(ours, theirs);
    }

    /// A rule and a cron expression that mean the same fire alike in any zone, where the clock changes, too.
    #[test]
    fn rules_agree_with_cron(hour in 0_u32..24, minute in 0_u32..60, weekday in 0_usize..7, zone in 0_usize..597, day in 0_i64..300) {
        let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
        let (short, name) = [("SU", "SUN"), ("MO", "MON"), ("TU", "TUE"), ("WE", "WED"), ("TH", "THU"), ("FR", "FRI"), ("SA", "SAT")][weekday];
        let from = format!("2026-01-01T{hour:02}:{minute:02}:00");
        let rule = rule(&format!("FREQ=WEEKLY;BYDAY={short}"), &from).zone(zone.into());
        let cron = Schedule::new(cron(&format!("{minute} {hour} * * {name}"))).zone(zone.into());
        let after = at("2026-01-03T00:00:00Z") + TimeDelta::days(day);
        let take = |schedule: &Schedule| schedule.upcoming(after).take(10).collect::<Vec<_>>();
        prop_assert_eq!(take(&rule), take(&cron));
    }

    #[test]
    fn any_and_all_are_union_and_intersection(first in 1_u32..30, second in 1_u32..30, anchor in 0_i64..90) {
        let texts = [format!("*/{first} * * * *"), format!("*/{second} 1-22 * * *")];
        let rate = Rate::every(TimeDelta::minutes(30)).unwrap().anchored(at("2026-01-01T00:00:00Z") + TimeDelta::minutes(anchor));
        let parts = vec![cron(&texts[0]), cron(&texts[1]), Trigger::Rate(rate)];
        let (from, until) = (at("2026-03-07T00:00:00Z"), at("2026-03-09T00:00:00Z"));
        let zone = Tz::America__New_York;
        let within = |trigger: Trigger| -> std::collections::BTreeSet<DateTime<Utc>> {
            let schedule = Schedule::new(trigger).zone(zone.into());
            schedule.upcoming(from).map(|fire| fire.nominal).take_while(|at| *at < until).collect()
        };
        let sets: Vec<_> = parts.iter().cloned().map(within).collect();
        let union = sets.iter().flatten().copied().collect();
        let intersection = sets[0].iter().filter(|at| sets[1].contains(at) && sets[2].contains(at)).copied().collect();
        prop_assert_eq!(within(Trigger::Any(parts.clone())), union);
        prop_assert_eq!(within(Trigger::All(parts)), intersection);
    }

    #[test]
    fn what_is_excluded_is_left_out_and_nothing_else(
        windows in proptest::collection::vec((0_u32..24, 1_u32..24), 0..3), weekday in 0_u8..7, day in 1_u32..11,
    ) {
        let (from, until) = (at("2026-03-01T00:00:00Z"), at("2026-03-11T00:00:00Z"));
        let mut exclusions: Vec<Exclusion> = windows
            .iter()
            .map(|(start, length)| format!("{start:02}:00..{:02}:30", (start + length) % 24).parse().unwrap())
            .collect();
        let weekday = chrono::Weekday::try_from(weekday).unwrap();
        exclusions.push(Exclusion::Weekly(weekday));
        exclusions.push(format!("03-{day:02}").parse().unwrap());
        let open = Schedule::new(cron("*/7 * * * *")).zone("America/New_York".parse().unwrap());
        let left_out = |civil: NaiveDateTime| {
            let minute = civil.hour() * 60 + civil.minute();
            let in_window = windows.iter().any(|(start, length)| {
                let (start, end) = (start * 60, (start + length) % 24 * 60 + 30);
                if start < end { (start..end).contains(&minute) } else { minute >= start || minute < end }
            });
            in_window || civil.weekday() == weekday || civil.day() == day
        };
        let expected: Vec<_> = open.upcoming(from).take_while(|fire| fire.nominal < until).filter(|fire| !left_out(fire.civil)).collect();
        let narrow = open.except(exclusions);
        let got: Vec<_> = narrow.upcoming(from).take_while(|fire| fire.nominal < until).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn jitter_moves_each_fire_by_its_own_and_none_behind_the_next(most in 1_i64..7_200, step in 1_u32..30, offset in 0_i64..50_000) {
        let plain = Schedule::new(cron(&format!("*/{step} * * * *")));
        let most = TimeDelta::seconds(most);
        let moved = plain.clone().jitter(most, "nightly");
        let from = at("2026-03-01T00:00:00Z");
        let bases: Vec<_> = plain.upcoming(from).take(41).map(|fire| fire.nominal).collect();
        // Fires of bases before `from` may come after it.
        let fires: Vec<_> = moved.upcoming(from).map(|fire| fire.nominal).skip_while(|at| *at < bases[0]).take(40).collect();
        for (pair, fire) in bases.windows(2).zip(&fires) {
            prop_assert!(pair[0] <= *fire && *fire < pair[1] && *fire - pair[0] < most, "{:?} {}", pair, fire);
        }
        // From any instant in between.
        let start = from + TimeDelta::milliseconds(offset * 20);
        let expected = fires.iter().find(|fire| **fire > start).copied();
        if let Some(expected) = expected.filter(|_| start >= bases[0]) {
            prop_assert_eq!(moved.next_after(start), Some(expected));
        }
    }
}

#[test]
fn jitter_depends_on_the_name() {
    let shifts: std::collections::HashSet<_> = (0..100)
        .map(|i| Schedule::new(cron("0 0 * * *")).jitter(TimeDelta::hours(1), &format!("job-{i}")))
        .map(|schedule| schedule.next_after(at("2026-01-01T12:00:00Z")).unwrap())
        .collect();
    assert!(shifts.len() > 95, "{} of 100 differ", shifts.len());
}

#[test]
fn start_end_and_count() {
    let build = |job: Job| job.build().and_then(|spec: JobSpec| spec.schedule());
    let (start, end) = (at("2026-06-01T07:30:00Z"), at("2026-06-04T07:30:00Z"));
    // The start is in, the end is not.
    let bounded = build(job("30 3 * * *").starts(start).ends(end)).unwrap();
    assert_eq!(
        fires(&bounded, "2020-01-01T00:00:00Z", 9),
        ["2026-06-01 03:30:00", "2026-06-02 03:30:00", "2026-06-03 03:30:00"]
    );
    let counted = build(job("30 3 * * *").starts(start).count(2)).unwrap();
    assert_eq!(fires(&counted, "2020-01-01T00:00:00Z", 9), ["2026-06-01 03:30:00", "2026-06-02 03:30:00"]);
    // Jitter moves none to the end.
    let end = start + TimeDelta::minutes(1);
    for name in 0..20 {
        let moved =
            Schedule::new(cron("30 7 * * *")).starts(start).ends(end).jitter(TimeDelta::hours(6), &name.to_string());
        assert!(moved.next_after(start - TimeDelta::days(1)).unwrap() < end);
    }
    // The last one that jitter has moved is not lost.
    let moved = build(job("30 3 * * *").starts(start).count(2).jitter("6h".parse().unwrap())).unwrap();
    assert_eq!(moved.upcoming(at("2020-01-01T00:00:00Z")).count(), 2);
    let last = moved.upcoming(at("2020-01-01T00:00:00Z")).last().unwrap().nominal;
    assert_eq!(moved.next_after(last - TimeDelta::milliseconds(1)), Some(last));
    for (wrong, why) in [
        (job("30 3 * * *").count(2), "a count of fires needs a start to count from"),
        (job("30 3 * * *").starts(end).ends(start), "job `nightly` ends before it starts"),
        (job("@after 5min").jitter("1min".parse().unwrap()), "has no fires that could be limited"),
        (job("30 3 * * *").jitter("1 month".parse().unwrap()), "has no fixed length"),
        (job("30 3 * * *").except("someday"), "`someday` is no time that could be left out"),
        (
            Job::named("a").run("x").all_of(["30 3 * * *", "31 3 * * *"].map(|text| text.parse().unwrap())),
            "never fires",
        ),
        (job("30 3 25 12 *").except("12-25"), "never fires"),
        (Job::named("a").run("x").any_of([]), "a combination has no parts"),
        (Job::named("a").run("x").all_of(["@reboot".parse().unwrap()]), "can't be part of a combination"),
    ] {
        let error = build(wrong).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_is_always_excluded_never_fires_and_does_not_hang() {
    let days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].map(|day| day.parse::<Exclusion>().unwrap());
    let rate = Trigger::Rate(Rate::every(TimeDelta::milliseconds(1)).unwrap());
    assert_eq!(Schedule::new(rate).except(days).next_after(at("2026-01-01T00:00:00Z")), None);
}
