//! The rules of systemd's timers (systemd.time(7), `calendarspec.c`), as `systemd-analyze calendar` shows them.
//!
//! What a zone leaves out is skipped, and what comes twice fires when it comes first: `systemd-analyze` 252 says so of
//! fixed times and of intervals alike.

use chrono::{Datelike, NaiveDate};

use super::fields::{all, number};
use super::{Civil, OnDay, days_of_month, weekday};
use crate::trigger::{Fold, Gap};

const WORDS: [(&str, &str); 10] = [
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("biannually", "*-01,07-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
];

/// Monday is 1, as its ranges count.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What an expression without a zone says to systemd.
pub(in crate::import) fn read(text: &str) -> Result<Civil, String> {
    let lower = text.trim().to_ascii_lowercase();
    let long = WORDS.iter().find(|(word, _)| *word == lower).map_or(lower.clone(), |(_, long)| long.to_lowercase());
    let mut rest = long.as_str();
    let mut week = all(1, 7);
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (days, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        week = weekdays(days)?;
        rest = tail.trim_start();
    }
    let (date, time) = match rest.split_once([' ', 't']) {
        Some((date, time)) => (date, time.trim()),
        None if rest.contains(':') => ("*-*-*", rest),
        None if rest.is_empty() => ("*-*-*", "00:00:00"),
        None => (rest, "00:00:00"),
    };
    let (front, day, from_end) = match date.rsplit_once('~') {
        Some((front, day)) => (front, day, true),
        None => date.rsplit_once('-').map(|(front, day)| (front, day, false)).ok_or_else(|| refused(date))?,
    };
    let (year, month) = front.rsplit_once('-').unwrap_or(("*", front));
    let years: Vec<u32> = component(year, 0, 2199)?
        .into_iter()
        .map(|year| {
            if year < 70 {
                year + 2000
            } else if year < 100 {
                year + 1900
            } else {
                year
            }
        })
        .collect();
    let months = component(month, 1, 12)?;
    let days = if from_end { from_last(day)? } else { component(day, 1, 31)? };
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, "00"),
        [hour, minute, second] => (*hour, *minute, second.split_once(".0").map_or(*second, |(whole, _)| whole)),
        _ => return Err(refused(time)),
    };
    let any_year = year == "*";
    let on_day: OnDay = Box::new(move |date: NaiveDate| {
        let counted = if from_end { days_of_month(date) - date.day() + 1 } else { date.day() };
        (any_year || u32::try_from(date.year()).is_ok_and(|year| years.contains(&year)))
            && months.contains(&date.month())
            && days.contains(&counted)
            && week.contains(&((weekday(date) + 6) % 7 + 1))
    });
    Ok(Civil {
        seconds: component(second, 0, 59)?,
        minutes: component(minute, 0, 59)?,
        hours: component(hour, 0, 23)?,
        on_day,
        gap: Gap::Skip,
        fold: Fold::First,
    })
}

fn refused(part: &str) -> String {
    format!("`{part}` is refused there")
}

fn weekdays(text: &str) -> Result<Vec<u32>, String> {
    let day = |name: &str| {
        let index = DAYS.iter().position(|day| name.starts_with(day));
        index.and_then(|index| u32::try_from(index + 1).ok()).ok_or_else(|| refused(name))
    };
    let mut days = Vec::new();
    for item in text.split(',').filter(|item| !item.is_empty()) {
        match item.split_once("..").or_else(|| item.split_once('-')) {
            Some((first, last)) => days.extend(day(first)?..=day(last)?),
            None => days.push(day(item)?),
        }
    }
    Ok(days)
}

fn component(text: &str, low: u32, high: u32) -> Result<Vec<u32>, String> {
    if text == "*" {
        return Ok(all(low, high));
    }
    let mut values = Vec::new();
    for item in text.split(',') {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let (first, last) = base.split_once("..").map_or((base, None), |(first, last)| (first, Some(last)));
        let first = number(first).ok_or_else(|| refused(item))?;
        let last = match (last, step) {
            (Some(last), _) => number(last).ok_or_else(|| refused(item))?,
            (None, Some(_)) => high,
            (None, None) => first,
        };
        if first < low || last > high {
            return Err(refused(item));
        }
        let step = step.map_or(Some(1), number).filter(|step| *step > 0).ok_or_else(|| refused(item))?;
        values.extend((first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX)));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// Days counted from a month's end, the last one is 1; steps go towards the end.
fn from_last(text: &str) -> Result<Vec<u32>, String> {
    let mut values = Vec::new();
    for item in text.split(',') {
        let Some((first, step)) = item.split_once('/') else {
            values.extend(component(item, 1, 31)?);
            continue;
        };
        let first = number(first).filter(|first| *first <= 31).ok_or_else(|| refused(item))?;
        let step = number(step).filter(|step| *step > 0).ok_or_else(|| refused(item))?;
        values.extend((1..=first).rev().step_by(usize::try_from(step).unwrap_or(usize::MAX)));
    }
    Ok(values)
}
