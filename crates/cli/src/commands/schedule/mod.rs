//! `schedule`: looks at schedules and their runs, and runs a job at once.

mod expression;
mod lint;
mod next;
mod simulate;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Engine, Value};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::{
    Overview, RunQuery, RunRecord, RunState, Scheduler, SqliteStore, Store, Triggered, overview,
};

use crate::args::{HistoryArgs, ListSchedulesArgs, ScheduleCommand, StoreArgs, TriggerArgs};
use crate::compose::Actions;
use crate::context::{Context, state_folder};
use crate::files;
use crate::output::{Format, Listing};

pub(super) use lint::lint;
pub(super) use next::{explain, next};
pub(super) use simulate::simulate;

pub(super) async fn run(command: ScheduleCommand, context: &Context) -> Result<ExitCode> {
    match command {
        ScheduleCommand::List(args) => context.interruptible(list(args, context)).await,
        ScheduleCommand::History(args) => context.interruptible(history(args, context)).await,
        ScheduleCommand::Trigger(args) => trigger(args, context).await,
        ScheduleCommand::Next(args) => {
            context.printer.data(&next(&args, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Explain(args) => {
            context.printer.data(&explain(&args, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Lint(args) => lint(&args, &context.printer),
        ScheduleCommand::Simulate(args) => simulate(&args, &context.printer),
    }
}

/// The store that is meant, created where it is missing.
pub(super) async fn store(args: &StoreArgs, context: &Context) -> Result<Arc<dyn Store>> {
    let url = store_url(args, context)?;
    if let (None, Some(folder)) = (&args.state, url.path().and_then(Path::parent)) {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    Ok(SqliteStore::connect(&url).await?.into())
}

/// The store that is meant, where there is one: looking creates nothing.
async fn existing(args: &StoreArgs, context: &Context) -> Result<Option<Arc<dyn Store>>> {
    let url = store_url(args, context)?;
    match url.path() {
        Some(path) if path.exists() => Ok(Some(SqliteStore::connect(&url).await?.into())),
        Some(path) if args.state.is_some() => {
            Err(Error::input(format!("there is no SQLite file `{}`", path.display()))
                .with_hint("`clusterkeep run` creates it; is the path right?"))
        }
        _ => Ok(None),
    }
}

fn store_url(args: &StoreArgs, context: &Context) -> Result<DatabaseUrl> {
    let url = match &args.state {
        Some(address) => context.state_url(address)?,
        None => DatabaseUrl::sqlite(state_folder()?.join("scheduler.db")),
    };
    if url.engine() == Engine::Sqlite {
        return Ok(url);
    }
    Err(Error::input(format!("schedules are not kept in {} yet", url.engine()))
        .with_hint("keep them in a file: --state sqlite://jobs.db"))
}

async fn list(args: ListSchedulesArgs, context: &Context) -> Result<ExitCode> {
    let all = match existing(&args.store, context).await? {
        Some(store) => overview(&*store, args.namespace.as_deref()).await?,
        None => Vec::new(),
    };
    let listing = Listing::of(&all, "there is no schedule yet; `clusterkeep run -f FILE` makes those of a timetable")
        .column("namespace", |item: &Overview| item.schedule.namespace.as_str().into())
        .column("job", |item| item.schedule.spec.name.as_str().into())
        .column("when", |item| item.schedule.spec.when.to_string().into())
        .column("zone", |item| item.schedule.spec.zone.tz().name().into())
        .column("next fire", |item| item.schedule.next_fire.map(|at| local(at, item.schedule.spec.zone.tz())).into())
        .column("last run", |item| item.last_run.as_ref().map(|run| utc(run.key.nominal)).into())
        .column("state", |item| item.last_run.as_ref().map(|run| run.state.to_string()).into());
    context.printer.data(&listing.render(context.printer.format(), &all)?)?;
    Ok(ExitCode::Done)
}

async fn history(args: HistoryArgs, context: &Context) -> Result<ExitCode> {
    let store = existing(&args.store, context).await?;
    let mut query = match (&args.job, &args.namespace) {
        (Some(job), _) => RunQuery::of(args.namespace_of_job(), job),
        (None, Some(namespace)) => RunQuery::within(namespace),
        (None, None) => RunQuery::all(),
    };
    if args.failed {
        query = query.in_states([RunState::Failed, RunState::Refused]);
    } else if !args.in_state.is_empty() {
        query = query.in_states(args.in_state.clone());
    }
    let runs = match &store {
        Some(store) => store.runs(&query.limit(args.limit)).await?,
        None => Vec::new(),
    };
    if let (true, Some(job)) = (runs.is_empty(), &args.job) {
        known(store.as_deref(), args.namespace_of_job(), job).await?;
    }
    let listing = Listing::of(&runs, "there is no such run")
        .column("for", |run: &RunRecord| utc(run.key.nominal).into())
        .column("job", |run| run.key.job.as_str().into())
        .column("state", |run| run.state.to_string().into())
        .column("attempt", |run| run.attempt.into())
        .column("started", |run| run.started.map(utc).into())
        .column("took", took)
        .column("what", |run| said(run).into());
    context.printer.data(&listing.render(context.printer.format(), &runs)?)?;
    Ok(ExitCode::Done)
}

/// Fails where the store has no such job.
async fn known(store: Option<&dyn Store>, namespace: &str, job: &str) -> Result<()> {
    let all = match store {
        Some(store) => store.schedules(None).await?,
        None => Vec::new(),
    };
    if all.iter().any(|schedule| schedule.namespace == namespace && schedule.spec.name.as_str() == job) {
        return Ok(());
    }
    let elsewhere = all.iter().find(|schedule| schedule.spec.name.as_str() == job);
    let hint = match elsewhere {
        Some(schedule) => format!("it is in another namespace: --namespace {}", schedule.namespace),
        None => "`clusterkeep schedule list` shows those that there are".to_owned(),
    };
    Err(Error::input(format!("job `{job}` of namespace `{namespace}` is unknown")).with_hint(hint))
}

fn took(run: &RunRecord) -> Value {
    let length = run.started.zip(run.finished).map(|(from, until)| until - from);
    length.map(|length| format!("{:.1} s", length.as_seconds_f64())).into()
}

fn said(run: &RunRecord) -> String {
    let note = run.note.as_ref().map(ToString::to_string);
    let parts = [run.missed.map(|missed| format!("{} fires", missed.count)), run.reason.clone(), note];
    let end = super::run::end(run).map(str::to_owned);
    parts.into_iter().flatten().chain(end).collect::<Vec<_>>().join("; ")
}

async fn trigger(args: TriggerArgs, context: &Context) -> Result<ExitCode> {
    let timetable = files::timetable_of(&args.files, &args.job)?;
    let manifests: Vec<_> = files::manifests(&args.files)?.into_iter().map(|manifest| manifest.value).collect();
    let target = context.connect(&args.cluster, ConnectOptions::default()).await?;
    let actions = Actions::new(target.db.clone(), manifests);
    actions.check(&timetable.jobs)?;
    let store = store(&args.store, context).await?;
    let builder = actions.register(Scheduler::builder().store(store).timetable(timetable));
    let triggered = context.interruptible(builder.trigger(&args.job)).await?;
    target.db.close().await;
    match triggered {
        Triggered::Queued(key) => {
            context.printer.note(&format!("a scheduler runs the jobs of {}: it will run {}", key.namespace, key.job));
            Ok(ExitCode::Done)
        }
        Triggered::Ran(run) => {
            if context.printer.format() == Format::Table {
                context.printer.data(&super::run::finished(&context.printer, &run))?;
            } else {
                let runs = [*run.clone()];
                let listing = Listing::of(&runs, "")
                    .column("job", |run: &RunRecord| run.key.job.as_str().into())
                    .column("state", |run| run.state.to_string().into())
                    .column("what", |run| said(run).into());
                context.printer.data(&listing.render(context.printer.format(), &*run)?)?;
            }
            Ok(match run.state {
                RunState::Succeeded => ExitCode::Done,
                RunState::Refused => ExitCode::Refused,
                _ => ExitCode::Failed,
            })
        }
    }
}

fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}
