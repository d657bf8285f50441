//! `schedule simulate --takes --down`: what the policies of jobs would make of a period. It runs nothing.

use std::fmt::Write as _;

use chrono::TimeDelta;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::{Count, JobSpec, Outage, RunRecord, rehearse as rows_of};

use super::simulate::MOST;
use super::{local, said, utc};
use crate::args::SimulateArgs;
use crate::output::{Format, Listing, Printer};

/// Goes through the period; the answer is no where something else was expected.
pub(super) fn rehearse(args: &SimulateArgs, jobs: Vec<JobSpec>, printer: &Printer) -> Result<ExitCode> {
    let takes = args.takes.map_or(TimeDelta::zero(), |takes| TimeDelta::from_std(takes.0).unwrap_or(TimeDelta::MAX));
    let (mut all, mut text, mut fires, mut fired) = (Vec::new(), String::new(), 0, 0);
    for job in jobs {
        if !job.schedule()?.trigger().is_nominal() {
            printer.note(&format!("note: {} is left out: its fires are not known beforehand", job.name));
            continue;
        }
        let zone = job.zone.tz();
        let (from, until) = (args.from.at(zone), args.until.at(zone));
        if from >= until {
            return Err(Error::input(format!("the period ends ({until}) before it begins ({from})"))
                .with_hint("--from is in it, --until is not"));
        }
        let down: Vec<Outage> = args.down.iter().map(|span| (span.0.at(zone), span.1.at(zone))).collect();
        let rows = rows_of(&job, (from, until), takes, &down, MOST)?;
        if rows.len() >= MOST {
            return Err(Error::input(format!("the period has more than {MOST} runs")).with_hint("choose a shorter one"));
        }
        for run in &rows {
            let begins =
                run.started.filter(|at| *at != run.key.nominal).map(|at| format!("begins {}", local(at, zone)));
            let why = [begins, Some(said(run)).filter(|why| !why.is_empty())];
            let why = why.into_iter().flatten().collect::<Vec<_>>().join("; ");
            let line = format!("{}   {}   {:<9}   {why}", job.name, local(run.key.nominal, zone), run.state);
            // Text takes all that is written to it.
            writeln!(text, "{}", line.trim_end()).ok();
        }
        let count = Count::of(&rows);
        writeln!(text, "{}  {count}", job.name).ok();
        fires += count.expected;
        fired += count.fired;
        all.extend(rows);
    }
    if printer.format() == Format::Table {
        printer.data(&text)?;
    } else {
        let listing = Listing::of(&all, "")
            .column("job", |run: &RunRecord| run.key.job.as_str().into())
            .column("for", |run| utc(run.key.nominal).into())
            .column("state", |run| run.state.to_string().into())
            .column("started", |run| run.started.map(utc).into())
            .column("what", |run| said(run).into());
        printer.data(&listing.render(printer.format(), &all)?)?;
    }
    let mut holds = true;
    let expected = args.expect_fires.and_then(|expected| u64::try_from(expected).ok());
    for (what, wanted, got) in [("fires", expected, fires), ("runs", args.expect_runs, fired)] {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
            printer.alert(&format!("expected {wanted} {what}, there are {got}"));
            holds = false;
        }
    }
    Ok(if holds { ExitCode::Done } else { ExitCode::Failed })
}
