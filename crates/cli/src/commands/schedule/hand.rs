//! `schedule pause`, `resume`, `trigger`, `backfill`, `cancel` and `retry`: what somebody does by hand.

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::control::{self, Dedup};
use clusterkeep_scheduler::target::Echo;
use clusterkeep_scheduler::{Cancelled, Pause, RunRecord, RunState, Scheduler, Store, Triggered};
use serde::Serialize;

use super::store::{job, served, store};
use super::{local, said, utc};
use crate::args::{BackfillArgs, CancelArgs, JobArgs, PauseArgs, ResumeArgs, RetryArgs, TriggerArgs};
use crate::commands::run::finished;
use crate::compose::Actions;
use crate::context::{Context, actor};
use crate::output::{Format, Listing};
use crate::{files, source, targets};

pub(super) async fn pause(args: PauseArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let pause = Pause { since: SystemClock.now(), by: actor(), note: args.note };
    let holds = control::pause(&*store, &record.namespace, name, pause.clone()).await?;
    let already = if holds == pause { "" } else { "already " };
    let text =
        format!("{name} is {already}{holds}, since {}; `clusterkeep schedule resume {name}` ends it", utc(holds.since));
    answer(&holds, &text, context)
}

pub(super) async fn resume(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let resumed = control::resume(&*store, &record.namespace, name, SystemClock.now()).await?;
    let next = resumed.next_fire.map(|at| format!("; next: {}", local(at, record.spec.zone.tz()))).unwrap_or_default();
    let text = match &resumed.paused {
        None => format!("{name} was not paused{next}"),
        Some(pause) => {
            let missed =
                if resumed.missed > 0 { format!(", {} missed before it", resumed.missed) } else { String::new() };
            format!("{name} fires again; it was {pause}: {} fires skipped{missed}{next}", resumed.skipped)
        }
    };
    answer(&resumed, &text, context)
}

pub(super) async fn trigger(args: TriggerArgs, context: &Context) -> Result<ExitCode> {
    if args.files.is_empty() {
        return context.interruptible(queue(args, context)).await;
    }
    let timetable = files::timetable_of(&args.files, &args.job)?;
    let texts = source::local(&args.files)?;
    source::warn(&texts, &context.printer);
    let manifests: Vec<_> = files::manifests(&texts)?.into_iter().map(|manifest| manifest.value).collect();
    let of_the_job = timetable.jobs.iter().filter(|job| job.name.as_str() == args.job);
    let served = served(&args.cluster, &args.store, context)?;
    if args.cluster.cluster.is_some() || of_the_job.clone().any(targets::needs_cluster) {
        served.begin().await?;
    }
    served.apart(of_the_job.map(|job| &job.run)).await?;
    let store = store(&args.store, context).await?;
    let actions = Actions::served(served.clone(), manifests).history(store.clone());
    actions.check(&timetable.jobs)?;
    let targets = targets::all(&served, &Echo::default());
    let builder = Scheduler::builder().store(store).actor(actor()).targets(targets).timetable(timetable);
    let triggered = context.interruptible(actions.register(builder).trigger(&args.job)).await;
    served.close().await;
    match triggered? {
        Triggered::Queued(key) => {
            context.printer.note(&format!("a scheduler runs the jobs of {}: it will run {}", key.namespace, key.job));
            Ok(ExitCode::Done)
        }
        Triggered::Ran(run) => {
            if context.printer.format() == Format::Table {
                context.printer.data(&finished(&context.printer, &run))?;
            } else {
                let runs = [*run.clone()];
                context.printer.data(&runs_of(&runs).render(context.printer.format(), &*run)?)?;
            }
            Ok(match run.state {
                RunState::Succeeded => ExitCode::Done,
                RunState::Refused => ExitCode::Refused,
                _ => ExitCode::Failed,
            })
        }
    }
}

/// Leaves a run in the store, for a scheduler.
async fn queue(args: TriggerArgs, context: &Context) -> Result<ExitCode> {
    let job_args = JobArgs { job: args.job, store: args.store, namespace: args.namespace };
    let (store, record) = job(&job_args, context).await?;
    let name = record.spec.name.as_str();
    let dedup = args.key.zip(args.within).map(|(key, within)| Dedup { key, within });
    let queued = control::queue(&*store, &record.namespace, name, args.args, dedup.as_ref(), SystemClock.now()).await?;
    let text = if queued.made { "waits for a scheduler" } else { "is there already: its key was used in this window" };
    nobody(&*store, &record.namespace, context).await?;
    answer(&queued, &format!("{name} {} {text}", utc(queued.key.nominal)), context)
}

/// Says so where no scheduler is there to run what waits.
async fn nobody(store: &dyn Store, namespace: &str, context: &Context) -> Result<()> {
    let workers = store.workers().await?;
    if !workers.iter().any(|worker| worker.alive && worker.namespace == namespace) {
        context.printer.note(&format!("note: no scheduler runs the jobs of {namespace} now; start `clusterkeep run`"));
    }
    Ok(())
}

pub(super) async fn backfill(args: BackfillArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let (name, zone) = (record.spec.name.as_str(), record.spec.zone.tz());
    let period = (args.from.at(zone), args.until.at(zone));
    let now = SystemClock.now();
    let found = control::backfill(&*store, &record.namespace, name, period, args.most as usize, now).await?;
    let (first, last) = (found.fires.first().copied(), found.fires.last().copied());
    let span = first.zip(last).map(|(first, last)| format!(", from {} to {}", local(first, zone), local(last, zone)));
    let count = found.fires.len();
    let what = format!(
        "{name}: {count} run{} to make{}; {} fires have run",
        if count == 1 { "" } else { "s" },
        span.unwrap_or_default(),
        found.have_run
    );
    if !found.fires.is_empty() && !args.yes {
        if !context.printer.can_ask() {
            return Err(Error::input(what).with_hint("there is nobody to ask: say --yes to make them"));
        }
        context.printer.note(&what);
        if !context.printer.ask("make them?")? {
            context.printer.note("nothing was made");
            return Ok(ExitCode::Done);
        }
    }
    let made = found.queue(&*store).await?;
    if made > 0 {
        nobody(&*store, &record.namespace, context).await?;
    }
    answer(&found, &format!("{what}; {made} wait now"), context)
}

pub(super) async fn cancel(args: CancelArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let of = args.run.map(|run| run.at(record.spec.zone.tz()));
    let why = match args.note {
        Some(note) => format!("cancelled by {}: {note:?}", actor()),
        None => format!("cancelled by {}", actor()),
    };
    let cancelled = control::cancel(&*store, &record.namespace, name, of, &why, SystemClock.now()).await?;
    let asked = cancelled.iter().filter(|(_, done)| *done == Cancelled::Asked).count();
    let text = match cancelled.len() {
        0 => format!("no run of {name} waits or is going"),
        all => format!("{} cancelled, {asked} going: their scheduler ends them", all - asked),
    };
    let runs: Vec<RunRecord> = cancelled.into_iter().map(|(run, _)| run).collect();
    list(&runs, of.is_some(), &text, context)
}

pub(super) async fn retry(args: RetryArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let of = args.run.map(|run| run.at(record.spec.zone.tz()));
    let renewed = control::retry(&*store, &record.namespace, name, of).await?;
    if !renewed.is_empty() {
        nobody(&*store, &record.namespace, context).await?;
    }
    let text = match (renewed.len(), of) {
        (0, None) => format!("no run of {name} is dead; --run INSTANT names another one"),
        (0, Some(_)) => format!("no run of {name} for this instant has failed, was cancelled or refused"),
        (count, _) => format!("{count} to be tried anew"),
    };
    list(&renewed, of.is_some(), &text, context)
}

/// The runs that something was done to; that there is none is bad input where one was named.
fn list(runs: &[RunRecord], named: bool, text: &str, context: &Context) -> Result<ExitCode> {
    if runs.is_empty() && named {
        return Err(
            Error::input(text.to_owned()).with_hint("`clusterkeep schedule history` shows the instants of runs")
        );
    }
    if context.printer.format() == Format::Table {
        let lines: String = runs.iter().map(|run| format!("{} {}\n", run.key.job, utc(run.key.nominal))).collect();
        context.printer.data(&format!("{lines}{text}"))?;
    } else {
        context.printer.data(&runs_of(runs).render(context.printer.format(), &runs)?)?;
    }
    Ok(ExitCode::Done)
}

fn runs_of(runs: &[RunRecord]) -> Listing<'_, RunRecord> {
    Listing::of(runs, "")
        .column("job", |run: &RunRecord| run.key.job.as_str().into())
        .column("for", |run| utc(run.key.nominal).into())
        .column("state", |run| run.state.to_string().into())
        .column("what", |run| said(run).into())
}

/// One document, or its sentence.
fn answer(document: &impl Serialize, text: &str, context: &Context) -> Result<ExitCode> {
    let format = context.printer.format();
    context.printer.data(&if format == Format::Table { text.to_owned() } else { format.document(document)? })?;
    Ok(ExitCode::Done)
}
