//! Text to masks: splits an expression into its fields and puts them together.

use clusterkeep_core::{Error, Result};

use super::field::{Checked, Context, DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, SECOND, Shape, Wrong, YEAR};
use super::{Cron, Days, Dialect, Warning};

/// Nicknames and what they stand for, in crontab's dialect.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const KNOWN: &str = "known are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly";

/// Reads a whole expression.
pub(super) fn expression(text: &str, dialect: Dialect, name: &str) -> Result<(Cron, Vec<Warning>)> {
    read(text, dialect, name).map_err(|Wrong { what, hint }| {
        let error = Error::input(format!("cron expression `{text}`: {what}"));
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}

fn read(text: &str, dialect: Dialect, name: &str) -> Checked<(Cron, Vec<Warning>)> {
    let trimmed = text.trim();
    if trimmed.starts_with('@') {
        let known = NICKNAMES.iter().find(|(nickname, _)| nickname.eq_ignore_ascii_case(trimmed));
        return match known {
            Some((_, fields)) => read(fields, Dialect::Crontab, name),
            None => Err(Wrong {
                what: "this nickname is unknown".to_owned(),
                hint: Some(match dialect {
                    Dialect::Crontab => format!("{KNOWN}; and `@every 90s`, `@after 10min`, `@at INSTANT`, `@reboot`"),
                    _ => KNOWN.to_owned(),
                }),
            }),
        };
    }
    let mut parts = [""; 7];
    let mut count = 0;
    for part in trimmed.split_ascii_whitespace() {
        if part.contains("TZ=") {
            return Err(Wrong {
                what: format!("`{part}` is no field"),
                hint: Some("say the zone beside the expression: `zone: Europe/Vienna`".to_owned()),
            });
        }
        if let Some(slot) = parts.get_mut(count) {
            *slot = part;
        }
        count += 1;
    }
    let [second, minute, hour, day, month, weekday, year] = match (count, dialect) {
        (5, Dialect::Crontab | Dialect::Kubernetes) => ["0", parts[0], parts[1], parts[2], parts[3], parts[4], "*"],
        (6, Dialect::Crontab | Dialect::Quartz) => [parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], "*"],
        (7, Dialect::Crontab | Dialect::Quartz) => parts,
        _ => return Err(wrong_count(count, dialect)),
    };
    let context = Context { dialect, name };
    let mut warnings = Vec::new();
    let warn = &mut warnings;
    let (seconds, second) = mask(&SECOND, second, &context, warn)?;
    let (minutes, minute) = mask(&MINUTE, minute, &context, warn)?;
    let (hours, hour) = mask(&HOUR, hour, &context, warn)?;
    let (months, _) = mask(&MONTH, month, &context, warn)?;
    let days = days(day, weekday, &context, warn)?;
    let cron = Cron {
        seconds,
        minutes,
        // Hours, days and months are bounded by their fields, so that the narrower masks hold them.
        hours: u32::try_from(hours).unwrap_or_default(),
        days,
        months: u16::try_from(months).unwrap_or_default(),
        follows_the_clock: second.interval || minute.interval || hour.interval,
        years: years(year, &context, warn)?,
    };
    if cron.search(-1).is_none() {
        return Err(Wrong {
            what: "it never fires".to_owned(),
            hint: Some("no month that it names has such a day".to_owned()),
        });
    }
    Ok((cron, warnings))
}

fn wrong_count(count: usize, dialect: Dialect) -> Wrong {
    let what = if count == 1 { "it has 1 field".to_owned() } else { format!("it has {count} fields") };
    let hint = match dialect {
        Dialect::Crontab => {
            "write 5 fields: minute, hour, day of the month, month, day of the week; or 6 with leading seconds, or 7 \
             with a trailing year"
        }
        Dialect::Kubernetes => {
            "in this dialect there are 5 fields: minute, hour, day of the month, month, day of the week"
        }
        Dialect::Quartz => {
            "in this dialect there are 6 fields: second, minute, hour, day of the month, month, day of the week; or 7 \
             with a trailing year"
        }
    };
    Wrong { what, hint: Some(hint.to_owned()) }
}

fn nothing_special(_: &str) -> Checked<bool> {
    Ok(false)
}

/// A field whose values are below 64.
fn mask(
    field: &super::field::Field,
    text: &str,
    context: &Context<'_>,
    warn: &mut Vec<Warning>,
) -> Checked<(u64, Shape)> {
    let mut mask = 0;
    let shape = field.read(text, context, warn, |value| mask |= 1 << value, nothing_special)?;
    Ok((mask, shape))
}

fn years(text: &str, context: &Context<'_>, warn: &mut Vec<Warning>) -> Checked<Option<Box<[u64; 4]>>> {
    if text == "*" || text == "?" {
        return Ok(None);
    }
    let mut years = Box::new([0_u64; 4]);
    let set = |year: u32| {
        let index = year - YEAR.min;
        if let Some(bits) = years.get_mut((index / 64) as usize) {
            *bits |= 1 << (index % 64);
        }
    };
    YEAR.read(text, context, warn, set, nothing_special)?;
    Ok(Some(years))
}

/// Both day fields.
fn days(day: &str, weekday: &str, context: &Context<'_>, warn: &mut Vec<Warning>) -> Checked<Days> {
    let mut days = Days::EMPTY;
    let mut of_month = 0_u32;
    let by_month = DAY_OF_MONTH.read(
        day,
        context,
        warn,
        |value| of_month |= 1 << value,
        |item| special_day(item, context, &mut days),
    )?;
    days.of_month = of_month;
    // `+` asks for both fields to match; it is no part of an item.
    let plus = if context.dialect == Dialect::Kubernetes { None } else { weekday.strip_prefix('+') };
    let (both, weekday) = plus.map_or((false, weekday), |rest| (true, rest));
    let mut of_week = 0_u8;
    let by_week = DAY_OF_WEEK.read(
        weekday,
        context,
        warn,
        |value| of_week |= 1 << value,
        |item| special_weekday(item, context, &mut days),
    )?;
    days.of_week = of_week;
    // To crontab `*/2` counts as a star, though it restricts.
    days.either = context.dialect != Dialect::Quartz && !by_month.star && !by_week.star && !both;
    if days.either {
        warn.push(Warning::EitherDay { plus: context.dialect == Dialect::Crontab });
    }
    Ok(days)
}

/// `L`, `L-n`, `LW` and `nW`.
fn special_day(item: &str, context: &Context<'_>, days: &mut Days) -> Checked<bool> {
    if item.eq_ignore_ascii_case("LW") || item.eq_ignore_ascii_case("WL") {
        days.last_weekday = true;
    } else if item.eq_ignore_ascii_case("L") {
        days.from_last |= 1;
    } else if let Some(before) = item.strip_prefix("L-").or_else(|| item.strip_prefix("l-")) {
        match before.parse::<u32>() {
            Ok(before @ 0..=30) => days.from_last |= 1 << before,
            _ => {
                return Err(Wrong {
                    what: format!("day of the month `{item}` names no day before the last one"),
                    hint: Some("write `L-1` to `L-30`".to_owned()),
                });
            }
        }
    } else if let Some(day) = item.strip_suffix(['W', 'w']) {
        days.nearest |= 1 << DAY_OF_MONTH.value(day, context)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `dL` and `d#n`.
fn special_weekday(item: &str, context: &Context<'_>, days: &mut Days) -> Checked<bool> {
    if let Some((weekday, number)) = item.split_once('#') {
        let weekday = DAY_OF_WEEK.value(weekday, context)? % 7;
        let slot = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match slot.and_then(|slot| days.nth.get_mut(slot)) {
            Some(slot) => *slot |= 1 << weekday,
            None => {
                return Err(Wrong {
                    what: format!("day of the week `{item}` has no such number in a month"),
                    hint: Some("write `#1` to `#5`".to_owned()),
                });
            }
        }
    } else if item.eq_ignore_ascii_case("L") {
        if context.dialect == Dialect::Crontab {
            return Err(Wrong {
                what: "`L` alone is no day of the week".to_owned(),
                hint: Some("write `5L` for the last Friday of the month, `6` for Saturday".to_owned()),
            });
        }
        // In Quartz it is the week's last day.
        days.nth = days.nth.map(|weekdays| weekdays | 1 << 6);
    } else if let Some(weekday) = item.strip_suffix(['L', 'l']).filter(|weekday| !weekday.is_empty()) {
        days.last |= 1 << (DAY_OF_WEEK.value(weekday, context)? % 7);
    } else {
        return Ok(false);
    }
    Ok(true)
}
