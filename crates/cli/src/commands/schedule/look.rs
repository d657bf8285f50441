//! `schedule list`, `show`, `history` and `ledger`: what a store knows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::Value;
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{
    Fire, Generation, GenerationCount, Overview, RunQuery, RunRecord, RunState, ScheduleRecord, Source, ledger,
    overview,
};
use serde::Serialize;

use super::authors::{HistoryRun, with_authors};
use super::logs::clean;
use super::next::line;
use super::store::{existing, job, named};
use super::{local, said, utc};
use crate::args::{HistoryArgs, LedgerArgs, ListSchedulesArgs, ShowScheduleArgs};
use crate::context::Context;
use crate::output::{Format, Listing};

/// How many fires and runs `show` has.
const FEW: usize = 5;

pub(super) async fn list(args: ListSchedulesArgs, context: &Context) -> Result<ExitCode> {
    let store = existing(&args.store, context).await?;
    let all = match &store {
        Some(store) => overview(&**store, args.namespace.as_deref()).await?,
        None => Vec::new(),
    };
    if let (true, Some(store), Some(namespace)) = (all.is_empty(), &store, &args.namespace) {
        // Without jobs elsewhere there is none yet, as the listing says.
        let spaces =
            store.schedules(None).await?.into_iter().map(|schedule| schedule.namespace).collect::<BTreeSet<_>>();
        if !spaces.is_empty() {
            let spaces = spaces.into_iter().collect::<Vec<_>>().join(", ");
            context.printer.note(&format!("namespace `{namespace}` has no schedule; those that have: {spaces}"));
            if context.printer.format() == Format::Table {
                return Ok(ExitCode::Done);
            }
        }
    }
    let listing = Listing::of(&all, "there is no schedule yet; `clusterkeep run -f FILE` makes those of a timetable")
        .column("namespace", |item: &Overview| item.schedule.namespace.as_str().into())
        .column("job", |item| item.schedule.spec.name.as_str().into())
        .column("when", |item| item.schedule.spec.when.to_string().into())
        .column("zone", |item| item.schedule.spec.zone.tz().name().into())
        .column("next fire", |item| next_fire(&item.schedule))
        .column("last run", |item| item.last_run.as_ref().map(|run| utc(run.key.nominal)).into())
        .column("state", |item| item.last_run.as_ref().map(|run| run.state.to_string()).into());
    context.printer.data(&listing.render(context.printer.format(), &all)?)?;
    Ok(ExitCode::Done)
}

/// When it fires next, or why it does not.
fn next_fire(schedule: &ScheduleRecord) -> Value {
    match (&schedule.retired, &schedule.paused) {
        (Some(since), _) => format!("removed {}", utc(*since)).into(),
        (None, Some(pause)) => pause.to_string().into(),
        (None, None) => schedule.next_fire.map(|at| local(at, schedule.spec.zone.tz())).into(),
    }
}

/// A schedule with all that is known of it.
#[derive(Serialize)]
struct Shown {
    schedule: ScheduleRecord,
    generations: Vec<Generation>,
    next: Vec<Fire>,
    runs: Vec<RunRecord>,
}

pub(super) async fn show(args: ShowScheduleArgs, context: &Context) -> Result<ExitCode> {
    let (store, schedule) = job(&args.job, context).await?;
    let name = schedule.spec.name.as_str();
    let generations = store.generations(&schedule.namespace, name).await?;
    let limit = u32::try_from(FEW).unwrap_or(u32::MAX);
    let runs = store.runs(&RunQuery::of(&schedule.namespace, name).limit(limit).without_output()).await?;
    let computed = schedule.spec.schedule()?;
    let (there, paused) = (schedule.retired.is_none(), schedule.paused.is_some());
    let fires = there && !paused && computed.trigger().is_nominal();
    let next: Vec<Fire> = if fires { computed.upcoming(SystemClock.now()).take(FEW).collect() } else { Vec::new() };
    if context.printer.format() != Format::Table {
        let shown = Shown { schedule, generations, next, runs };
        context.printer.data(&context.printer.format().document(&shown)?)?;
        return Ok(ExitCode::Done);
    }
    let zone = schedule.spec.zone.tz();
    let mut text = format!(
        "{name} of {}: {} ({}), runs {}\n",
        schedule.namespace,
        schedule.spec.when,
        zone.name(),
        schedule.spec.run
    );
    if let Some(pause) = &schedule.paused {
        text.push_str(&format!("{pause}, since {}\n", utc(pause.since)));
    }
    if let Some(retired) = schedule.retired {
        let by = schedule.source.as_ref().map(said_of).unwrap_or_default();
        text.push_str(&format!("removed {}{by}\n", utc(retired)));
    }
    for version in &generations {
        let until = version.valid_until.map(|at| format!(" until {}", utc(at))).unwrap_or_default();
        let by = version.source.as_ref().map(said_of).unwrap_or_default();
        text.push_str(&format!(
            "version {} from {}{until}: {}{by}\n",
            version.generation,
            utc(version.valid_from),
            version.spec.when
        ));
    }
    text.push_str(if there && paused { "next: when it is resumed\n" } else { "next:\n" });
    for fire in &next {
        text.push_str(&format!("  {}", line(fire, zone)));
    }
    text.push_str("last:\n");
    for run in &runs {
        text.push_str(format!("  {} {} {}", utc(run.key.nominal), run.state, said(run)).trim_end());
        text.push('\n');
    }
    context.printer.data(&text)?;
    Ok(ExitCode::Done)
}

/// Who made a version, and out of what.
fn said_of(source: &Source) -> String {
    let origin = source.origin.as_ref().map(|origin| format!(" out of {}", origin.escape_debug())).unwrap_or_default();
    format!(", by {}{origin}", source.by.escape_debug())
}

pub(super) async fn history(args: HistoryArgs, context: &Context) -> Result<ExitCode> {
    let store = existing(&args.store, context).await?;
    let mut query = match (&args.job, &args.namespace) {
        (Some(job), namespace) => {
            let found = match &store {
                Some(store) => named(&**store, namespace.as_deref(), job).await?,
                None => return Err(super::store::unknown(job)),
            };
            RunQuery::of(found.namespace, job)
        }
        (None, Some(namespace)) => RunQuery::within(namespace),
        (None, None) => RunQuery::all(),
    };
    if args.failed {
        query = query.in_states([RunState::Failed, RunState::Dead, RunState::Refused]);
    } else if args.dead {
        query = query.in_states([RunState::Dead]);
    } else if !args.in_state.is_empty() {
        query = query.in_states(args.in_state.clone());
    }
    if !args.output {
        query = query.without_output();
    }
    if let Some(before) = args.before {
        query = query.between(DateTime::UNIX_EPOCH, before.at(chrono_tz::UTC));
    }
    let runs = match &store {
        Some(store) => with_authors(&**store, store.runs(&query.limit(args.limit)).await?).await?,
        None => Vec::new(),
    };
    let listing = Listing::of(&runs, "there is no such run")
        .column("for", |HistoryRun { run, .. }: &HistoryRun| utc(run.key.nominal).into())
        .column("job", |told| told.run.key.job.as_str().into())
        .column("state", |told| told.run.state.to_string().into())
        .column("attempt", |told| told.run.attempt.into())
        .column("started", |told| told.run.started.map(utc).into())
        .column("took", |told| told.seconds.map(|seconds| format!("{seconds:.1} s")).into())
        .column("exit", |told| told.run.exit.map(i64::from).into())
        .column("what", |told| said(&told.run).into())
        .column("changed by", |told| told.source.as_ref().map(|source| source.by.as_str()).into());
    context.printer.data(&listing.render(context.printer.format(), &runs)?)?;
    if args.output && context.printer.format() == Format::Table {
        for HistoryRun { run, .. } in &runs {
            let run_of = format!("{} {}", run.key.job, utc(run.key.nominal));
            for attempt in &run.earlier {
                let error = attempt.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
                let output = clean(attempt.output.as_deref().unwrap_or_default());
                let head = clean(&format!("{run_of}, attempt {}{error}", attempt.attempt));
                context.printer.data(&format!("\n{head}\n{output}"))?;
            }
            if let Some(output) = &run.output {
                let attempt = if run.earlier.is_empty() { String::new() } else { format!(", attempt {}", run.attempt) };
                context.printer.data(&format!("\n{run_of}{attempt}\n{}", clean(output)))?;
            }
        }
    }
    if let Some(last) = runs.last().filter(|_| runs.len() == args.limit as usize) {
        context.printer.note(&format!("there may be more: --before {}", instant(last.run.key.nominal)));
    }
    Ok(ExitCode::Done)
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

pub(super) async fn account(args: LedgerArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let (name, zone, now) = (record.spec.name.as_str(), record.spec.zone.tz(), SystemClock.now());
    let until = args.to.map_or(now, |to| to.at(zone));
    let from = match args.from {
        Some(from) => from.at(zone),
        None => {
            let versions = store.generations(&record.namespace, name).await?;
            versions.first().map_or(record.valid_from, |first| first.valid_from)
        }
    };
    let ledger = ledger(&*store, (&record.namespace, name), (from, until), now).await?;
    let format = context.printer.format();
    if format == Format::Table {
        context.printer.data(&format!("{name}  {}", ledger.total))?;
        if ledger.until < until {
            context.printer.note(&format!("note: counted up to now, {}", utc(now)));
        }
        if let Some(before) = ledger.deleted_before {
            context.printer.note(&format!("note: runs for instants before {} were deleted", utc(before)));
        }
        if ledger.total.overdue > 0 {
            let what = format!("{} fires are overdue: no scheduler has come to them", ledger.total.overdue);
            context.printer.alert(&what);
            context.printer.note("hint: `clusterkeep schedule doctor` says whether one is there");
        }
        for lost in &ledger.total.first_lost {
            context.printer.alert(&format!("lost: {}", utc(*lost)));
        }
    } else {
        let listing = Listing::of(&ledger.generations, "")
            .column("generation", |item: &GenerationCount| item.generation.into())
            .column("valid_from", |item| utc(item.valid_from).into())
            .column("expected", |item| number(item.count.expected))
            .column("fired", |item| number(item.count.fired))
            .column("coalesced", |item| number(item.count.coalesced))
            .column("skipped", |item| number(item.count.skipped))
            .column("missed", |item| number(item.count.missed))
            .column("undecided", |item| number(item.count.undecided))
            .column("overdue", |item| number(item.count.overdue))
            .column("pruned", |item| number(item.count.pruned))
            .column("lost", |item| number(item.count.lost))
            .column("unexpected", |item| number(item.count.unexpected));
        context.printer.data(&listing.render(format, &ledger)?)?;
    }
    if ledger.sums_up {
        return Ok(ExitCode::Done);
    }
    context.printer.alert(&format!("{name}: the fires of this period are not all accounted for"));
    Ok(ExitCode::Failed)
}

fn number(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}
