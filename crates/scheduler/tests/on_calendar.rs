//! Calendar expressions against `systemd-analyze calendar`, where it is installed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a panic is how a test fails")]

use std::process::Command;

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use clusterkeep_scheduler::{Cron, Schedule, Trigger};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const BASE: &str = "2026-01-15T10:20:30Z";

fn ours(text: &str) -> Option<Vec<NaiveDateTime>> {
    let schedule = Schedule::new(Trigger::Cron(Cron::on_calendar(text).ok()?));
    let base: DateTime<Utc> = BASE.parse().unwrap();
    Some(schedule.upcoming(base).take(6).map(|fire| fire.nominal.naive_utc()).collect())
}

/// `None` where the program is missing; no fires where it refuses the expression, or where there are none.
fn theirs(text: &str) -> Option<Vec<NaiveDateTime>> {
    let output = Command::new("systemd-analyze")
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .args(["calendar", "--iterations=6", "--base-time=2026-01-15 10:20:30 UTC", &format!("{text} UTC")])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let fires = text.lines().filter(|line| line.contains("Next elapse:") || line.contains("Iter."));
    let read = |line: &str| {
        let (_, time) = line.split_once(": ")?;
        NaiveDateTime::parse_from_str(time.trim(), "%a %Y-%m-%d %H:%M:%S UTC").ok()
    };
    Some(fires.filter_map(read).collect())
}

fn has_systemd() -> bool {
    let there = theirs("daily").is_some_and(|fires| fires.len() == 6);
    if !there {
        eprintln!("not run: systemd-analyze is not installed");
    }
    there
}

#[test]
fn examples_of_the_manual() {
    if !has_systemd() {
        return;
    }
    for text in [
        "Sat,Thu,Mon..Wed,Sat..Sun",
        "Mon,Sun 12-*-* 2,1:23",
        "Wed *-1",
        "Wed..Wed,Wed *-1",
        "Wed, 17:48",
        "Wed..Sat,Tue 12-10-15 1:2:3",
        "*-*-7 0:0:0",
        "10-15",
        "monday *-12-* 17:00",
        "Mon,Fri *-*-3,1,2 *:30:45",
        "12,14,13,12:20,10,30",
        "12..14:10,20,30",
        "mon,fri *-1/2-1,3 *:30:45",
        "03-05 08:05:40",
        "08:05:40",
        "05:40",
        "Sat,Sun 12-05 08:05:40",
        "Sat,Sun 08:05:40",
        "2030-03-05 05:40",
        "*-02~03",
        "Mon *-05~07/1",
        "*-*~1..3",
        "*:0/7:5/20",
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly",
        "*-*-* *:*:00.000000",
    ] {
        // A list of weekdays may end with a comma there.
        let written = text.replace("Wed, ", "Wed ");
        assert_eq!(ours(&written).unwrap_or_default(), theirs(text).unwrap(), "{text}");
    }
}

#[test]
fn what_systemd_refuses_is_refused() {
    for text in [
        "",
        "Sat..Mon",
        "*-*/2-01",
        "*:*/15",
        "*-*~3..1",
        "*/2-1-1",
        "*-*-31..5",
        "22..2:00",
        "10",
        "*:0/60",
        "*:0/0",
        "*:5/100",
        "24:00",
        "*-*-*T10:00",
        "*-*-1~2",
        "mon.. 10:00",
        "*..5:00",
        "1970",
        "*-*-* 5:",
        "2026-02-30",
        "*-13-01",
        "*-*-32",
        "Foo 10:00",
        "10:00 Mon",
        "10:00:00:00",
    ] {
        assert!(Cron::on_calendar(text).is_err(), "{text}");
        assert!(theirs(text).is_none_or(|fires| fires.is_empty()), "{text}");
    }
    // Differences that are meant.
    let hint = |text: &str| Cron::on_calendar(text).unwrap_err().hint().unwrap();
    assert_eq!(hint("Mon 10:00 Europe/Vienna"), "say it beside the expression: `zone: Europe/Vienna`");
    assert_eq!(hint("*:*:00.5"), "`@every 500ms` is for less than a second");
    assert_eq!(hint("*:*/15"), "write `0/15`");
}

/// A component: a star, a list, a range or a step.
fn component(min: u32, max: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        2 => proptest::collection::vec(min..=max, 1..4)
            .prop_map(|values| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
        // A range of one value is refused there.
        1 => (min..max, min..=max).prop_map(|(a, b)| if a == b { a.to_string() } else { format!("{}..{}", a.min(b), a.max(b)) }),
        1 => (min..=max / 2, 1..=(max - min) / 3).prop_map(|(first, step)| format!("{first}/{step}")),
    ]
}

fn expressions() -> impl Strategy<Value = String> {
    let weekday = prop_oneof![
        3 => Just(String::new()),
        1 => Just("Mon..Fri ".to_owned()),
        1 => Just("Sat,Sun ".to_owned()),
        1 => Just("tuesday ".to_owned()),
    ];
    let year =
        prop_oneof![3 => Just("*".to_owned()), 1 => Just("2026/3".to_owned()), 1 => Just("2026..2029".to_owned())];
    let day = prop_oneof![
        3 => component(1, 31).prop_map(|day| format!("-{day}")),
        1 => (1_u32..10).prop_map(|day| format!("~{day}")),
        // A step that would leave the month at once (`~1/1`) is refused there, and does nothing here.
        1 => (4_u32..10, 1_u32..4).prop_map(|(day, step)| format!("~{day}/{step}")),
    ];
    (weekday, year, component(1, 12), day, component(0, 23), component(0, 59), component(0, 59)).prop_map(
        |(weekday, year, month, day, hour, minute, second)| {
            format!("{weekday}{year}-{month}{day} {hour}:{minute}:{second}")
        },
    )
}

#[test]
fn random_expressions_agree_with_systemd() {
    if !has_systemd() {
        return;
    }
    TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() })
        .run(&expressions(), |text| {
            let theirs = theirs(&text).unwrap();
            let ours = ours(&text).unwrap_or_default();
            let (same, rest) = ours.split_at(theirs.len().min(ours.len()));
            prop_assert_eq!(same, theirs.as_slice(), "{}", text);
            // systemd gives up after so many steps, with times that come once in a decade.
            prop_assert!(rest.first().is_none_or(|next| next.year() > 2036), "{} {:?}", text, rest);
            Ok(())
        })
        .unwrap();
}
