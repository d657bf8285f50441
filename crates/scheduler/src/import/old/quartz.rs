//! The rules of Quartz (`CronExpression.java`): seconds first, 1 is Sunday, one of the two day fields is `?`.

use chrono::{Datelike, NaiveDate};

use super::fields::{Grammar, MONTHS, WEEKDAYS, number};
use super::{Civil, OnDay, days_of_month, weekday};
use crate::trigger::{Fold, Gap};

/// Which days of a month.
enum DayOfMonth {
    These(Vec<u32>),
    /// So many days before the last one.
    FromLast(u32),
    /// The weekday nearest to a day, within its month.
    Nearest(u32),
    /// The weekday nearest to the day that is so many before the last one.
    NearestToLast(u32),
}

/// Which days of the week; 1 is Sunday.
enum DayOfWeek {
    These(Vec<u32>),
    Last(u32),
    Nth(u32, u32),
}

/// What an expression says to Quartz; an error is what it refuses.
pub(in crate::import) fn read(text: &str) -> Result<Civil, String> {
    let upper = text.to_ascii_uppercase();
    let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
    let (second, minute, hour, day, month, week, year) = match fields.as_slice() {
        [second, minute, hour, day, month, week] => (second, minute, hour, day, month, week, &"*"),
        [second, minute, hour, day, month, week, year] => (second, minute, hour, day, month, week, year),
        _ => return Err("Quartz takes six or seven fields".to_owned()),
    };
    if (*day == "?") == (*week == "?") {
        return Err("Quartz wants `?` in one of the two day fields, and in one only".to_owned());
    }
    let grammar = |low, high| Grammar { open_step: true, around: true, ..Grammar::of(low, high) };
    let months = Grammar { names: &MONTHS, ..grammar(1, 12) }.values(month)?;
    let years = Grammar { around: false, ..grammar(1970, 2299) }.values(year)?;
    let by_month = if *day == "?" { None } else { Some(day_of_month(day)?) };
    let by_week = if *week == "?" { None } else { Some(day_of_week(week)?) };
    let on_day: OnDay = Box::new(move |date: NaiveDate| {
        u32::try_from(date.year()).is_ok_and(|year| years.contains(&year))
            && months.contains(&date.month())
            && by_month.as_ref().is_none_or(|rule| rule.has(date))
            && by_week.as_ref().is_none_or(|rule| rule.has(date))
    });
    Ok(Civil {
        seconds: grammar(0, 59).values(second)?,
        minutes: grammar(0, 59).values(minute)?,
        hours: grammar(0, 23).values(hour)?,
        on_day,
        gap: Gap::Skip,
        fold: Fold::Second,
    })
}

fn day_of_month(field: &str) -> Result<DayOfMonth, String> {
    let (base, nearest) = match field.strip_suffix('W') {
        Some(base) => (base, true),
        None => (field, false),
    };
    if let Some(before) = base.strip_prefix('L') {
        let before = match before.strip_prefix('-') {
            Some(before) => number(before).ok_or_else(|| format!("`{field}` is refused there"))?,
            None if before.is_empty() => 0,
            None => return Err(format!("`{field}` is refused there")),
        };
        return Ok(if nearest { DayOfMonth::NearestToLast(before) } else { DayOfMonth::FromLast(before) });
    }
    if nearest {
        return number(base).map(DayOfMonth::Nearest).ok_or_else(|| format!("`{field}` is refused there"));
    }
    let grammar = Grammar { open_step: true, around: true, ..Grammar::of(1, 31) };
    grammar.values(field).map(DayOfMonth::These)
}

fn day_of_week(field: &str) -> Result<DayOfWeek, String> {
    let grammar = Grammar { names: &WEEKDAYS, open_step: true, around: true, ..Grammar::of(1, 7) };
    let refused = || format!("`{field}` is refused there");
    if field == "L" {
        return Ok(DayOfWeek::These(vec![7]));
    }
    if let Some((day, nth)) = field.split_once('#') {
        let nth = number(nth).filter(|nth| (1..=5).contains(nth)).ok_or_else(refused)?;
        return Ok(DayOfWeek::Nth(grammar.value(day).ok_or_else(refused)?, nth));
    }
    if let Some(day) = field.strip_suffix('L') {
        return Ok(DayOfWeek::Last(grammar.value(day).ok_or_else(refused)?));
    }
    grammar.values(field).map(DayOfWeek::These)
}

impl DayOfMonth {
    fn has(&self, date: NaiveDate) -> bool {
        let last = days_of_month(date);
        match self {
            Self::These(days) => days.contains(&date.day()),
            Self::FromLast(before) => date.day() + before == last,
            // A day that a month has not counts as its last one.
            Self::Nearest(day) => nearest(date, (*day).min(last)) == Some(date.day()),
            Self::NearestToLast(before) => {
                last.checked_sub(*before).is_some_and(|day| nearest(date, day) == Some(date.day()))
            }
        }
    }
}

/// The weekday nearest to a day, in the month of `date`.
fn nearest(date: NaiveDate, day: u32) -> Option<u32> {
    let (last, wanted) = (days_of_month(date), date.with_day(day)?);
    Some(match weekday(wanted) {
        6 if day == 1 => 3,
        6 => day - 1,
        0 if day == last => day - 2,
        0 => day + 1,
        _ => day,
    })
}

impl DayOfWeek {
    fn has(&self, date: NaiveDate) -> bool {
        let is = |day: u32| weekday(date) + 1 == day;
        match self {
            Self::These(days) => days.iter().any(|day| is(*day)),
            Self::Last(day) => is(*day) && date.day() + 7 > days_of_month(date),
            Self::Nth(day, nth) => is(*day) && date.day().div_ceil(7) == *nth,
        }
    }
}
