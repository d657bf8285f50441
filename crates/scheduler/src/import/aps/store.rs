//! A row of `APScheduler`'s table: its trigger, and the name of what it runs.
//!
//! The pickle is read as data by `pickle` and never loaded. What a job runs is a Python function by its name; it is handed
//! on only with arguments that are plain values.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clusterkeep_core::age::{Age, Unit};
use clusterkeep_core::{Error, Result};
use serde_json::{Map, json};

use super::fields::cron;
use crate::civil::Zone;
use crate::import::NoteLevel;
use crate::import::collect::{At, Collector, age, job};
use crate::import::crontab::at_once;
use crate::import::old::Old;
use crate::import::old::apscheduler::{self, DAYS, Fields};
use crate::import::pickle::{Id, Node, Pickle};
use crate::model::{Misfire, When};

/// A row of the table of a job store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// The job's id.
    pub id: String,
    /// When it runs next, in seconds since the epoch; none of a job that is paused.
    pub next_run_time: Option<f64>,
    /// Its pickle.
    pub state: Vec<u8>,
}

/// What a trigger says.
struct Trigger {
    when: When,
    zone: Option<Zone>,
    old: Old,
    starts: Option<DateTime<Utc>>,
    ends: Option<DateTime<Utc>>,
    jitter: Option<u32>,
}

/// Reads a row.
pub(in crate::import) fn read(row: &StoredJob, collector: &mut Collector) {
    let at = At { place: format!("job `{}`", row.id), job: None };
    if let Err(error) = one(row, &at, collector) {
        collector.refuse(&at, &error);
    }
}

fn one(row: &StoredJob, at: &At, collector: &mut Collector) -> Result<()> {
    let pickle = Pickle::read(&row.state)?;
    let field = |name: &str| pickle.field(pickle.root(), name);
    let trigger = field("trigger").ok_or_else(|| Error::input("there is no trigger"))?;
    let trigger = trigger_of(&pickle, trigger, 8)?;
    let function = field("func").and_then(|func| pickle.text(func)).unwrap_or_default();
    if function.is_empty() {
        return Err(Error::input("it names no function"));
    }
    let mut run = Map::new();
    run.insert("python".to_owned(), json!(function));
    for name in ["args", "kwargs"] {
        let Some(id) = field(name) else { continue };
        let value = pickle.json(id).ok_or_else(|| Error::input(format!("its `{name}` are no plain values")))?;
        if value.as_array().is_some_and(|list| !list.is_empty()) || value.as_object().is_some_and(|map| !map.is_empty())
        {
            run.insert(name.to_owned(), value);
        }
    }
    let name = collector.name(&row.id);
    let of_job = at.job(&name);
    let mut job = job(&name, &trigger.when, &run.into())?;
    job.zone = match trigger.zone {
        Some(zone) => zone,
        None => collector.zone(at),
    };
    (job.starts, job.ends) = (trigger.starts, trigger.ends);
    job.jitter = trigger.jitter.and_then(|seconds| Age::new(seconds, Unit::Second));
    let most = field("max_instances").and_then(|most| pickle.int(most)).and_then(|most| u32::try_from(most).ok());
    job.overlap = at_once(most.unwrap_or(1));
    job.misfire = misfire(&pickle, field("misfire_grace_time"), field("coalesce"));
    collector.note(
        &of_job,
        NoteLevel::Hint,
        format!("`{function}` was read as a name and not loaded: look at what it does"),
    );
    if row.next_run_time.is_none() {
        collector.note(
            &of_job,
            NoteLevel::Differs,
            format!("it is paused there: pause it here with `clusterkeep schedule pause {name}`"),
        );
    }
    if job.jitter.is_some() {
        collector.note(&of_job, NoteLevel::Differs, "jitter is drawn by another rule here");
    }
    collector.add(at, job, Some(&trigger.old));
    Ok(())
}

/// A grace below a minute is what counts as being in time here.
fn misfire(pickle: &Pickle, grace: Option<Id>, coalesce: Option<Id>) -> Misfire {
    let latest = coalesce.is_some_and(|id| *pickle.get(id) == Node::Bool(true));
    match grace.and_then(|grace| pickle.int(grace)) {
        Some(seconds) if seconds <= 60 => Misfire::Skip,
        _ if latest => Misfire::Latest,
        Some(seconds) => u32::try_from(seconds)
            .ok()
            .and_then(|seconds| Age::new(seconds, Unit::Second))
            .map_or(Misfire::Latest, |within| Misfire::All { within }),
        None => Misfire::Latest,
    }
}

fn trigger_of(pickle: &Pickle, id: Id, depth: u32) -> Result<Trigger> {
    match pickle.get(id) {
        Node::Object { class, state: Some(state), .. } => by_class(pickle, class, *state, depth),
        _ => Err(Error::input("its trigger is none that is known")),
    }
}

fn by_class(pickle: &Pickle, class: &str, state: Id, depth: u32) -> Result<Trigger> {
    let depth = depth.checked_sub(1).ok_or_else(|| Error::input("its triggers are nested too deeply"))?;
    let field = |name: &str| pickle.field(state, name).unwrap_or(usize::MAX);
    let jitter =
        pickle.int(field("jitter")).and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    let (starts, ends) = (instant(pickle, field("start_date")), instant(pickle, field("end_date")));
    // The end is a fire of its own there, if it is one.
    let ends = ends.map(|end| end + TimeDelta::microseconds(1));
    let zone = zone(pickle, field("timezone"));
    match class {
        "apscheduler.triggers.cron:CronTrigger" => {
            let fields = fields_of(pickle, field("fields"))?;
            let old = Old::Stepped(apscheduler::read(&fields).map_err(Error::input)?);
            Ok(Trigger { when: cron(&fields)?, zone: Some(zone?), old, starts, ends, jitter })
        }
        "apscheduler.triggers.interval:IntervalTrigger" => {
            let from = starts.ok_or_else(|| Error::input("its interval has no start"))?;
            let seconds = delta(pickle, field("interval")).ok_or_else(|| Error::input("its interval can't be read"))?;
            let interval = age(TimeDelta::seconds(seconds))
                .ok_or_else(|| Error::input(format!("an interval of {seconds} s can't be said here")))?;
            let old = Old::Every { from, step: TimeDelta::seconds(seconds) };
            let when = When::Every { interval, from: Some(from) };
            Ok(Trigger { when, zone: zone.ok(), old, starts: Some(from), ends, jitter })
        }
        "apscheduler.triggers.date:DateTrigger" => {
            let at = instant(pickle, field("run_date")).ok_or_else(|| Error::input("its date can't be read"))?;
            Ok(Trigger {
                when: When::At(at),
                zone: Some(Zone::utc()),
                old: Old::Once(at),
                starts: None,
                ends: None,
                jitter: None,
            })
        }
        "apscheduler.triggers.combining:OrTrigger" => {
            let parts = pickle.items(field("triggers")).unwrap_or_default();
            let parts = parts.iter().map(|part| part_of(pickle, *part, depth)).collect::<Result<Vec<_>>>()?;
            let zones: Vec<_> = parts.iter().filter_map(|part| part.zone.clone()).collect();
            if zones.windows(2).any(|pair| pair[0] != pair[1])
                || parts.iter().any(|part| part.starts.is_some() || part.ends.is_some())
            {
                return Err(Error::input(
                    "its triggers have zones or limits of their own, which can't be said of one job",
                ));
            }
            let (whens, olds) = parts.into_iter().map(|part| (part.when, part.old)).unzip();
            let zone = zones.into_iter().next();
            Ok(Trigger { when: When::Any(whens), zone, old: Old::Any(olds), starts: None, ends: None, jitter })
        }
        other => Err(Error::input(format!("a trigger of the class `{other}` can't be said here"))),
    }
}

/// A part of a combination is kept as the name of its class and its state.
fn part_of(pickle: &Pickle, id: Id, depth: u32) -> Result<Trigger> {
    match pickle.items(id) {
        Some([class, state]) => by_class(pickle, pickle.text(*class).unwrap_or_default(), *state, depth),
        _ => trigger_of(pickle, id, depth),
    }
}

fn fields_of(pickle: &Pickle, list: Id) -> Result<Fields> {
    let unread = || Error::input("the fields of its trigger can't be read");
    let mut texts: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
    for field in pickle.items(list).ok_or_else(unread)? {
        let Node::Object { state: Some(state), .. } = pickle.get(*field) else { return Err(unread()) };
        let name = pickle.field(*state, "name").and_then(|name| pickle.text(name)).ok_or_else(unread)?;
        let items = pickle.field(*state, "expressions").and_then(|id| pickle.items(id)).ok_or_else(unread)?;
        let items = items.iter().map(|item| expression(pickle, *item, name)).collect::<Option<Vec<_>>>();
        texts.insert(name, items.ok_or_else(unread)?.join(","));
    }
    let mut take = |name: &str| texts.remove(name).ok_or_else(unread);
    Ok(Fields {
        year: take("year")?,
        month: take("month")?,
        day: take("day")?,
        week: take("week")?,
        day_of_week: take("day_of_week")?,
        hour: take("hour")?,
        minute: take("minute")?,
        second: take("second")?,
    })
}

/// An expression of a field, as its own `str()` would write it.
fn expression(pickle: &Pickle, id: Id, field: &str) -> Option<String> {
    let Node::Object { class, state, .. } = pickle.get(id) else { return None };
    let part = |name: &str| state.and_then(|state| pickle.field(state, name)).and_then(|id| pickle.int(id));
    let step = part("step").map(|step| format!("/{step}")).unwrap_or_default();
    let (_, class) = class.rsplit_once(':')?;
    match class {
        "AllExpression" => Some(format!("*{step}")),
        "LastDayOfMonthExpression" => Some("last".to_owned()),
        "WeekdayPositionExpression" => {
            let which = usize::try_from(part("option_num")?).ok()?;
            let day = DAYS.get(usize::try_from(part("weekday")?).ok()?)?;
            Some(format!("{} {day}", ["1st", "2nd", "3rd", "4th", "5th", "last"].get(which)?))
        }
        "RangeExpression" | "MonthRangeExpression" | "WeekdayRangeExpression" => {
            let first = part("first")?;
            // A name without a range has no last one.
            let open = step.is_empty() || class != "RangeExpression" || field.is_empty();
            Some(match part("last") {
                Some(last) if last != first => format!("{first}-{last}{step}"),
                Some(last) if !step.is_empty() => format!("{first}-{last}{step}"),
                _ if open => first.to_string(),
                _ => format!("{first}{step}"),
            })
        }
        _ => None,
    }
}

/// The zone that an object stands for.
fn zone(pickle: &Pickle, id: Id) -> Result<Zone> {
    let Node::Object { class, args, .. } = pickle.get(id) else { return Err(Error::input("its zone can't be read")) };
    let name = args.first().and_then(|name| pickle.text(*name));
    match (class.as_str(), name) {
        ("pytz:_UTC", _) => Ok(Zone::utc()),
        ("datetime:timezone", _) if args.first().and_then(|delta_id| delta(pickle, *delta_id)) == Some(0) => {
            Ok(Zone::utc())
        }
        (
            "pytz:_p"
            | "pytz:timezone"
            | "zoneinfo:ZoneInfo"
            | "zoneinfo:ZoneInfo._unpickle"
            | "backports.zoneinfo:ZoneInfo",
            Some(name),
        ) => name.parse(),
        _ => Err(Error::input("its zone is none of the IANA database")),
    }
}

/// A duration in whole seconds.
fn delta(pickle: &Pickle, id: Id) -> Option<i64> {
    match pickle.get(id) {
        Node::Object { class, args, .. } if class == "datetime:timedelta" => {
            let part = |index: usize| args.get(index).and_then(|id| pickle.int(*id)).unwrap_or_default();
            part(0).checked_mul(86_400)?.checked_add(part(1)).filter(|_| part(2) == 0)
        }
        _ => None,
    }
}

/// The instant of a `datetime` with a zone: year, month, day, hour, minute, second and microseconds in ten bytes, of which
/// the highest bit of the month's says that a time is meant that comes for the second time.
fn instant(pickle: &Pickle, id: Id) -> Option<DateTime<Utc>> {
    use chrono::{MappedLocalTime, TimeZone};
    let Node::Object { class, args, .. } = pickle.get(id) else { return None };
    let Node::Bytes(bytes) = pickle.get(*args.first().filter(|_| class == "datetime:datetime")?) else { return None };
    let [high, low, month, day, hour, minute, second, a, b, c] = <[u8; 10]>::try_from(bytes.as_slice()).ok()?;
    let date = NaiveDate::from_ymd_opt(i32::from(high) << 8 | i32::from(low), (month & 0x7f).into(), day.into())?;
    let micros = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
    let civil = date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)?;
    let zone = zone(pickle, *args.get(1)?).ok()?;
    match zone.tz().from_local_datetime(&civil) {
        MappedLocalTime::Single(at) => Some(at.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => Some(if month & 0x80 == 0 { first } else { second }.to_utc()),
        MappedLocalTime::None => None,
    }
}
