//! `run` without a timetable: one job, at once or when it is said, on a store in memory.

mod target;
mod taskfile;
mod watch;

use std::sync::Arc;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::target::{Echo, Stream};
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, RunRecord, RunState, Scheduler, SchedulerBuilder, Store, Target, Triggered,
};

use self::taskfile::Task;
use super::run::{finished, say};
use super::schedule::{served, store};
use crate::args::RunArgs;
use crate::context::Context;
use crate::output::{Format, Printer};
use crate::served::Served;
use crate::targets;

/// What the one job is called, and the namespace that it is in.
const NAME: &str = "job";
const NAMESPACE: &str = "run";

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<ExitCode> {
    let when = args.one.when.as_deref();
    let target = match (taskfile::meant(&args.files), &args.one.command) {
        (Some(file), _) => match taskfile::read(file, args.one.zone.as_deref(), &context.printer)? {
            Task::Target(target) => *target,
            // Without another word it runs when its comments say.
            Task::Job(job) if when.is_none() => return again(Job::from(*job), &args, context).await,
            Task::Job(job) => job.run.clone(),
        },
        (None, Some(line)) => target::of(&[format!("cmd:{line}")])?,
        (None, None) => target::of(&args.one.words)?,
    };
    match (args.one.watch, when) {
        (Some(every), _) => watch::run(&target, every.0, &args, context).await,
        (None, None | Some("once")) => once(&target, &args, context).await,
        (None, Some(when)) => again(Job::named(NAME).target(target).cron(when), &args, context).await,
    }
}

/// Whether a command line means one job, and no timetable.
pub(super) fn is_meant(args: &RunArgs) -> bool {
    args.one.is_meant() || taskfile::meant(&args.files).is_some()
}

/// A scheduler with the one job, for when it is triggered.
fn builder(target: &Target, args: &RunArgs, echo: &Echo) -> SchedulerBuilder {
    // It is triggered, and fires by itself when nobody is there any more.
    let job = Job::named(NAME).target(target.clone()).at(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    Scheduler::builder().namespace(NAMESPACE).targets(targets::all(&Served::of(&args.cluster, None), echo)).job(job)
}

/// Passes on what processes write, as they write it.
fn passing(printer: &Printer) -> Echo {
    let printer = printer.clone();
    Echo::to(move |_, stream, bytes| printer.pass(stream == Stream::Out, bytes))
}

/// Runs it here and now, to its end.
async fn once(target: &Target, args: &RunArgs, context: &Context) -> Result<ExitCode> {
    let printer = &context.printer;
    let as_it_comes = printer.format() == Format::Table;
    let echo = if as_it_comes { passing(printer) } else { Echo::default() };
    let stop = context.stop_between_steps();
    let triggered = builder(target, args, &echo).ending(stop.clone()).trigger(NAME).await?;
    let Triggered::Ran(run) = triggered else { return Err(Error::failed("run the job: a scheduler has taken it")) };
    show(&run, as_it_comes, printer)?;
    match run.state {
        _ if stop.is_cancelled() => Err(Error::Interrupted { what: "the job was ended".into() }),
        RunState::Succeeded => Ok(ExitCode::Done),
        RunState::Refused => Ok(ExitCode::Refused),
        _ => Ok(ExitCode::Failed),
    }
}

/// What has come of it: the output, where it was not passed on before, and what went wrong.
fn show(run: &RunRecord, as_it_comes: bool, printer: &Printer) -> Result<()> {
    if !as_it_comes {
        return printer.data(&printer.format().document(run)?);
    }
    // A process has an exit code, and has been heard already.
    if run.exit.is_none() {
        let rows = run.result.as_ref().filter(|result| result.is_array());
        match (rows, &run.output) {
            (Some(rows), _) => printer.data(&serde_json::to_string_pretty(rows).unwrap_or_default())?,
            (None, Some(output)) => printer.data(output)?,
            (None, None) => {}
        }
    }
    if let Some(error) = &run.error {
        printer.alert(&format!("{}: {error}", run.state));
    } else if let Some(message) = &run.message {
        printer.note(message);
    }
    Ok(())
}

/// Runs it whenever its time has come, until it is stopped.
async fn again(mut job: Job, args: &RunArgs, context: &Context) -> Result<ExitCode> {
    if let Some(zone) = &args.one.zone {
        job = job.zone(zone.as_str());
    }
    let spec = job.build()?;
    let (served, store): (_, Arc<dyn Store>) = match &args.store.state {
        Some(_) => {
            let served = served(&args.cluster, &args.store, context)?;
            served.apart([&spec.run]).await?;
            (served, store(&args.store, context).await?)
        }
        None => (Served::of(&args.cluster, None), MemoryStore::new().into()),
    };
    let stop = context.stop_between_steps();
    let (printer, echo) = (context.printer.clone(), passing(&context.printer));
    let next = spec.schedule()?.next_after(SystemClock.now());
    let mut scheduler = Scheduler::builder()
        .store(store)
        .namespace(NAMESPACE)
        .grace(args.grace.0)
        .lease(args.lease.0)
        .targets(targets::all(&served, &echo))
        .job(spec.clone())
        .on_event(move |event| match event {
            Event::Finished(run) => printer.note(&finished(&printer, run)),
            event => say(&printer, event),
        })
        .start()
        .await?;
    let next =
        next.map(|at| format!("; next: {}", at.with_timezone(&spec.zone.tz()).format("%a %Y-%m-%d %H:%M:%S %Z")));
    context.printer.note(&format!("running {} at {}{}", spec.run, spec.when, next.unwrap_or_default()));
    tokio::select! {
        () = stop.cancelled() => {}
        ended = scheduler.ended() => drop(ended?),
    }
    let report = scheduler.drain().await?;
    if report.cut_off > 0 {
        return Err(Error::Interrupted { what: "the job was cut off after the grace".into() });
    }
    Ok(ExitCode::Done)
}
