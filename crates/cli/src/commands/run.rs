//! `run`: the jobs of timetables, in the foreground.

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::{Event, RunRecord, RunState, Scheduler, Timetable};

use super::schedule::store;
use crate::args::RunArgs;
use crate::compose::Actions;
use crate::context::Context;
use crate::files;
use crate::output::{Colour, Printer};

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<ExitCode> {
    let timetables = files::timetables(&args.files)?;
    let manifests: Vec<_> = files::manifests(&args.files)?.into_iter().map(|manifest| manifest.value).collect();
    let stop = context.stop_between_steps();
    let target = context.connect(&args.cluster, ConnectOptions::default()).await?;
    let actions = Actions::new(target.db.clone(), manifests);
    for timetable in &timetables {
        actions.check(&timetable.jobs)?;
    }
    let store = store(&args.store, context).await?;
    let mut schedulers = Vec::new();
    for timetable in timetables {
        let printer = context.printer.clone();
        let about = about(&timetable);
        let builder = Scheduler::builder()
            .store(store.clone())
            .grace(args.grace.0)
            .on_event(move |event| say(&printer, event))
            .timetable(timetable);
        schedulers.push(actions.clone().register(builder).start().await?);
        context.printer.note(&about);
    }
    let ended = {
        let all = schedulers.iter_mut().map(|scheduler| Box::pin(scheduler.ended()));
        tokio::select! {
            () = stop.cancelled() => None,
            (ended, ..) = futures::future::select_all(all) => Some(ended),
        }
    };
    let mut cut_off = 0;
    let mut failed = ended.and_then(Result::err);
    for scheduler in schedulers {
        match scheduler.drain().await {
            Ok(report) => cut_off += report.cut_off,
            // The one that ended by itself has said why already.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    target.db.close().await;
    match failed {
        Some(error) => Err(error),
        None if cut_off > 0 => Err(Error::Interrupted {
            what: format!("{cut_off} runs were cut off after the grace; see `schedule history`"),
        }),
        None => Ok(ExitCode::Done),
    }
}

/// What is run, and when it begins.
fn about(timetable: &Timetable) -> String {
    let (now, count) = (SystemClock.now(), timetable.jobs.len());
    // A job whose schedule can't be read is refused when its scheduler starts.
    let schedules = timetable.jobs.iter().filter_map(|job| Some((&job.name, job.schedule().ok()?)));
    let next = schedules
        .filter_map(|(name, schedule)| Some((schedule.next_after(now)?, name, schedule)))
        .min_by_key(|next| next.0);
    let next = next.map_or_else(String::new, |(at, name, schedule)| {
        format!("; next: {name}, {}", at.with_timezone(&schedule.in_zone().tz()).format("%a %Y-%m-%d %H:%M %Z"))
    });
    format!("running {count} job{} of {}{next}", if count == 1 { "" } else { "s" }, timetable.namespace)
}

/// One line for what happens, as it happens.
fn say(printer: &Printer, event: &Event<'_>) {
    match event {
        Event::Started(run) => printer.note(&format!("{} started", named(run))),
        Event::Finished(run) => printer.note(&finished(printer, run)),
        Event::Passed(run) => {
            let why = run.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            printer.note(&format!("{} {}{why}", named(run), run.state));
        }
        Event::Overtaken(run) => printer.note(&format!("{} was overtaken by a later attempt", named(run))),
        Event::Moved { job, .. } => printer.note(&format!("{job}: new zone data moved its next fire")),
        Event::StoreFailed(error) => {
            printer.alert(&format!("the store failed and is tried again: {}", crate::errors::chain(error)));
        }
        _ => {}
    }
}

/// A run by its job and the instant that it is for.
fn named(run: &RunRecord) -> String {
    format!("{} {}", run.key.job, run.key.nominal.format("%Y-%m-%d %H:%M:%S UTC"))
}

pub(super) fn finished(printer: &Printer, run: &RunRecord) -> String {
    let colour = if run.state == RunState::Succeeded { Colour::Good } else { Colour::Refuse };
    let state = printer.paint_err(colour, run.state.as_str());
    let said = end(run).map(|said| format!(": {said}")).unwrap_or_default();
    format!("{} {state}{said}", named(run))
}

/// What a run said last; that it was refused is said by its state.
pub(super) fn end(run: &RunRecord) -> Option<&str> {
    let said = run.error.as_deref().or(run.message.as_deref())?;
    Some(said.strip_prefix("refused: ").unwrap_or(said))
}
