//! The rules of APScheduler 3's cron trigger (`triggers/cron`), with the zones of Python's `zoneinfo`.
//!
//! - Monday is 0; every field must match, both day fields too.
//! - What comes twice fires twice. Of what a day's clock leaves out the first time is made up for, later by the length of
//!   the gap, and then only where the hour before it is not named: else the search steps over it.

use chrono::{Datelike, NaiveDate};

use super::fields::{MONTHS, number};
use super::{Civil, OnDay, days_of_month, weekday};
use crate::trigger::{Fold, Gap};

/// The days of the week from 0 on.
pub(in crate::import) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The fields of a trigger as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct Fields {
    pub(in crate::import) year: String,
    pub(in crate::import) month: String,
    pub(in crate::import) day: String,
    pub(in crate::import) week: String,
    pub(in crate::import) day_of_week: String,
    pub(in crate::import) hour: String,
    pub(in crate::import) minute: String,
    pub(in crate::import) second: String,
}

/// One item of the field for days of the month.
enum Day {
    /// Numbers.
    These(Vec<u32>),
    Last,
    /// The first to the fifth such day of the week, from 1 on.
    Nth(u32, u32),
    LastOf(u32),
}

/// What fields say to `APScheduler`; an error is what it refuses.
pub(in crate::import) fn read(fields: &Fields) -> Result<Civil, String> {
    let years = values(&fields.year, 1970, 2299, &[])?;
    let months = values(&fields.month, 1, 12, &MONTHS)?;
    let weeks = values(&fields.week, 1, 53, &[])?;
    let weekdays = values(&fields.day_of_week, 0, 6, &DAYS)?;
    let days = fields.day.split(',').map(|item| day(item.trim())).collect::<Result<Vec<_>, _>>()?;
    let on_day: OnDay = Box::new(move |date: NaiveDate| {
        u32::try_from(date.year()).is_ok_and(|year| years.contains(&year))
            && months.contains(&date.month())
            && weeks.contains(&date.iso_week().week())
            && weekdays.contains(&from_monday(date))
            && days.iter().any(|day| day.has(date))
    });
    let hours = values(&fields.hour, 0, 23, &[])?;
    // Changes of the clock leave out the hour from 2, or from 1 in the west of Europe, or from 0 or 3 in some places.
    let steps_over = |hour: u32| hours.contains(&hour) && hours.contains(&((hour + 23) % 24));
    let gap = if (0..=3).any(steps_over) { Gap::Skip } else { Gap::Shift };
    Ok(Civil {
        seconds: values(&fields.second, 0, 59, &[])?,
        minutes: values(&fields.minute, 0, 59, &[])?,
        hours,
        on_day,
        gap,
        fold: Fold::Both,
        once: true,
    })
}

fn from_monday(date: NaiveDate) -> u32 {
    (weekday(date) + 6) % 7
}

/// The values of a field of numbers and names.
pub(in crate::import) fn values(text: &str, low: u32, high: u32, names: &[&str]) -> Result<Vec<u32>, String> {
    let mut values = Vec::new();
    for item in text.split(',').map(str::trim) {
        let refused = || format!("`{item}` is refused there");
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let step = step.map(|step| number(step).filter(|step| *step > 0).ok_or_else(refused)).transpose()?;
        let value = |text: &str| {
            let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
            let named = named.and_then(|index| u32::try_from(index).ok()).map(|index| low + index);
            named.or_else(|| number(text)).filter(|value| (low..=high).contains(value)).ok_or_else(refused)
        };
        let (first, last) = match base.split_once('-') {
            _ if base == "*" => (low, high),
            Some((first, last)) => (value(first)?, value(last)?),
            None => (value(base)?, if step.is_some() { high } else { value(base)? }),
        };
        if first > last {
            return Err(refused());
        }
        values.extend((first..=last).step_by(usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX)));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// `1st mon`, `last fri`: which one, 0 for the last, and the day of the week.
pub(in crate::import) fn position(item: &str) -> Option<(u32, u32)> {
    let (which, day) = item.split_once(char::is_whitespace)?;
    let which = ["last", "1st", "2nd", "3rd", "4th", "5th"].iter().position(|name| name.eq_ignore_ascii_case(which))?;
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day.trim()))?;
    Some((u32::try_from(which).ok()?, u32::try_from(day).ok()?))
}

fn day(item: &str) -> Result<Day, String> {
    if item.eq_ignore_ascii_case("last") {
        return Ok(Day::Last);
    }
    match position(item) {
        Some((0, day)) => Ok(Day::LastOf(day)),
        Some((which, day)) => Ok(Day::Nth(which, day)),
        None => values(item, 1, 31, &[]).map(Day::These),
    }
}

impl Day {
    fn has(&self, date: NaiveDate) -> bool {
        let (day, last) = (date.day(), days_of_month(date));
        match self {
            Self::These(days) => days.contains(&day),
            Self::Last => day == last,
            Self::Nth(which, weekday) => from_monday(date) == *weekday && day.div_ceil(7) == *which,
            Self::LastOf(weekday) => from_monday(date) == *weekday && day + 7 > last,
        }
    }
}
