//! `run` without a timetable: one job, at once or when it is said, on a store in memory or the one that `--state` names.

mod namespace;
mod target;
mod taskfile;
mod watch;

use std::sync::Arc;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::target::{Echo, Stream};
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, RunRecord, RunState, ScheduleRecord, Scheduler, SchedulerBuilder, Store, Target,
    Triggered, control,
};

use self::taskfile::Task;
use super::run::{finished, say};
use super::schedule::{changes, served, store};
use crate::args::RunArgs;
use crate::context::{Context, actor};
use crate::health::Bound;
use crate::output::{Format, Printer};
use crate::served::Served;
use crate::{metrics, permissions, targets};

/// What the one job is called.
const NAME: &str = "job";

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<ExitCode> {
    heeded(&args)?;
    let when = args.one.when.as_deref();
    let target = match (taskfile::meant(&args.files), &args.one.command) {
        (Some(file), _) => match taskfile::read(file, args.one.zone.as_deref(), &context.printer)? {
            Task::Target(target) => *target,
            // Without another word it runs when its comments say.
            Task::Job(job, namespace) if when.is_none() => {
                return again(Job::from(*job), namespace, &args, context).await;
            }
            Task::Job(job, _) => job.run.clone(),
        },
        (None, Some(line)) => target::of(&[format!("cmd:{line}")])?,
        (None, None) => target::of(&args.one.words)?,
    };
    if let Target::Sql(_) = &target {
        // That there is no cluster is no run that fails.
        context.resolve(&args.cluster)?;
    }
    match (args.one.watch, when) {
        (Some(every), _) => watch::run(&target, every.0, &args, context).await,
        (None, None | Some("once")) => once(&target, &args, context).await,
        (None, Some(when)) => {
            let namespace = namespace::of(&target, &args)?;
            again(Job::named(NAME).target(target).cron(when), namespace, &args, context).await
        }
    }
}

/// Whether a command line means one job, and no timetable.
pub(super) fn is_meant(args: &RunArgs) -> bool {
    args.one.is_meant() || args.namespace.is_empty() && taskfile::meant(&args.files).is_some()
}

/// Refuses what would not be heeded.
fn heeded(args: &RunArgs) -> Result<()> {
    let watch = args.one.watch.is_some();
    let (file, kept) = ("a file that comes from a URL", "a job that waits for its times, unlike that of `--watch`");
    for (flag, unheeded, whose) in [
        ("--checksum", !args.checksum.is_empty(), file),
        ("--state", watch && args.store.state.is_some(), kept),
        ("--listen", watch && args.listen.is_some(), kept),
        ("--allow", watch && args.allow.is_some(), kept),
    ] {
        if unheeded {
            return Err(Error::input(format!("`{flag}` is for {whose}")).with_hint(format!("leave `{flag}` out")));
        }
    }
    Ok(())
}

/// The clusters that it works on, and where it is kept: in the store that is named, else in memory.
async fn kept(target: &Target, args: &RunArgs, context: &Context) -> Result<(Served, Arc<dyn Store>)> {
    if args.store.state.is_none() {
        return Ok((Served::of(&args.cluster, None), MemoryStore::new().into()));
    }
    let served = served(&args.cluster, &args.store, context)?;
    served.apart([target]).await?;
    Ok((served, store(&args.store, context).await?))
}

/// Takes the address that is to be answered on, where one is.
async fn bound(args: &RunArgs) -> Result<Option<Bound>> {
    match args.listen {
        Some(listen) => Bound::to(listen.0).await.map(Some),
        None => Ok(None),
    }
}

/// A scheduler with the one job, for when it is triggered: it has no times of its own.
fn builder(target: &Target, namespace: &str, args: &RunArgs, served: &Served, echo: &Echo) -> SchedulerBuilder {
    let job = Job::named(NAME).target(target.clone()).at_startup();
    Scheduler::builder().namespace(namespace).lease(args.lease.0).targets(targets::all(served, echo)).job(job)
}

/// Passes on what processes write, as they write it.
fn passing(printer: &Printer) -> Echo {
    let printer = printer.clone();
    Echo::to(move |_, stream, bytes| printer.pass(stream == Stream::Out, bytes))
}

/// Runs it here and now, to its end.
async fn once(target: &Target, args: &RunArgs, context: &Context) -> Result<ExitCode> {
    if args.allow.is_some() {
        return Err(Error::input("`--allow` is for what others have a job of a store do, and this one is run at once")
            .with_hint("leave it out, or say `--when` and `--state` for a job that others can trigger"));
    }
    let printer = &context.printer;
    let as_it_comes = printer.format() == Format::Table;
    let echo = if as_it_comes { passing(printer) } else { Echo::default() };
    let stop = context.stop_between_steps();
    let bound = bound(args).await?;
    let (served, store) = kept(target, args, context).await?;
    let namespace = namespace::once(target, args)?;
    let (_running, watched) = tokio::sync::watch::channel(vec![namespace.clone()]);
    let _answering = bound.map(|bound| bound.answer(store.clone(), watched, printer));
    let builder = builder(target, &namespace, args, &served, &echo).store(store.clone()).actor(actor());
    let run = match builder.on_event(metrics::count).ending(stop.clone()).trigger(NAME).await? {
        Triggered::Ran(run) => run,
        Triggered::Queued(key) => {
            // Nobody would come to it: what has the namespace is another run like this one.
            let (why, now) = ("the same was being run", SystemClock.now());
            control::cancel(&*store, &key.namespace, &key.job, Some(key.nominal), why, now).await?;
            return Err(Error::Locked { what: "the same is being run, and recorded in this store".into() });
        }
    };
    retire(&*store, &namespace).await?;
    show(&run, as_it_comes, printer)?;
    match run.state {
        _ if stop.is_cancelled() => Err(Error::Interrupted { what: "the job was ended".into() }),
        RunState::Succeeded => Ok(ExitCode::Done),
        RunState::Refused => Ok(ExitCode::Refused),
        _ => Ok(ExitCode::Failed),
    }
}

/// Says that it is over, so that nobody misses a scheduler that runs it. Its history stays.
async fn retire(store: &dyn Store, namespace: &str) -> Result<()> {
    let now = SystemClock.now();
    let over = |record| ScheduleRecord { retired: Some(now), next_fire: None, ..record };
    let records: Vec<_> = store.named(namespace, &[NAME.to_owned()]).await?.into_iter().map(over).collect();
    store.put(&records).await.map(drop)
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
async fn again(mut job: Job, namespace: String, args: &RunArgs, context: &Context) -> Result<ExitCode> {
    if let Some(zone) = &args.one.zone {
        job = job.zone(zone.as_str());
    }
    let spec = job.build()?;
    let next = spec.schedule()?.next_after(SystemClock.now());
    for warning in spec.when.warnings()? {
        context.printer.note(&format!("note: {warning}"));
    }
    let permissions = permissions::load(args.allow.as_deref())?;
    let bound = bound(args).await?;
    let (served, store) = kept(&spec.run, args, context).await?;
    let changes = if args.store.state.is_some() { changes(&args.store, context)? } else { None };
    let (running, watched) = tokio::sync::watch::channel(Vec::new());
    let _answering = bound.map(|bound| bound.answer(store.clone(), watched, &context.printer));
    let stop = context.stop_between_steps();
    let (printer, echo) = (context.printer.clone(), passing(&context.printer));
    let mut scheduler = Scheduler::builder()
        .store(store)
        .namespace(&namespace)
        .actor(actor())
        .changes(changes)
        .permissions(permissions)
        .grace(args.grace.0)
        .lease(args.lease.0)
        .at_once(usize::try_from(args.at_once).unwrap_or(usize::MAX))
        .targets(targets::all(&served, &echo))
        .job(spec.clone())
        .on_event(move |event| {
            metrics::count(event);
            match event {
                Event::Finished(run) => printer.note(&finished(&printer, run)),
                event => say(&printer, event),
            }
        })
        .start()
        .await?;
    let next =
        next.map(|at| format!("; next: {}", at.with_timezone(&spec.zone.tz()).format("%a %Y-%m-%d %H:%M:%S %Z")));
    context.printer.note(&format!("running {} at {}{}", spec.run, spec.when, next.unwrap_or_default()));
    if args.store.state.is_some() {
        context.printer.note(&format!("note: it is kept in the namespace {namespace}"));
    }
    running.send_replace(vec![namespace]);
    tokio::select! {
        () = stop.cancelled() => {}
        ended = scheduler.ended() => drop(ended?),
    }
    running.send_replace(Vec::new());
    let report = scheduler.drain().await?;
    if report.cut_off > 0 {
        return Err(Error::Interrupted { what: "the job was cut off after the grace".into() });
    }
    Ok(ExitCode::Done)
}
