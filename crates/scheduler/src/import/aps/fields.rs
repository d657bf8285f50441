//! The fields of a cron trigger of `APScheduler`, as an expression of this crate's.

use clusterkeep_core::{Error, Result};

use crate::import::old::apscheduler::{DAYS, Fields, position, values};
use crate::model::When;
use crate::trigger::Dialect;

/// The fields that a crontab's expression is given as: 5, or 6 with seconds in front, or 7 with a year behind.
///
/// The numbers are handed on as they are: to `APScheduler` a 0 in the last field is Monday.
pub(in crate::import) fn of_crontab(text: &str) -> Result<Fields> {
    let parts: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    let (second, rest, year) = match parts.len() {
        5 => ("0".to_owned(), parts.as_slice(), "*".to_owned()),
        6 => (parts[0].clone(), &parts[1..], "*".to_owned()),
        7 => (parts[0].clone(), &parts[1..6], parts[6].clone()),
        count => {
            return Err(Error::input(format!("`{text}` has {count} fields"))
                .with_hint("supertask takes 5, 6 with seconds in front, or 7 with a year behind"));
        }
    };
    let [minute, hour, day, month, day_of_week] = rest else {
        return Err(Error::input(format!("`{text}` is no expression")));
    };
    Ok(Fields {
        year,
        month: month.clone(),
        day: day.clone(),
        week: "*".to_owned(),
        day_of_week: day_of_week.clone(),
        hour: hour.clone(),
        minute: minute.clone(),
        second,
    })
}

/// The same as an expression in the dialect in which both day fields must match and 1 is Sunday.
pub(in crate::import) fn cron(fields: &Fields) -> Result<When> {
    if fields.week != "*" {
        return Err(Error::input(format!("week `{}` of the year can't be said here", fields.week)));
    }
    let weekdays = values(&fields.day_of_week, 0, 6, &DAYS).map_err(Error::input)?;
    let items: Vec<&str> = fields.day.split(',').map(str::trim).collect();
    let positions: Vec<(u32, u32)> = items.iter().filter_map(|item| position(item)).collect();
    let (day, week) = if positions.is_empty() {
        let days = items.iter().map(|item| if item.eq_ignore_ascii_case("last") { "L" } else { item });
        let day = days.collect::<Vec<_>>().join(",");
        let week = if weekdays.len() == 7 { "?".to_owned() } else { names(&weekdays) };
        (day, week)
    } else if positions.len() == items.len() && weekdays.len() == 7 {
        let part = |(which, day): &(u32, u32)| match which {
            // Sunday is 1 there.
            0 => format!("{}L", (day + 1) % 7 + 1),
            which => format!("{}#{which}", (day + 1) % 7 + 1),
        };
        ("?".to_owned(), positions.iter().map(part).collect::<Vec<_>>().join(","))
    } else {
        return Err(Error::input(format!("`{}` together with other days can't be said here", fields.day)));
    };
    let Fields { second, minute, hour, month, year, .. } = fields;
    let mut text = format!("{second} {minute} {hour} {day} {month} {week}");
    if year != "*" {
        text.push(' ');
        text.push_str(year);
    }
    Ok(When::Cron { text, dialect: Dialect::Quartz })
}

fn names(days: &[u32]) -> String {
    let name = |day: &u32| {
        usize::try_from(*day).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or_default().to_uppercase()
    };
    days.iter().map(name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monday_is_zero_there() {
        let of = |text: &str| cron(&of_crontab(text).unwrap()).map(|when| when.to_string());
        for (text, expected) in [
            ("0 0 * * 0", "0 0 0 * * MON (quartz)"),
            ("*/15 8-17 * * mon-fri", "0 */15 8-17 * * MON,TUE,WED,THU,FRI (quartz)"),
            ("30 0 0 13 * 4", "30 0 0 13 * FRI (quartz)"),
            ("0 30 2 last 1,6 * 2027", "0 30 2 L 1,6 ? 2027 (quartz)"),
        ] {
            assert_eq!(of(text).unwrap(), expected, "{text}");
        }
        assert!(of_crontab("0 0 * *").is_err());
        assert!(of("0 0 * * 7").is_err(), "there is no 7 there");
        let mut fields = of_crontab("0 6 * * *").unwrap();
        fields.day = "1st mon, last sun".to_owned();
        assert_eq!(cron(&fields).unwrap().to_string(), "0 0 6 ? * 2#1,1L (quartz)");
        fields.day = "1st mon,15".to_owned();
        assert!(cron(&fields).is_err());
        fields.week = "2".to_owned();
        assert!(cron(&fields).is_err());
    }
}
