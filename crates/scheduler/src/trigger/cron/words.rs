//! An expression in plain words, made of what it was compiled to and not of its text: what is said is what fires.

use std::fmt::Write as _;

use super::days::bits;
use super::search::YEARS;
use super::{Cron, Days};

/// Up to so many times of a day are told one by one.
const MOST_TIMES: u32 = 6;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Cron {
    /// What the expression says, in plain words.
    ///
    /// ```
    /// use clusterkeep_scheduler::Cron;
    /// let cron = Cron::parse("*/15 9-17 * * MON-FRI")?;
    /// assert_eq!(cron.explain(), "every 15 minutes from 09:00 to 17:59 on Monday to Friday");
    /// # Ok::<(), clusterkeep_core::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = self.clock();
        let days = self.days.words();
        if !days.is_empty() {
            let _infallible = write!(text, " {days}");
        }
        if self.months.count_ones() < 12 {
            let months: Vec<u32> = bits(self.months.into()).collect();
            let _infallible = write!(text, " in {}", list(&months, |month| name(&MONTHS, month.wrapping_sub(1))));
        }
        if let Some(years) = &self.years {
            let named = (0_u32..).zip(YEARS).filter(|(index, _)| {
                years.get((index / 64) as usize).is_some_and(|bits| bits & (1 << (index % 64)) != 0)
            });
            let years: Vec<u32> = named.filter_map(|(_, year)| u32::try_from(year).ok()).collect();
            let _infallible = write!(text, " in {}", list(&years, |year| year.to_string()));
        }
        text
    }

    /// The times of a day.
    fn clock(&self) -> String {
        let count = |mask: u64| mask.count_ones();
        let (seconds, minutes, hours) = (self.seconds, self.minutes, u64::from(self.hours));
        if count(seconds) * count(minutes) * count(hours) <= MOST_TIMES {
            return format!("at {}", and(&self.times()));
        }
        let within_hours = match (count(hours), consecutive(hours)) {
            (24, _) => String::new(),
            (1, _) => format!(" from {0:02}:00 to {0:02}:59", hours.trailing_zeros()),
            (_, Some((first, last))) => format!(" from {first:02}:00 to {last:02}:59"),
            _ => format!(" in the hours {}", list(&values(hours), |hour| hour.to_string())),
        };
        let of_hour = if count(hours) == 24 { " of every hour" } else { "" };
        if seconds == 1 {
            let minutes = match every(minutes, 60, "minute") {
                Some(every) => every,
                None => format!("at {}{of_hour}", numbered("minute", minutes)),
            };
            return format!("{minutes}{within_hours}");
        }
        let seconds = every(seconds, 60, "second").unwrap_or_else(|| format!("at {}", numbered("second", seconds)));
        match count(minutes) {
            60 if seconds.starts_with("at") => format!("{seconds} of every minute{within_hours}"),
            60 => format!("{seconds}{within_hours}"),
            _ => format!("{seconds} of {}{of_hour}{within_hours}", numbered("minute", minutes)),
        }
    }

    /// Each time of a day.
    fn times(&self) -> Vec<String> {
        let mut times = Vec::new();
        for hour in values(self.hours.into()) {
            for minute in values(self.minutes) {
                for second in values(self.seconds) {
                    times.push(match self.seconds {
                        1 => format!("{hour:02}:{minute:02}"),
                        _ => format!("{hour:02}:{minute:02}:{second:02}"),
                    });
                }
            }
        }
        times
    }
}

impl Days {
    fn words(&self) -> String {
        let month = self.month_words();
        let week = self.week_words(if month.is_some() && !self.either { "a" } else { "every" });
        match (month, week) {
            (None, None) => String::new(),
            (Some(month), None) => format!("on {month} of the month"),
            (None, Some(week)) => format!("on {week}"),
            (Some(month), Some(week)) if self.either => format!("on {month} of the month, and also on {week}"),
            (Some(month), Some(week)) => format!("on {month} of the month, if that is {week}"),
        }
    }

    /// `None` is any day.
    fn month_words(&self) -> Option<String> {
        if self.of_month == !1 {
            return None;
        }
        let mut parts = Vec::new();
        let days: Vec<u32> = bits(self.of_month).collect();
        if !days.is_empty() {
            parts.push(format!("the {}", list(&days, ordinal)));
        }
        parts.extend(bits(self.from_last).map(|before| match before {
            0 => "the last day".to_owned(),
            1 => "the day before the last".to_owned(),
            _ => format!("the {} day before the last", ordinal(before)),
        }));
        parts.extend(bits(self.nearest).map(|day| format!("the weekday nearest to the {}", ordinal(day))));
        if self.last_weekday {
            parts.push("the last weekday".to_owned());
        }
        Some(and(&parts))
    }

    /// `None` is any day.
    fn week_words(&self, article: &str) -> Option<String> {
        if self.of_week == 0x7f {
            return None;
        }
        let mut parts = Vec::new();
        // The week is told from Monday on.
        let days: Vec<u32> =
            bits(u32::from(self.of_week)).filter(|day| *day > 0).chain((self.of_week & 1 != 0).then_some(7)).collect();
        let weekday = |day: u32| name(&WEEKDAYS, day % 7);
        match days.as_slice() {
            [] => {}
            [day] => parts.push(format!("{article} {}", weekday(*day))),
            days => parts.push(list(days, weekday)),
        }
        for (number, weekdays) in (1_u32..).zip(self.nth) {
            parts.extend(bits(weekdays.into()).map(|day| format!("the {} {}", ordinal(number), weekday(day))));
        }
        parts.extend(bits(self.last.into()).map(|day| format!("the last {}", weekday(day))));
        Some(and(&parts))
    }
}

fn name(names: &[&str], index: u32) -> String {
    names.get(index as usize).copied().unwrap_or_default().to_owned()
}

fn values(mask: u64) -> Vec<u32> {
    (0..64).filter(|bit| mask & (1 << bit) != 0).collect()
}

/// First and last of values without a hole, if there are two or more.
fn consecutive(mask: u64) -> Option<(u32, u32)> {
    let (first, last) = (mask.trailing_zeros(), 63 - mask.leading_zeros());
    (first < last && mask.count_ones() == last - first + 1).then_some((first, last))
}

/// `every 15 minutes`, where the values go evenly around the field from 0 on.
fn every(mask: u64, size: u32, unit: &str) -> Option<String> {
    let step = size / mask.count_ones();
    let even =
        mask.count_ones() > 1 && values(mask).into_iter().zip(0_u32..).all(|(value, index)| value == index * step);
    match (even && size.is_multiple_of(step) && size / step == mask.count_ones(), step) {
        (true, 1) => Some(format!("every {unit}")),
        (true, _) => Some(format!("every {step} {unit}s")),
        (false, _) => None,
    }
}

fn numbered(unit: &str, mask: u64) -> String {
    let values = values(mask);
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{unit}{plural} {}", list(&values, |value| value.to_string()))
}

/// `1st`, `2nd`, `3rd`, ...
fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Values in order; three or more that follow one another are told as a range.
fn list(values: &[u32], word: impl Fn(u32) -> String) -> String {
    let mut parts = Vec::new();
    let mut rest = values;
    while let [first, ..] = rest {
        let run = rest.iter().zip(*first..).take_while(|(value, expected)| *value == expected).count();
        let (taken, left) = rest.split_at(if run > 2 { run } else { 1 });
        parts.push(match taken {
            [first, .., last] => format!("{} to {}", word(*first), word(*last)),
            _ => word(*first),
        });
        rest = left;
    }
    and(&parts)
}

fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
