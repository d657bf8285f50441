//! A job's times as a cron expression of five fields, where they are one.

use chrono::DateTime;

use crate::civil::Zone;
use crate::import::without_large_steps;
use crate::model::{JobSpec, Schedule, When};
use crate::trigger::{Cron, Dialect, Fold, Gap, Warning};

/// Five fields for a cron daemon.
pub(super) fn crontab(job: &JobSpec) -> Result<String, String> {
    let (text, dialect) = match &job.when {
        When::Cron { text, dialect } => (text.trim(), *dialect),
        When::Startup => return Ok("@reboot".to_owned()),
        other => return Err(format!("`{other}` is no cron expression")),
    };
    if dialect == Dialect::Crontab && text.starts_with('@') {
        return Ok(text.to_lowercase());
    }
    let five = five_fields(text, dialect)?;
    for warning in Cron::lint(&five, Dialect::Crontab).map_err(|error| error.to_string())? {
        if let Warning::BeyondCrontab { item } = warning {
            return Err(format!("cron daemons do not take `{item}`"));
        }
    }
    same(text, dialect, &five, Dialect::Crontab)?;
    Ok(without_large_steps(&five))
}

/// Five fields for Kubernetes.
pub(super) fn kubernetes(job: &JobSpec) -> Result<String, String> {
    let (text, dialect) = match &job.when {
        When::Cron { text, dialect } => (text.trim(), *dialect),
        When::Every { interval, from: None } if interval.as_duration().is_some() => {
            return Err(format!("`@every {interval}` counts from when the object is made there"));
        }
        other => return Err(format!("`{other}` is no cron expression")),
    };
    if dialect != Dialect::Quartz && text.starts_with('@') {
        return Ok(text.to_lowercase());
    }
    let five = five_fields(text, dialect)?;
    same(text, dialect, &five, Dialect::Kubernetes)?;
    Ok(five)
}

/// The expression without seconds of 0 and a year of `*`; with the days of the week by name, whatever they are counted from.
fn five_fields(text: &str, dialect: Dialect) -> Result<String, String> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let five = match fields.as_slice() {
        [minute, hour, day, month, week] => [*minute, *hour, *day, *month, *week],
        [second, minute, hour, day, month, week] | [second, minute, hour, day, month, week, "*" | "?"] => {
            if !matches!(*second, "0" | "00") {
                return Err(format!("its seconds `{second}` can't be said there"));
            }
            [*minute, *hour, *day, *month, *week]
        }
        _ => return Err("its year can't be said there".to_owned()),
    };
    let [minute, hour, day, month, week] = five.map(|field| if field == "?" { "*" } else { field });
    let week = if dialect == Dialect::Quartz { from_sunday_as_one(week)? } else { week.to_owned() };
    Ok(format!("{minute} {hour} {day} {month} {week}"))
}

/// Numbers of days from 1 for Sunday, as they are from 0 for Sunday.
fn from_sunday_as_one(week: &str) -> Result<String, String> {
    let number = |text: &str| match text.parse::<u32>() {
        Ok(day) => day.checked_sub(1).map(|day| day.to_string()),
        Err(_) => Some(text.to_owned()),
    };
    let item = |item: &str| {
        if item.contains(['#', 'L', 'l', '/']) && item != "*" {
            return Err(format!("`{item}` of the week can't be said there"));
        }
        let parts: Option<Vec<String>> = item.split('-').map(number).collect();
        parts.map(|parts| parts.join("-")).ok_or_else(|| format!("`{item}` is no day of the week"))
    };
    Ok(week.split(',').map(item).collect::<Result<Vec<_>, _>>()?.join(","))
}

/// Refuses what the other program would understand otherwise.
fn same(text: &str, dialect: Dialect, there: &str, other: Dialect) -> Result<(), String> {
    let here = Cron::parse_as(text, dialect, "").map_err(|error| error.to_string())?;
    match Cron::parse_as(there, other, "") {
        Ok(read) if read.is_at_the_same_times_as(&here) => Ok(()),
        Ok(_) => Err(format!("`{there}` means other days there")),
        Err(error) => Err(error.to_string()),
    }
}

/// Says what the other program does where the clock changes, if the job says something else.
pub(super) fn changes(job: &JobSpec, there: (Gap, Fold), lost: &mut Vec<String>) {
    let Ok(Some((gap, fold))) = job.schedule().map(|schedule| schedule.policies()) else { return };
    if job.zone == Zone::utc() {
        return;
    }
    let word = |gap: Gap| match gap {
        Gap::Skip => "skipped",
        Gap::RunAfter => "made up for after the gap",
        Gap::Shift => "moved by the gap's length",
    };
    let mut say = |text: String| {
        if !lost.contains(&text) {
            lost.push(text);
        }
    };
    if gap != there.0 {
        say(format!("a time that the clock leaves out is {} here and {} there", word(gap), word(there.0)));
    }
    let word = |fold: Fold| match fold {
        Fold::First => "the first time",
        Fold::Second => "the second time",
        Fold::Both => "both times",
    };
    if fold != there.1 {
        say(format!("a time that comes twice fires {} here and {} there", word(fold), word(there.1)));
    }
}

/// Refuses times of which two come together: here that is one run, and one for each of them there.
pub(super) fn apart(parts: &[JobSpec]) -> Result<(), String> {
    for (index, one) in parts.iter().enumerate() {
        for other in parts.iter().skip(index + 1) {
            let both = When::All(vec![one.when.clone(), other.when.clone()]);
            let trigger = both.trigger(one.name.as_str()).map_err(|error| error.to_string())?;
            if Schedule::new(trigger).zone(Zone::utc()).next_after(DateTime::UNIX_EPOCH).is_some() {
                return Err(format!(
                    "`{}` and `{}` come together, which is one run here and would be two there",
                    one.when, other.when
                ));
            }
        }
    }
    Ok(())
}

/// What Vixie's cron and its kin do with five fields where the clock changes.
pub(super) fn as_cron_does(fields: &str) -> (Gap, Fold) {
    let mut parts = fields.split_ascii_whitespace();
    let wildcard = fields == "@hourly"
        || parts.next().is_some_and(|minute| minute.starts_with('*'))
        || parts.next().is_some_and(|hour| hour.starts_with('*'));
    if wildcard { (Gap::Skip, Fold::Both) } else { (Gap::RunAfter, Fold::First) }
}
