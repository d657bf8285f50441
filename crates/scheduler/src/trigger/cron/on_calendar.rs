//! Calendar expressions of systemd's timers (`OnCalendar=`), compiled like cron expressions.
//!
//! The syntax is that of systemd.time(7), with three differences: a zone stands beside the expression and not in it, there
//! are no fractions of seconds, and a time that a zone leaves out or has twice follows the schedule's rules.

use clusterkeep_core::{Error, Result};

use super::field::{Checked, DAY_OF_MONTH, Field, HOUR, MINUTE, MONTH, SECOND, Wrong, YEAR};
use super::{Cron, Days};

const SHORTHANDS: [(&str, &str); 10] = [
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

const WEEKDAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

/// Reads a whole expression.
pub(super) fn on_calendar(text: &str) -> Result<Cron> {
    read(text).map_err(|Wrong { what, hint }| {
        let error = Error::input(format!("calendar expression `{text}`: {what}"));
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}

fn read(text: &str) -> Checked<Cron> {
    let trimmed = text.trim();
    if let Some((_, long)) = SHORTHANDS.iter().find(|(short, _)| short.eq_ignore_ascii_case(trimmed)) {
        return read(long);
    }
    let mut parts = trimmed.split_ascii_whitespace().peekable();
    let weekday = parts.next_if(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_zone(part));
    let date = parts.next_if(|part| !part.contains(':') && part.contains(['-', '~']) && !is_zone(part));
    let time = parts.next_if(|part| part.contains(':'));
    match parts.next() {
        Some(zone) if is_zone(zone) => {
            return Err(wrong(format!("`{zone}` is a zone"), "say it beside the expression: `zone: Europe/Vienna`"));
        }
        Some(part) => return Err(wrong(format!("`{part}` is no part of it"), SHAPE)),
        None if weekday.is_none() && date.is_none() && time.is_none() => {
            return Err(wrong("it is empty".to_owned(), SHAPE));
        }
        None => {}
    }
    let mut cron = Cron {
        seconds: 1,
        minutes: 1,
        hours: 1,
        days: Days { of_month: !1, of_week: 0x7f, ..Days::EMPTY },
        months: 0x1ffe,
        follows_the_clock: false,
        years: None,
    };
    if let Some(weekday) = weekday {
        cron.days.of_week = weekdays(weekday)?;
    }
    if let Some(date) = date {
        read_date(date, &mut cron)?;
    }
    if let Some(time) = time {
        read_time(time, &mut cron)?;
    }
    if cron.search(-1).is_none() {
        return Err(wrong("it never fires".to_owned(), "no month that it names has such a day"));
    }
    Ok(cron)
}

const SHAPE: &str = "write weekdays, a date and a time, each of which may be left out: `Mon..Fri *-*-01..07 09:00`";

fn wrong(what: String, hint: &str) -> Wrong {
    Wrong { what, hint: Some(hint.to_owned()) }
}

fn is_zone(part: &str) -> bool {
    part.eq_ignore_ascii_case("UTC") || part.contains('/') && part.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Days as bits, Sunday is 0; the week begins on Monday, and no range goes around its end.
fn weekdays(text: &str) -> Checked<u8> {
    let day = |name: &str| {
        let is = |(short, long): &(&str, &str)| short.eq_ignore_ascii_case(name) || long.eq_ignore_ascii_case(name);
        WEEKDAYS.iter().position(is).ok_or_else(|| wrong(format!("`{name}` is no day of the week"), SHAPE))
    };
    let mut mask = 0;
    for item in text.split(',').filter(|item| !item.is_empty()) {
        let (first, last) = match item.split_once("..").or_else(|| item.split_once('-')) {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(item)?, day(item)?),
        };
        if first > last {
            return Err(wrong(format!("`{item}` runs backwards"), "the week begins on Monday: write `Sat,Sun,Mon`"));
        }
        for day in first..=last {
            mask |= 1_u8 << ((day + 1) % 7);
        }
    }
    Ok(mask)
}

fn read_date(text: &str, cron: &mut Cron) -> Checked<()> {
    // Days that count from the month's end stand behind `~` instead of `-`.
    let (rest, day, from_end) = match (text.rsplit_once('~'), text.rsplit_once('-')) {
        (Some((rest, day)), _) => (rest, day, true),
        (None, Some((rest, day))) => (rest, day, false),
        (None, None) => return Err(wrong(format!("`{text}` is no date"), SHAPE)),
    };
    let (year, month) = rest.rsplit_once('-').unwrap_or(("*", rest));
    if year != "*" {
        let mut years = Box::new([0_u64; 4]);
        component(&YEAR, year, &mut |year| {
            let index = year - YEAR.min;
            if let Some(bits) = years.get_mut((index / 64) as usize) {
                *bits |= 1 << (index % 64);
            }
        })?;
        cron.years = Some(years);
    }
    let months = mask(&MONTH, month)?.0;
    cron.months = u16::try_from(months).unwrap_or_default();
    if !from_end || day == "*" {
        cron.days.of_month = u32::try_from(mask(&DAY_OF_MONTH, day)?.0).unwrap_or_default();
        return Ok(());
    }
    let mut from_last = 0;
    for item in day.split(',') {
        // Steps go towards the month's end.
        match item.split_once('/').map(|(first, step)| (value(&DAY_OF_MONTH, first), step.parse::<usize>())) {
            Some((Ok(first), Ok(step))) if step > 0 => {
                (1..=first).rev().step_by(step).for_each(|day| from_last |= 1 << (day - 1));
            }
            Some((Err(wrong), _)) => return Err(wrong),
            Some(_) => return Err(wrong(format!("`{item}` has no step that is a number above 0"), SHAPE)),
            None => {
                component(&DAY_OF_MONTH, item, &mut |day| from_last |= 1 << (day - 1))?;
            }
        }
    }
    (cron.days.of_month, cron.days.from_last) = (0, from_last);
    Ok(())
}

fn read_time(text: &str, cron: &mut Cron) -> Checked<()> {
    let mut parts = text.split(':');
    let (hour, minute) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let second = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return Err(wrong(format!("`{text}` is no time"), SHAPE));
    }
    let second = match second.split_once('.').filter(|_| !second.contains("..")) {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => {
            return Err(wrong(format!("second `{second}` has a fraction"), "`@every 500ms` is for less than a second"));
        }
        None => second,
    };
    let (hours, hour) = mask(&HOUR, hour)?;
    let (minutes, minute) = mask(&MINUTE, minute)?;
    let (seconds, second) = mask(&SECOND, second)?;
    (cron.seconds, cron.minutes, cron.hours) = (seconds, minutes, u32::try_from(hours).unwrap_or_default());
    cron.follows_the_clock = hour || minute || second;
    Ok(())
}

/// The values of a component as bits, and whether it is an interval.
fn mask(field: &Field, text: &str) -> Checked<(u64, bool)> {
    let mut mask = 0;
    let interval = component(field, text, &mut |value| mask |= 1 << value)?;
    Ok((mask, interval))
}

/// Sets each value of a component: `*`, or a list of values, ranges and either with a step.
fn component(field: &Field, text: &str, set: &mut impl FnMut(u32)) -> Checked<bool> {
    if text == "*" {
        (field.min..=field.max).for_each(set);
        return Ok(true);
    }
    let mut interval = false;
    for item in text.split(',') {
        let (base, step) = match item.split_once('/') {
            Some(("*", step)) => {
                let hint = format!("write `{}/{step}`", field.min);
                return Err(wrong(format!("{} `{item}` has no value that its step counts from", field.name), &hint));
            }
            Some((base, step)) => (base, Some(field.step(item, step)?)),
            None => (item, None),
        };
        let (first, last) = match base.split_once("..") {
            Some((first, last)) => (value(field, first)?, value(field, last)?),
            None => {
                let first = value(field, base)?;
                (first, if step.is_some() { field.max } else { first })
            }
        };
        if first > last {
            return Err(field.wrong(format!("{} `{item}` runs backwards", field.name)));
        }
        interval |= first != last;
        (first..=last).step_by(step.unwrap_or(1) as usize).for_each(&mut *set);
    }
    Ok(interval)
}

fn value(field: &Field, text: &str) -> Checked<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(mut number) = text.parse::<u32>().ok().filter(|_| digits) else {
        return Err(field.wrong(format!("`{text}` is no {}", field.name)));
    };
    // Two digits mean 1970 to 2069.
    if field.min == YEAR.min && number < 100 {
        number += if number < 70 { 2000 } else { 1900 };
    }
    if (field.min..=field.max).contains(&number) {
        return Ok(number);
    }
    let side = if number < field.min { format!("below {}", field.min) } else { format!("above {}", field.max) };
    Err(field.wrong(format!("{} `{text}` is {side}", field.name)))
}
