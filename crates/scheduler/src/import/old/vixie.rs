//! The rules of Vixie's cron, which Debian's cron and cronie keep (`entry.c` and `cron.c`; crontab(5), cron(8)).
//!
//! - Either of two restricted day fields is enough, unless one begins with `*`, steps or not.
//! - A job whose minute or hour begins with `*` follows the clock: it skips what is left out, and runs in both passes of
//!   what comes twice. Any other runs once: at the end of what is left out, once for each time, and in the first pass.

use chrono::{Datelike, NaiveDate};

use super::fields::{Grammar, MONTHS, WEEKDAYS};
use super::{Civil, OnDay, weekday};
use crate::trigger::{Fold, Gap};

/// Nicknames and what `entry.c` makes of them.
const NICKNAMES: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@every_minute", "* * * * *"),
];

/// What a line's first fields say to cron; an error is what cron refuses.
pub(in crate::import) fn read(text: &str) -> Result<Civil, String> {
    let long = NICKNAMES.iter().find(|(short, _)| *short == text).map_or(text, |(_, long)| long);
    let fields: Vec<&str> = long.split_ascii_whitespace().collect();
    let [minute, hour, day, month, week] = fields.as_slice() else {
        return Err("cron takes five fields".to_owned());
    };
    let months = Grammar { names: &MONTHS, ..Grammar::of(1, 12) }.values(month)?;
    let days = Grammar::of(1, 31).values(day)?;
    let weekdays: Vec<u32> =
        Grammar { names: &WEEKDAYS, ..Grammar::of(0, 7) }.values(week)?.into_iter().map(|day| day % 7).collect();
    let both = day.starts_with('*') || week.starts_with('*');
    let on_day: OnDay = Box::new(move |date: NaiveDate| {
        let (by_month, by_week) = (days.contains(&date.day()), weekdays.contains(&weekday(date)));
        months.contains(&date.month()) && if both { by_month && by_week } else { by_month || by_week }
    });
    let wildcard = minute.starts_with('*') || hour.starts_with('*');
    Ok(Civil {
        seconds: vec![0],
        minutes: Grammar::of(0, 59).values(minute)?,
        hours: Grammar::of(0, 23).values(hour)?,
        on_day,
        gap: if wildcard { Gap::Skip } else { Gap::RunAfter },
        fold: if wildcard { Fold::Both } else { Fold::First },
    })
}
