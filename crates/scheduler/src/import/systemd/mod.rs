//! Timers of systemd and the services that they start (systemd.timer(5), systemd.service(5)).

mod service;
mod unit;
mod words;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use serde_json::Value;

use self::unit::{Entry, Unit, units};
use self::words::span;
use super::collect::{At, Collector, age, job};
use super::old::{Old, on_calendar};
use super::{NoteLevel, Source};
use crate::civil::Zone;
use crate::model::{JobSpec, Misfire, When};

/// What of a timer is carried over, or means nothing here.
const KNOWN: [&str; 13] = [
    "OnCalendar",
    "OnActiveSec",
    "OnBootSec",
    "OnStartupSec",
    "OnUnitActiveSec",
    "OnUnitInactiveSec",
    "Persistent",
    "RandomizedDelaySec",
    "FixedRandomDelay",
    "AccuracySec",
    "Unit",
    "RemainAfterElapse",
    "DeferReactivation",
];

/// Reads all timers of the texts.
pub(super) fn read(sources: &[Source], collector: &mut Collector) -> Result<()> {
    let units = units(sources);
    let timers: Vec<_> = units.iter().filter(|(_, unit)| unit.has("Timer")).collect();
    if timers.is_empty() {
        return Err(Error::input("there is no timer: no text has a section [Timer]")
            .with_hint("systemctl cat backup.timer backup.service | clusterkeep schedule import systemd -"));
    }
    for (name, timer) in timers {
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let at = At { place: timer.place().to_owned(), job: Some(stem.to_owned()) };
        let service = timer.last("Timer", "Unit").map_or_else(|| format!("{stem}.service"), str::to_owned);
        // A text without names may hold both.
        let unit = units.get(&service).or_else(|| Some(timer).filter(|timer| timer.has("Service")));
        let read = match unit {
            Some(unit) => service::run(&service, unit, &at, collector),
            None => Err(Error::input(format!("its service `{service}` is not there"))
                .with_hint(format!("read both: systemctl cat {name} {service}"))),
        };
        let jobs = read.and_then(|run| one(stem, timer, unit, &run, &at, collector));
        if let Err(error) = jobs {
            collector.refuse(&at, &error);
        }
    }
    Ok(())
}

/// What all jobs of a timer have.
struct Rules {
    misfire: Misfire,
    jitter: Option<Age>,
    timeout: Option<Age>,
    description: Option<String>,
}

fn one(
    stem: &str,
    timer: &Unit,
    service: Option<&Unit>,
    run: &Value,
    at: &At,
    collector: &mut Collector,
) -> Result<()> {
    let rules = rules(timer, service, at, collector)?;
    let fit = |mut job: JobSpec| {
        job.misfire = rules.misfire;
        job.timeout = rules.timeout;
        job.description.clone_from(&rules.description);
        job
    };
    let others = timer.others("Timer", &KNOWN);
    if !others.is_empty() {
        collector.note(at, NoteLevel::Lost, format!("not carried over: {}", others.join(", ")));
    }
    let mut count = 0_usize;
    for (zone, entries) in by_zone(timer.all("Timer", "OnCalendar"))? {
        let mut whens = Vec::new();
        let mut olds = Vec::new();
        for text in &entries {
            let when = When::Calendar(text.clone());
            when.trigger(stem)?;
            olds.push(Old::Civil(on_calendar::read(text).map_err(Error::input)?));
            whens.push(when);
        }
        let (when, old) = match (whens.len(), whens.pop(), olds.pop()) {
            (1, Some(when), Some(old)) => (when, old),
            (_, Some(when), Some(old)) => (
                When::Any(whens.into_iter().chain([when]).collect()),
                Old::Any(olds.into_iter().chain([old]).collect()),
            ),
            _ => continue,
        };
        let mut job = fit(job(&collector.name(stem), &when, run)?);
        job.jitter = rules.jitter;
        job.zone = match zone {
            Some(zone) => zone,
            None => collector.zone(at),
        };
        // What is refused has been said.
        let _taken: bool = collector.add(at, job, Some(&old));
        count += 1;
    }
    for when in monotonic(timer, at, collector)? {
        let mut job = fit(job(&collector.name(stem), &when, run)?);
        job.misfire = Misfire::Skip;
        collector.add(at, job, None);
        count += 1;
    }
    if count == 0 {
        return Err(Error::input("the timer says no time"));
    }
    collector.once(
        &At { place: at.place.split(':').next().unwrap_or_default().to_owned(), job: None },
        NoteLevel::Hint,
        "systemd starts a timer within its AccuracySec (a minute, where nothing is said), here a job starts at its instant",
    );
    Ok(())
}

fn rules(timer: &Unit, service: Option<&Unit>, at: &At, collector: &mut Collector) -> Result<Rules> {
    let persistent = timer.last("Timer", "Persistent").is_some_and(truth);
    let jitter = match timer.last("Timer", "RandomizedDelaySec") {
        Some(text) => age(span(text)?),
        None => None,
    };
    if jitter.is_some() {
        collector.note(at, NoteLevel::Differs, if timer.last("Timer", "FixedRandomDelay").is_some_and(truth) {
            "FixedRandomDelay: there the delay is always the same, here it differs from fire to fire, and never passes the next one"
        } else {
            "RandomizedDelaySec: there the delay is drawn by chance, here it follows from the job's name and the fire, and never passes the next one"
        });
    }
    let mut timeout = None;
    for key in ["TimeoutSec", "TimeoutStartSec", "RuntimeMaxSec"] {
        if let Some(text) = service.and_then(|service| service.last("Service", key)).filter(|text| *text != "infinity")
        {
            timeout = age(span(text)?);
        }
    }
    let description = service.and_then(|service| service.last("Unit", "Description"));
    let description = description.or_else(|| timer.last("Unit", "Description")).map(str::to_owned);
    Ok(Rules { misfire: if persistent { Misfire::Latest } else { Misfire::Skip }, jitter, timeout, description })
}

fn truth(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "yes" | "y" | "true" | "t" | "on")
}

/// Expressions with the zone that each ends with, those of one zone together.
fn by_zone(entries: Vec<&Entry>) -> Result<Vec<(Option<Zone>, Vec<String>)>> {
    let mut zones: Vec<(Option<Zone>, Vec<String>)> = Vec::new();
    for entry in entries {
        let text = entry.value.trim();
        let last = text.rsplit_once(char::is_whitespace);
        let named = last.filter(|(_, zone)| {
            zone.eq_ignore_ascii_case("UTC")
                || zone.contains('/') && zone.starts_with(|c: char| c.is_ascii_alphabetic())
        });
        let (expression, zone) = match named {
            Some((expression, zone)) if zone.eq_ignore_ascii_case("UTC") => (expression, Some(Zone::utc())),
            Some((expression, zone)) => (expression, Some(zone.parse()?)),
            None => (text, None),
        };
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        match zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, expressions)) => expressions.push(expression),
            None => zones.push((zone, vec![expression])),
        }
    }
    Ok(zones)
}

/// What counts from the start of the machine, the timer or the service.
fn monotonic(timer: &Unit, at: &At, collector: &mut Collector) -> Result<Vec<When>> {
    let mut whens = Vec::new();
    let start = ["OnBootSec", "OnStartupSec", "OnActiveSec"].into_iter().find(|key| timer.last("Timer", key).is_some());
    let unread = |text: &str| Error::input(format!("`{text}` can't be said here"));
    if let Some(text) = timer.last("Timer", "OnUnitActiveSec") {
        let interval = age(span(text)?).ok_or_else(|| unread(text))?;
        collector.note(at, NoteLevel::Differs, "OnUnitActiveSec counts from the last start there, and from 1970 here: the interval is the same, and a late start moves nothing");
        whens.push(When::Every { interval, from: None });
    }
    if let Some(text) = timer.last("Timer", "OnUnitInactiveSec") {
        whens.push(When::After(age(span(text)?).ok_or_else(|| unread(text))?));
    }
    match start {
        Some(key) if whens.is_empty() => {
            collector.note(
                at,
                NoteLevel::Differs,
                format!("{key}: here it runs when the scheduler starts, without the delay"),
            );
            whens.push(When::Startup);
        }
        Some(key) => collector.note(
            at,
            NoteLevel::Differs,
            format!("{key}: the first run is not bound to the start of the machine here"),
        ),
        None => {}
    }
    Ok(whens)
}
