//! `schedule simulate`: all fires of a period, and whether they are those that somebody expects. It runs nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::{DstNote, Fire};
use serde::{Deserialize, Serialize};

use super::expression::{self, Asked, Jobs};
use super::next::line;
use crate::args::SimulateArgs;
use crate::output::{Format, Listing, Printer};

/// More than this is a mistake in the period.
pub(super) const MOST: usize = 1_000_000;

/// A fire of one of several jobs, as `--format json` prints them and `--expect` reads them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Simulated {
    job: Option<String>,
    utc: DateTime<Utc>,
    civil: NaiveDateTime,
    note: Option<DstNote>,
}

impl Simulated {
    fn key(&self) -> (DateTime<Utc>, Option<&str>) {
        (self.utc, self.job.as_deref())
    }
}

/// Walks through the period; the answer is no where something else was expected.
pub(crate) fn simulate(args: &SimulateArgs, jobs: Jobs, printer: &Printer) -> Result<ExitCode> {
    if args.takes.is_some() || !args.down.is_empty() || args.expect_runs.is_some() {
        return super::rehearse::rehearse(args, jobs.unwrap_or_default(), printer);
    }
    let all = expression::some(args.what.as_deref(), jobs, &args.reading)?;
    let mut fires = Vec::new();
    let mut lines = Vec::new();
    for asked in &all {
        if !asked.schedule.trigger().is_nominal() {
            printer.note(&format!("note: {} is left out: its fires are not known beforehand", asked.when));
            continue;
        }
        for fire in within(asked, args, MOST - fires.len())? {
            let job = asked.job.as_ref().map(|job| format!("{job}   ")).unwrap_or_default();
            lines.push((fire.nominal, format!("{job}{}", line(&fire, asked.schedule.in_zone().tz()))));
            fires.push(Simulated { job: asked.job.clone(), utc: fire.nominal, civil: fire.civil, note: fire.note });
        }
    }
    fires.sort_by(|one, other| one.key().cmp(&other.key()));
    lines.sort();
    if printer.format() == Format::Table {
        let mut text: String = lines.into_iter().map(|(_, line)| line).collect();
        text.push_str(&format!("{} fire{}\n", fires.len(), if fires.len() == 1 { "" } else { "s" }));
        printer.data(&text)?;
    } else {
        let listing = Listing::of(&fires, "")
            .column("job", |fire: &Simulated| fire.job.clone().into())
            .column("utc", |fire| fire.utc.into())
            .column("civil", |fire| fire.civil.into())
            .column("note", |fire| fire.note.as_ref().map(ToString::to_string).into());
        printer.data(&listing.render(printer.format(), &fires)?)?;
    }
    let mut holds = true;
    if let Some(expected) = args.expect_fires.filter(|expected| *expected != fires.len()) {
        printer.alert(&format!("expected {expected} fires, there are {}", fires.len()));
        holds = false;
    }
    if args.expect.is_some() {
        holds &= compare(args, &fires, printer)?;
    }
    Ok(if holds { ExitCode::Done } else { ExitCode::Failed })
}

/// The fires of `[from, until)`.
fn within(asked: &Asked, args: &SimulateArgs, most: usize) -> Result<Vec<Fire>> {
    let zone = asked.schedule.in_zone().tz();
    let (from, until) = (args.from.at(zone), args.until.at(zone));
    if from >= until {
        return Err(Error::input(format!("the period ends ({until}) before it begins ({from})"))
            .with_hint("--from is in it, --until is not"));
    }
    // Fires are later than what is asked with; one at the beginning belongs to the period.
    let before = from - TimeDelta::nanoseconds(1);
    let fires: Vec<Fire> =
        asked.schedule.upcoming(before).take_while(|fire| fire.nominal < until).take(most + 1).collect();
    if fires.len() > most {
        return Err(Error::input(format!("the period has more than {MOST} fires")).with_hint("choose a shorter one"));
    }
    Ok(fires)
}

/// Whether the file has the same fires; says which ones differ.
fn compare(args: &SimulateArgs, fires: &[Simulated], printer: &Printer) -> Result<bool> {
    let Some(path) = &args.expect else { return Ok(true) };
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let expected: Vec<Simulated> = serde_json::from_str(&text).map_err(|error| {
        Error::input(format!("{}: {error}", path.display()))
            .with_hint("write it with `schedule simulate --format json`")
    })?;
    let (wanted, got): (BTreeSet<_>, BTreeSet<_>) =
        (expected.iter().map(Simulated::key).collect(), fires.iter().map(Simulated::key).collect());
    let named = |(at, job): &(DateTime<Utc>, Option<&str>)| {
        format!("{}{}", job.map(|job| format!("{job} ")).unwrap_or_default(), super::utc(*at))
    };
    for missing in wanted.difference(&got) {
        printer.alert(&format!("expected, and does not fire: {}", named(missing)));
    }
    for more in got.difference(&wanted) {
        printer.alert(&format!("fires, and was not expected: {}", named(more)));
    }
    Ok(wanted == got)
}
