//! What expressions mean, by example.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::{DateTime, Utc};
use clusterkeep_scheduler::{Cron, Dialect, Fold, Gap, Schedule, Trigger};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::new(Trigger::Cron(Cron::parse(expression).unwrap())).zone(zone.parse().unwrap())
}

/// The first fires after an instant, in UTC.
fn fires(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let fires = schedule.upcoming(at(after)).take(count);
    fires.map(|fire| fire.nominal.format("%Y-%m-%d %H:%M:%S").to_string()).collect()
}

/// The days on which an expression that fires once a day fires in a month of 2026, in UTC.
fn days(expression: &str, month: u32) -> Vec<u32> {
    use chrono::Datelike;
    let start = chrono::NaiveDate::from_ymd_opt(2026, month, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let fires = schedule(expression, "UTC");
    let before = start - chrono::TimeDelta::seconds(1);
    fires
        .upcoming(before)
        .take_while(|fire| fire.nominal.month() == month && fire.nominal.year() == 2026)
        .map(|fire| fire.nominal.day())
        .collect()
}

fn refused(expression: &str) -> (String, Option<String>) {
    let error = Cron::parse(expression).unwrap_err();
    (error.to_string(), error.hint())
}

#[test]
fn case_43_days_of_the_week_and_both_day_fields_mean_what_crontab_means() {
    // June 2026 begins on a Monday.
    let table: [(&str, &[u32]); 24] = [
        ("0 0 * * 0", &[7, 14, 21, 28]),
        ("0 0 * * 7", &[7, 14, 21, 28]),
        ("0 0 * * sun", &[7, 14, 21, 28]),
        ("0 0 * * Monday", &[1, 8, 15, 22, 29]),
        ("0 0 * * 1", &[1, 8, 15, 22, 29]),
        ("0 0 * * 5-7", &[5, 6, 7, 12, 13, 14, 19, 20, 21, 26, 27, 28]),
        ("0 0 * * FRI-MON", &[1, 5, 6, 7, 8, 12, 13, 14, 15, 19, 20, 21, 22, 26, 27, 28, 29]),
        ("0 0 * * 6-1/2", &[1, 6, 8, 13, 15, 20, 22, 27, 29]),
        ("0 0 13 * FRI", &[5, 12, 13, 19, 26]),
        ("0 0 13 * +SAT", &[13]),
        ("0 0 */2 * MON", &[1, 15, 29]),
        ("0 0 13 * ?", &[13]),
        ("0 0 ? * 2#1,2#5", &[2, 30]),
        ("0 0 * * 5L", &[26]),
        ("0 0 * * tueL", &[30]),
        ("0 0 L * *", &[30]),
        ("0 0 L-2 * *", &[28]),
        ("0 0 LW * *", &[30]),
        ("0 0 6W * *", &[5]),
        ("0 0 7W * *", &[8]),
        ("0 0 15W * *", &[15]),
        ("0 0 28-3 * *", &[1, 2, 3, 28, 29, 30]),
        ("0 0 10/10 * *", &[10, 20, 30]),
        ("0 0 1,15 6 *", &[1, 15]),
    ];
    for (expression, expected) in table {
        assert_eq!(days(expression, 6), expected, "{expression}");
    }
    // August 2026 begins on a Saturday and ends on a Monday; May ends on a Sunday.
    assert_eq!(days("0 0 1W * *", 8), [3]);
    assert_eq!(days("0 0 31W * *", 5), [29]);
    assert_eq!(days("0 0 LW * *", 5), [29]);
    assert_eq!(days("0 0 31W * *", 6), [] as [u32; 0]);
}

#[test]
fn case_43_expressions_of_the_crate_cron_keep_their_meaning() {
    use std::str::FromStr;
    for text in [
        "0 0 0 ? * 1",
        "0 30 9 13 * FRI",
        "0 0 12 * * 2-6",
        "*/10 0 0 1 1 ? 2027,2030",
        "@weekly",
        "0 0 1/6 * Jan-Mar *",
    ] {
        let theirs = cron::Schedule::from_str(text).unwrap();
        let ours = Schedule::new(Trigger::Cron(Cron::parse_as(text, Dialect::Quartz, "").unwrap()));
        let start = at("2026-11-20T10:11:12Z");
        let expected: Vec<_> = theirs.after(&start).take(50).collect();
        let got: Vec<_> = ours.upcoming(start).take(50).map(|fire| fire.nominal).collect();
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn case_44_half_past_two_in_berlin_fires_once_on_each_day_of_change() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        fires(&daily, "2026-03-27T12:00:00Z", 3),
        ["2026-03-28 01:30:00", "2026-03-29 01:00:00", "2026-03-30 00:30:00"]
    );
    assert_eq!(fires(&daily, "2026-10-24T12:00:00Z", 2), ["2026-10-25 00:30:00", "2026-10-26 01:30:00"]);
    let spring = daily.next(at("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!(
        spring.note.unwrap().to_string(),
        "the clock goes forward at 02:00 to 03:00: 02:30 does not come, it fires right after the gap"
    );
    let autumn = daily.next(at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(
        autumn.note.unwrap().to_string(),
        "the clock goes back at 03:00: 02:30 comes twice, the first one fires"
    );
}

#[test]
fn policies_can_be_set() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    let (spring, autumn) = ("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z");
    assert_eq!(fires(&daily.clone().gap(Gap::Skip), spring, 1), ["2026-03-30 00:30:00"]);
    assert_eq!(fires(&daily.clone().gap(Gap::Shift), spring, 1), ["2026-03-29 01:30:00"]);
    assert_eq!(fires(&daily.clone().fold(Fold::Second), autumn, 1), ["2026-10-25 01:30:00"]);
    assert_eq!(fires(&daily.fold(Fold::Both), autumn, 2), ["2026-10-25 00:30:00", "2026-10-25 01:30:00"]);
    // A shifted time is not lost behind one that comes first.
    let mixed = schedule("30,10 2,3 * * *", "Europe/Berlin").gap(Gap::Shift);
    assert_eq!(fires(&mixed, spring, 3), ["2026-03-29 01:10:00", "2026-03-29 01:30:00", "2026-03-30 00:10:00"]);
    // What is moved onto one instant fires once.
    let all = schedule("0,30 2,3 * * *", "Europe/Berlin");
    assert_eq!(fires(&all, spring, 2), ["2026-03-29 01:00:00", "2026-03-29 01:30:00"]);
}

#[test]
fn intervals_follow_the_clock_through_both_passes() {
    let quarter = schedule("*/30 * * * *", "America/New_York");
    assert_eq!(
        fires(&quarter, "2026-11-01T05:00:00Z", 4),
        ["2026-11-01 05:30:00", "2026-11-01 06:00:00", "2026-11-01 06:30:00", "2026-11-01 07:00:00"]
    );
    let lord_howe = schedule("*/15 1 * * *", "Australia/Lord_Howe");
    // On 5 April 2026 the clock goes back half an hour, from 02:00 to 01:30.
    assert_eq!(
        fires(&lord_howe, "2026-04-04T14:00:00Z", 7),
        [
            "2026-04-04 14:15:00",
            "2026-04-04 14:30:00",
            "2026-04-04 14:45:00",
            "2026-04-04 15:00:00",
            "2026-04-04 15:15:00",
            "2026-04-05 14:30:00",
            "2026-04-05 14:45:00",
        ]
    );
}

#[test]
fn a_day_that_a_zone_left_out_has_its_fires_after_it() {
    let apia = schedule("0 12 30 12 *", "Pacific/Apia");
    let fire = apia.next(at("2011-06-01T00:00:00Z")).unwrap();
    assert_eq!(fire.nominal, at("2011-12-30T10:00:00Z"));
    assert_eq!(
        fire.note.unwrap().to_string(),
        "the clock goes forward at 00:00 to 2011-12-31 00:00: 2011-12-30 12:00 does not come, it fires right after the gap"
    );
}

#[test]
fn seconds_and_years_can_be_named() {
    let seconds = schedule("*/20 0 0 1 1 * 2030-2032/2", "UTC");
    assert_eq!(
        fires(&seconds, "2026-01-01T00:00:00Z", 10),
        [
            "2030-01-01 00:00:00",
            "2030-01-01 00:00:20",
            "2030-01-01 00:00:40",
            "2032-01-01 00:00:00",
            "2032-01-01 00:00:20",
            "2032-01-01 00:00:40"
        ]
    );
    assert_eq!(fires(&schedule("0 0 29 2 *", "UTC"), "2096-03-01T00:00:00Z", 1), ["2104-02-29 00:00:00"]);
    assert_eq!(fires(&schedule("0 0 1 1 *", "UTC"), "2199-01-01T00:00:00Z", 1), [] as [&str; 0]);
    assert_eq!(fires(&schedule("0 0 1 1 *", "UTC"), "1931-01-01T00:00:00Z", 1), ["1970-01-01 00:00:00"]);
}

#[test]
fn an_instant_between_seconds_is_no_obstacle() {
    let every = schedule("* * * * * *", "UTC");
    assert_eq!(every.next_after(at("2026-01-01T00:00:00.999999999Z")).unwrap(), at("2026-01-01T00:00:01Z"));
    assert_eq!(every.next_after(at("2026-01-01T00:00:00Z")).unwrap(), at("2026-01-01T00:00:01Z"));
}

#[test]
fn nicknames_read_in_any_case() {
    for (nickname, next) in [
        ("@yearly", "2027-01-01 00:00:00"),
        ("@Annually", "2027-01-01 00:00:00"),
        ("@monthly", "2026-07-01 00:00:00"),
        ("@WEEKLY", "2026-06-07 00:00:00"),
        ("@daily", "2026-06-02 00:00:00"),
        ("@midnight", "2026-06-02 00:00:00"),
        ("@hourly", "2026-06-01 11:00:00"),
    ] {
        assert_eq!(fires(&schedule(nickname, "UTC"), "2026-06-01T10:30:00Z", 1), [next], "{nickname}");
    }
}

#[test]
fn hashed_places_depend_on_the_name_alone() {
    let place = |text: &str, name: &str| {
        let schedule = Schedule::new(Trigger::Cron(Cron::parse_as(text, Dialect::Crontab, name).unwrap()));
        fires(&schedule, "2026-06-01T00:00:00Z", 3)
    };
    assert_eq!(place("H H * * *", "nightly"), place("H H * * *", "nightly"));
    let places: std::collections::HashSet<_> = (0..100).map(|i| place("H H * * *", &format!("job-{i}"))).collect();
    assert!(places.len() > 80, "{} of 100 places differ", places.len());
    for name in ["a", "b", "c", "nightly"] {
        let hour = |fire: &String| fire[11..13].parse::<u32>().unwrap();
        assert!(place("0 H(2-4) * * *", name).iter().all(|fire| (2..=4).contains(&hour(fire))));
        assert!(place("0 2~4 * * *", name).iter().all(|fire| (2..=4).contains(&hour(fire))));
        let minutes: Vec<u32> = place("H/20 * * * *", name).iter().map(|fire| fire[14..16].parse().unwrap()).collect();
        assert_eq!((minutes[1] + 60 - minutes[0]) % 60, 20);
    }
    assert!(!Cron::parse("H H * * *").unwrap().follows_the_clock());
    assert!(Cron::parse("H/20 H * * *").unwrap().follows_the_clock());
}

#[test]
fn case_45_what_never_fires_is_refused() {
    for expression in ["0 0 30 2 *", "0 0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 L-30 2 *", "0 0 30W 2 *"] {
        let (error, hint) = refused(expression);
        assert_eq!(error, format!("cron expression `{expression}`: it never fires"));
        assert!(hint.is_some());
    }
    // The day of the week is enough here.
    assert!(Cron::parse("0 0 30 2 MON").is_ok());
}

#[test]
fn what_can_not_be_read_is_refused_with_its_field() {
    for (expression, part) in [
        ("* * * *", "it has 4 fields"),
        ("", "it has 0 fields"),
        ("* * * * * * * *", "it has 8 fields"),
        ("60 * * * *", "minute `60` is above 59"),
        ("* 24 * * *", "hour `24` is above 23"),
        ("* * 0 * *", "day of the month `0` is below 1"),
        ("* * * 13 *", "month `13` is above 12"),
        ("* * * * 8", "day of the week `8` is above 7"),
        ("* * * FOO *", "`FOO` is no month"),
        ("*/0 * * * *", "minute `*/0` has a step of 0"),
        ("*/60 * * * *", "minute `*/60` has a step larger than its field"),
        ("* */24 * * *", "hour `*/24` has a step larger than its field"),
        ("*/x * * * *", "minute `*/x` has the step `x`, which is no number"),
        ("1,,2 * * * *", "minute `1,,2` has an empty item"),
        ("? * * * *", "`?` is no minute"),
        ("+5 * * * *", "`+5` is no minute"),
        ("* * L-31 * *", "day of the month `L-31` names no day before the last one"),
        ("* * * * 5#6", "day of the week `5#6` has no such number in a month"),
        ("* * * * L", "`L` alone is no day of the week"),
        ("* * 0W * *", "day of the month `0` is below 1"),
        ("0 0 0 1 1 * 1969", "year `1969` is below 1970"),
        ("0 0 0 1 1 * 2032-2030", "year `2032-2030` runs backwards"),
        ("H(5 * * * *", "`H(5` is no minute"),
        ("@fortnightly", "this nickname is unknown"),
        ("CRON_TZ=UTC 0 0 * * *", "`CRON_TZ=UTC` is no field"),
        ("99999999999 * * * *", "`99999999999` is no minute"),
    ] {
        let (error, _) = refused(expression);
        assert_eq!(error, format!("cron expression `{expression}`: {part}"));
    }
    let quartz = Cron::parse_as("0 0 0 ? * 0", Dialect::Quartz, "").unwrap_err();
    assert_eq!(quartz.hint().unwrap(), "in this dialect days of the week are 1 to 7, and 1 is Sunday");
}

#[test]
fn steps_that_do_not_divide_their_field_are_warned_about() {
    let texts = |expression: &str| -> Vec<String> {
        Cron::warnings(expression, Dialect::Crontab).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        texts("*/45 * * * *"),
        ["`*/45` fires at 0 and 45 in minutes, not every 45 minutes; `@every` counts on"]
    );
    assert_eq!(texts("*/15 */6 * * *"), [] as [&str; 0]);
    assert_eq!(texts("0 0 13 * 5").len(), 1);
}
