//! The rules of robfig/cron v3, by which Kubernetes' controller reads schedules (`parser.go`, `spec.go`).
//!
//! - Either of two restricted day fields is enough, unless one has a plain `*` or `?`; a step makes it a restriction.
//! - It looks for instants whose wall clock matches: what is left out is skipped, and what comes twice fires twice.

use chrono::{Datelike, NaiveDate};

use super::fields::{Grammar, MONTHS, WEEKDAYS};
use super::{Civil, OnDay, weekday};
use crate::trigger::{Fold, Gap};

const DESCRIPTORS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What a schedule without a zone says to Kubernetes; an error is what it refuses.
pub(in crate::import) fn read(text: &str) -> Result<Civil, String> {
    let long = DESCRIPTORS.iter().find(|(short, _)| *short == text).map_or(text, |(_, long)| long);
    let fields: Vec<&str> = long.split_ascii_whitespace().collect();
    let [minute, hour, day, month, week] = fields.as_slice() else {
        return Err("Kubernetes takes five fields".to_owned());
    };
    let grammar = |low, high| Grammar { question: true, open_step: true, ..Grammar::of(low, high) };
    let months = Grammar { names: &MONTHS, ..grammar(1, 12) }.values(month)?;
    let days = grammar(1, 31).values(day)?;
    let weekdays = Grammar { names: &WEEKDAYS, ..grammar(0, 6) }.values(week)?;
    let both = is_star(day) || is_star(week);
    let on_day: OnDay = Box::new(move |date: NaiveDate| {
        let (by_month, by_week) = (days.contains(&date.day()), weekdays.contains(&weekday(date)));
        months.contains(&date.month()) && if both { by_month && by_week } else { by_month || by_week }
    });
    Ok(Civil {
        seconds: vec![0],
        minutes: grammar(0, 59).values(minute)?,
        hours: grammar(0, 23).values(hour)?,
        on_day,
        gap: Gap::Skip,
        fold: Fold::Both,
    })
}

/// Whether one of a field's items sets the bit that stands for a star.
fn is_star(field: &str) -> bool {
    field.split(',').any(|item| matches!(item, "*" | "?" | "*/1" | "?/1"))
}
