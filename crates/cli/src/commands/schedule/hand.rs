//! `schedule pause`, `resume`, `trigger`, `backfill`, `cancel` and `retry`: what somebody does by hand.

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::control::{self, Change, Dedup};
use clusterkeep_scheduler::target::Echo;
use clusterkeep_scheduler::{
    Cancelled, Event, Pause, RunRecord, RunState, ScheduleRecord, Scheduler, Store, Triggered,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::store::{changes, job, served, store};
use super::{local, said, utc};
use crate::args::{BackfillArgs, CancelArgs, JobArgs, PauseArgs, ResumeArgs, RetryArgs, StoreArgs, TriggerArgs};
use crate::commands::run::finished;
use crate::compose::Actions;
use crate::context::{Context, actor};
use crate::files::{self, Unknown};
use crate::output::{Format, Listing, Printer};
use crate::{source, targets};

pub(super) async fn pause(args: PauseArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let pause = Pause { since: SystemClock.now(), by: actor(), note: args.note.clone() };
    let change = Change::of_job("pause", &record);
    let holds = recorded(&args.job.store, change, args.note, context, async {
        let holds = control::pause(&*store, &record.namespace, name, pause.clone()).await?;
        let came = if holds == pause { json!({}) } else { json!({ "message": format!("it was {holds}") }) };
        Ok((holds, came))
    })
    .await?;
    let already = if holds == pause { "" } else { "already " };
    let text =
        format!("{name} is {already}{holds}, since {}; `clusterkeep schedule resume {name}` ends it", utc(holds.since));
    answer(&holds, &text, context)
}

pub(super) async fn resume(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let change = Change::of_job("resume", &record);
    let resumed = recorded(&args.job.store, change, args.note, context, async {
        let resumed = control::resume(&*store, &record.namespace, name, SystemClock.now()).await?;
        let came = json!({ "skipped": resumed.skipped, "missed": resumed.missed });
        Ok((resumed, came))
    })
    .await?;
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
    let texts = source::local(&args.files)?;
    let documents = files::documents(&texts, Unknown::Refused)?;
    let timetable = files::with_job(files::merged(&documents)?, &args.job)?;
    source::warn(&texts, Unknown::Refused, &context.printer);
    let manifests: Vec<_> = files::manifests(&texts)?.into_iter().map(|manifest| manifest.value).collect();
    let of_the_job = timetable.jobs.iter().filter(|job| job.name.as_str() == args.job);
    let served = served(&args.cluster, &args.store, context)?;
    if args.cluster.cluster.is_some() || of_the_job.clone().any(targets::needs_cluster) {
        served.begin().await?;
    }
    served.apart(of_the_job.map(|job| &job.run)).await?;
    let store = store(&args.store, context).await?;
    let actions = Actions::served(served.clone(), manifests).history(store.clone());
    // What the other jobs run is looked at as far as schedulers refuse it.
    for job in timetable.jobs.iter().filter(|job| job.run.as_action().is_some() || job.name.as_str() == args.job) {
        let wrong = |error| files::placed(error, &texts, timetable.namespace(), job.name.as_str());
        actions.check([job]).map_err(wrong)?;
    }
    let targets = targets::all(&served, &Echo::default());
    let changes = changes(&args.store, context)?.map(|changes| changes.why(args.note));
    let builder =
        Scheduler::builder().store(store).actor(actor()).changes(changes).targets(targets).timetable(timetable);
    let (stop, printer) = (context.stop_between_steps(), context.printer.clone());
    let builder = builder.ending(stop.clone()).on_event(move |event| waits(&printer, event));
    let triggered = actions.register(builder).trigger(&args.job).await;
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
            if stop.is_cancelled() && run.state != RunState::Succeeded {
                return Err(Error::Interrupted { what: format!("the run is recorded as {}", run.state) });
            }
            Ok(match run.state {
                RunState::Succeeded => ExitCode::Done,
                RunState::Refused => ExitCode::Refused,
                _ => ExitCode::Failed,
            })
        }
    }
}

/// Says that a run has failed, and waits to be attempted again.
fn waits(printer: &Printer, event: &Event<'_>) {
    let Event::Finished(run) = event else { return };
    if let Some(at) = run.not_before.filter(|_| run.state == RunState::Pending) {
        let error = run.error.as_deref().unwrap_or_default();
        let attempt = run.attempt.saturating_add(1);
        printer.note(&format!("{} failed: {error}; attempt {attempt} follows at {}", run.key.job, utc(at)));
    }
}

/// Leaves a run in the store, for a scheduler.
async fn queue(args: TriggerArgs, context: &Context) -> Result<ExitCode> {
    let job_args = JobArgs { job: args.job, store: args.store, namespace: args.namespace };
    let (store, record) = job(&job_args, context).await?;
    let name = record.spec.name.as_str();
    let dedup = args.key.zip(args.within).map(|(key, within)| Dedup { key, within });
    let mut change = Change::of_job("trigger", &record);
    if let Some(args) = &args.args {
        // What they say may be secret.
        change = change.with("args", args.keys().cloned().collect::<Vec<_>>());
    }
    if let Some(dedup) = &dedup {
        change = change.with("key", dedup.key.as_str());
    }
    let queued = recorded(&job_args.store, change, args.note, context, async {
        let now = SystemClock.now();
        let queued = control::queue(&*store, &record.namespace, name, args.args, dedup.as_ref(), now).await?;
        let came = json!({ "run": queued.key.nominal, "made": queued.made });
        Ok((queued, came))
    })
    .await?;
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
        let waiting = if found.waiting > 0 { format!(", {} wait already", found.waiting) } else { String::new() };
        let asked = format!("{what}{waiting}");
        if !context.printer.can_ask() {
            return Err(Error::input(asked).with_hint("there is nobody to ask: say --yes to make them"));
        }
        context.printer.note(&asked);
        if !context.printer.ask("make them?")? {
            context.printer.note("nothing was made");
            return Ok(ExitCode::Done);
        }
    }
    let change = Change::of_job("backfill", &record).with("from", json!(period.0)).with("until", json!(period.1));
    let made = recorded(&args.job.store, change, args.note, context, async {
        let made = found.queue(&*store).await?;
        Ok((made, json!({ "runs": made })))
    })
    .await?;
    if made > 0 {
        nobody(&*store, &record.namespace, context).await?;
    }
    answer(&found, &format!("{what}; {} wait now", found.waiting + made), context)
}

pub(super) async fn cancel(args: CancelArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let name = record.spec.name.as_str();
    let of = args.run.map(|run| run.at(record.spec.zone.tz()));
    let why = match &args.note {
        Some(note) => format!("cancelled by {}: {note:?}", actor()),
        None => format!("cancelled by {}", actor()),
    };
    let cancelled = recorded(&args.job.store, of_runs("cancel", &record, of), args.note, context, async {
        let now = SystemClock.now();
        let cancelled = control::cancel(&*store, &record.namespace, name, of, &why, now).await?;
        let came = which(cancelled.iter().map(|(run, _)| run));
        Ok((cancelled, came))
    })
    .await?;
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
    let renewed = recorded(&args.job.store, of_runs("retry", &record, of), args.note, context, async {
        let renewed = control::retry(&*store, &record.namespace, name, of).await?;
        let came = which(&renewed);
        Ok((renewed, came))
    })
    .await?;
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

/// Makes a change that is in the audit before it is made, and with what came of it.
async fn recorded<T>(
    args: &StoreArgs,
    change: Change,
    why: Option<String>,
    context: &Context,
    work: impl Future<Output = Result<(T, Value)>>,
) -> Result<T> {
    match changes(args, context)? {
        Some(changes) => changes.why(why).record(change, &SystemClock, work).await,
        None => work.await.map(|(done, _)| done),
    }
}

/// A change of the runs of a job, or of the one for an instant.
fn of_runs(what: &'static str, record: &ScheduleRecord, of: Option<DateTime<Utc>>) -> Change {
    let change = Change::of_job(what, record);
    match of {
        Some(of) => change.with("run", json!(of)),
        None => change,
    }
}

/// How many runs these are, and between which instants: the run history has each.
fn which<'a>(runs: impl IntoIterator<Item = &'a RunRecord>) -> Value {
    let mut instants: Vec<_> = runs.into_iter().map(|run| run.key.nominal).collect();
    instants.sort_unstable();
    json!({ "runs": instants.len(), "first": instants.first(), "last": instants.last() })
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
