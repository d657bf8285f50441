//! The search of APScheduler 3.11's cron trigger (`triggers/cron`), with the zones of Python's `zoneinfo`.
//!
//! Monday is 0; every field must match, both day fields too. How it goes on decides on what it finds where the clock
//! changes, so that it is done here step by step:
//!
//! - What comes twice fires twice.
//! - Of what a day's clock leaves out the first time is made up for, later by the length of the gap, unless the hour before
//!   was searched: then the search has stepped over it.
//! - Where it steps from before the clock goes forward to a later day, it comes out an hour late, and overlooks a fire at
//!   midnight: a job for the first of the month does not run on 1 April.

use std::cell::Cell;

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::{GapInfo, Tz};

use super::fields::{MONTHS, number};
use super::{How, OldFire, days_of_month, weekday};
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

/// A trigger, ready to be asked for its next fire.
pub(in crate::import) struct Search {
    years: Vec<u32>,
    months: Vec<u32>,
    days: Vec<Day>,
    weeks: Vec<u32>,
    weekdays: Vec<u32>,
    hours: Vec<u32>,
    minutes: Vec<u32>,
    seconds: Vec<u32>,
    /// Up to when it was asked, and its last fire before: each depends on the one before.
    last: Cell<Option<(DateTime<Utc>, DateTime<Utc>)>>,
}

/// A civil time with the offset that it is taken to have, whether it comes or not.
#[derive(Debug, Clone, Copy)]
struct Aware {
    civil: NaiveDateTime,
    offset: i64,
    /// Whether the second of two is meant.
    fold: bool,
}

/// The fields in the order in which they are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Week,
    DayOfWeek,
    Hour,
    Minute,
    Second,
}

const ORDER: [Field; 8] =
    [Field::Year, Field::Month, Field::Day, Field::Week, Field::DayOfWeek, Field::Hour, Field::Minute, Field::Second];

/// The fields that make up a date; the others only look at it.
const REAL: [Field; 6] = [Field::Year, Field::Month, Field::Day, Field::Hour, Field::Minute, Field::Second];

/// What fields say to `APScheduler`; an error is what it refuses.
pub(in crate::import) fn read(fields: &Fields) -> Result<Search, String> {
    Ok(Search {
        years: values(&fields.year, 1970, 2299, &[])?,
        months: values(&fields.month, 1, 12, &MONTHS)?,
        days: fields.day.split(',').map(|item| day(item.trim())).collect::<Result<Vec<_>, _>>()?,
        weeks: values(&fields.week, 1, 53, &[])?,
        weekdays: values(&fields.day_of_week, 0, 6, &DAYS)?,
        hours: values(&fields.hour, 0, 23, &[])?,
        minutes: values(&fields.minute, 0, 59, &[])?,
        seconds: values(&fields.second, 0, 59, &[])?,
        last: Cell::new(None),
    })
}

impl Search {
    /// The rules that come nearest to what it does.
    pub(super) fn policies(&self) -> (Gap, Fold) {
        // Clocks go forward at 2, or at 1 or 3 or midnight in some places.
        let steps_over = |hour: u32| self.hours.contains(&hour) && self.hours.contains(&((hour + 23) % 24));
        (if (0..=3).any(steps_over) { Gap::Skip } else { Gap::Shift }, Fold::Both)
    }

    pub(super) fn fires(&self, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>, fires: &mut Vec<OldFire>) {
        let mut start = match self.last.get() {
            Some((asked, last)) if asked == from => last + TimeDelta::seconds(1),
            _ => from,
        };
        let mut last = None;
        while let Some(found) = self.next(zone, start) {
            let at = found.at();
            // A search that goes back would never end.
            if at >= until || at < start {
                break;
            }
            let how = match zone.from_local_datetime(&found.civil) {
                MappedLocalTime::Single(_) => How::Plain,
                MappedLocalTime::Ambiguous(first, _) if first.to_utc() == at => How::First,
                MappedLocalTime::Ambiguous(..) => How::Second,
                MappedLocalTime::None => How::Gap,
            };
            if at >= from {
                fires.push(OldFire { at, how });
            }
            last = Some(at);
            start = at + TimeDelta::seconds(1);
        }
        let before = self.last.get().filter(|(asked, _)| *asked == from).map(|(_, last)| last);
        self.last.set(last.or(before).map(|last| (until, last)));
    }

    /// `CronTrigger.get_next_fire_time`, from an instant on.
    fn next(&self, zone: Tz, start: DateTime<Utc>) -> Option<Aware> {
        let mut date = Aware::of(zone, start);
        let mut index = 0_usize;
        while let Some(field) = ORDER.get(index) {
            let (now, next) = (value(*field, date.civil), self.next_value(*field, date.civil));
            match next {
                Some(next) if next == now => index += 1,
                Some(next) if REAL.contains(field) => {
                    date = date.set(zone, *field, next)?;
                    index += 1;
                }
                Some(_) => (date, index) = date.increment(zone, index)?,
                None => (date, index) = date.increment(zone, index.checked_sub(1)?)?,
            }
        }
        Some(date)
    }

    /// The first value of a field at or after the date's own.
    fn next_value(&self, field: Field, civil: NaiveDateTime) -> Option<u32> {
        let now = value(field, civil);
        let first = |values: &[u32]| values.iter().copied().find(|value| *value >= now);
        match field {
            Field::Year => first(&self.years),
            Field::Month => first(&self.months),
            Field::Week => first(&self.weeks),
            Field::DayOfWeek => first(&self.weekdays),
            Field::Hour => first(&self.hours),
            Field::Minute => first(&self.minutes),
            Field::Second => first(&self.seconds),
            Field::Day => (now..=days_of_month(civil.date())).find(|day| {
                civil.date().with_day(*day).is_some_and(|date| self.days.iter().any(|rule| rule.has(date)))
            }),
        }
    }
}

fn value(field: Field, civil: NaiveDateTime) -> u32 {
    match field {
        Field::Year => u32::try_from(civil.year()).unwrap_or_default(),
        Field::Month => civil.month(),
        Field::Day => civil.day(),
        Field::Week => civil.iso_week().week(),
        Field::DayOfWeek => from_monday(civil.date()),
        Field::Hour => civil.hour(),
        Field::Minute => civil.minute(),
        Field::Second => civil.second(),
    }
}

impl Aware {
    fn of(zone: Tz, at: DateTime<Utc>) -> Self {
        let local = at.with_timezone(&zone);
        let civil = local.naive_local();
        let fold =
            matches!(zone.from_local_datetime(&civil), MappedLocalTime::Ambiguous(_, second) if second.to_utc() == at);
        Self { civil, offset: local.offset().fix().local_minus_utc().into(), fold }
    }

    /// As `datetime(.., tzinfo=zone, fold=fold)`: what does not come has the offset before the gap, or after it.
    fn civil(zone: Tz, civil: NaiveDateTime, fold: bool) -> Option<Self> {
        let offset = match zone.from_local_datetime(&civil) {
            MappedLocalTime::Single(at) => at.offset().fix(),
            MappedLocalTime::Ambiguous(first, second) => (if fold { second } else { first }).offset().fix(),
            MappedLocalTime::None => {
                let gap = GapInfo::new(&civil, &zone)?;
                if fold { gap.end?.offset().fix() } else { gap.begin?.1.fix() }
            }
        };
        Some(Self { civil, offset: offset.local_minus_utc().into(), fold })
    }

    fn at(self) -> DateTime<Utc> {
        (self.civil - TimeDelta::seconds(self.offset)).and_utc()
    }

    /// `_set_field_value`: smaller fields at their least.
    fn set(self, zone: Tz, field: Field, to: u32) -> Option<Self> {
        Self::civil(zone, cut(self.civil, field, to)?, self.fold)
    }

    /// `_increment_field_value`: the field, or the next larger one that can be, is one more, by as many seconds as civil
    /// time has in between. With it comes the index of the field that was.
    fn increment(self, zone: Tz, mut index: usize) -> Option<(Self, usize)> {
        loop {
            let field = *ORDER.get(index)?;
            let now = value(field, self.civil);
            let most = match field {
                Field::Year => 9_999,
                Field::Month => 12,
                Field::Day => days_of_month(self.civil.date()),
                Field::Hour => 23,
                Field::Minute | Field::Second => 59,
                Field::Week | Field::DayOfWeek => 0,
            };
            if REAL.contains(&field) && now < most {
                let difference = cut(self.civil, field, now + 1)? - self.civil;
                return Some((Self::of(zone, self.at() + difference), index));
            }
            index = index.checked_sub(1)?;
        }
    }
}

/// A civil time with one field set, and the smaller ones at their least.
fn cut(civil: NaiveDateTime, field: Field, to: u32) -> Option<NaiveDateTime> {
    let (mut parts, mut smaller) = ([0_u32; 6], false);
    for (part, real) in parts.iter_mut().zip(REAL) {
        *part = match (smaller, real == field) {
            (true, _) => u32::from(matches!(real, Field::Month | Field::Day)),
            (false, true) => to,
            (false, false) => value(real, civil),
        };
        smaller |= real == field;
    }
    let [year, month, day, hour, minute, second] = parts;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)
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
