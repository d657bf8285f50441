//! `run`: the jobs of timetables, in the foreground.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::manifest::Located;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::control::Changes;
use clusterkeep_scheduler::target::Echo;
use clusterkeep_scheduler::{Event, Permissions, RunRecord, RunState, Scheduler, Store, Target, Timetable};
use tokio::sync::watch;

use super::schedule::{changes, served, store, utc};
use crate::args::RunArgs;
use crate::compose::Actions;
use crate::context::{Context, Hangups, actor};
use crate::files::{self, Unknown};
use crate::health::Bound;
use crate::output::{Colour, Printer};
use crate::served::Served;
use crate::source::{Asked, Text};
use crate::{metrics, permissions, source, targets};

/// How often it is looked whether schedulers of former files have nothing to do any more.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<ExitCode> {
    let args = with_default_file(args)?;
    let loaded = context.interruptible(Loaded::read(&args)).await?;
    source::warn(&loaded.texts, Unknown::Refused, &context.printer);
    for (line, remark) in loaded.permissions.warnings() {
        context.printer.alert(&format!("warning: line {line} of the file of permissions: {remark}"));
    }
    files::say_ephemeral(&loaded.documents, &context.printer);
    let stop = context.stop_between_steps();
    // Heard from here on: a signal must never end what has begun.
    let mut hangups = Hangups::listen()?;
    let listener = match args.listen {
        Some(listen) => Some(Bound::to(listen.0).await?),
        None => None,
    };
    let served = served(&args.cluster, &args.store, context)?;
    served.begin().await?;
    served.apart(loaded.targets()).await?;
    let store = store(&args.store, context).await?;
    let changes = changes(&args.store, context)?;
    let (namespaces, watched) = watch::channel(Vec::new());
    let _answering = listener.map(|bound| bound.answer(store.clone(), watched, &context.printer));
    let starting = Starting { args: &args, served: &served, store: &store, changes, printer: &context.printer };
    let mut running = starting.start(loaded, Start::First).await?;
    let mut former: Vec<Going> = Vec::new();
    let ended = loop {
        namespaces.send_replace(running.iter().map(|going| going.namespace.clone()).collect());
        let ended = {
            let all = running.iter_mut().map(|going| Box::pin(going.scheduler.ended()));
            tokio::select! {
                () = stop.cancelled() => Some(None),
                (ended, ..) = futures::future::select_all(all) => Some(Some(ended)),
                () = hangups.next() => None,
                () = tokio::time::sleep(LOOK), if !former.is_empty() => {
                    former = drain_idle(former).await?;
                    continue;
                }
            }
        };
        if let Some(ended) = ended {
            break ended;
        }
        match starting.again(&running).await {
            Ok(started) => {
                context.printer.note("the files were read again");
                former.extend(std::mem::replace(&mut running, started));
            }
            Err(error) => {
                crate::errors::report(&context.printer, &error);
                context.printer.alert("the files that were read before stay valid");
            }
        }
    };
    namespaces.send_replace(Vec::new());
    let mut cut_off = 0;
    let mut failed = ended.and_then(Result::err);
    let drains = running.into_iter().chain(former).map(|going| going.scheduler.drain());
    for drained in futures::future::join_all(drains).await {
        match drained {
            Ok(report) => cut_off += report.cut_off,
            // The one that ended by itself has said why already.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    served.close().await;
    match failed {
        Some(error) => Err(error),
        None if cut_off > 0 => Err(Error::Interrupted {
            what: format!("{cut_off} runs were cut off after the grace; see `schedule history`"),
        }),
        None => Ok(ExitCode::Done),
    }
}

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "clusterkeep.yaml";

fn with_default_file(mut args: RunArgs) -> Result<RunArgs> {
    if args.files.is_empty() && args.namespace.is_empty() {
        if !Path::new(DEFAULT_FILE).exists() {
            return Err(Error::input(format!("nothing is said to be run, and there is no `{DEFAULT_FILE}` here"))
                .with_hint("name a timetable with -f, or give a job: `run --command 'echo hello'`, `run -- cmd:...`"));
        }
        args.files.push(DEFAULT_FILE.into());
    }
    if let Some(when) = &args.one.when {
        return Err(Error::input(format!(
            "`--when {when}` is for one job, and a timetable says itself when its jobs run"
        ))
        .with_hint("leave it out, or give a job: `run --when @daily -- cmd:...`"));
    }
    Ok(args)
}

/// What the files hold.
struct Loaded {
    texts: Vec<Text>,
    /// The timetables as they stand there.
    documents: Vec<Located<Timetable>>,
    /// The same, one for each namespace.
    timetables: Vec<Timetable>,
    manifests: Vec<clusterkeep_retention::model::Manifest>,
    /// What of the store may run here.
    permissions: Arc<Permissions>,
}

impl Loaded {
    async fn read(args: &RunArgs) -> Result<Self> {
        let asked = Asked { files: &args.files, checksums: &args.checksum, allow: args.allow.as_deref() };
        let texts = source::texts(asked).await?;
        let documents = match args.namespace.is_empty() {
            true => files::documents(&texts, Unknown::Refused)?,
            false => files::any_documents(&texts, Unknown::Refused)?,
        };
        let mut timetables = files::merged(&documents)?;
        for namespace in &args.namespace {
            if !timetables.iter().any(|timetable| timetable.namespace() == namespace) {
                timetables.push(Timetable::of(namespace, Vec::new()));
            }
        }
        let manifests = files::manifests(&texts)?.into_iter().map(|manifest| manifest.value).collect();
        let permissions = Arc::new(permissions::load(args.allow.as_deref())?);
        Ok(Self { texts, documents, timetables, manifests, permissions })
    }

    /// What the jobs of the files do.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.timetables.iter().flat_map(|timetable| &timetable.jobs).map(|job| &job.run)
    }
}

/// A scheduler at work.
struct Going {
    namespace: String,
    scheduler: Scheduler,
    /// How many runs it has going.
    runs: Arc<AtomicUsize>,
}

/// Ends those that have no run going. What goes on is not cut off by files that were read again.
async fn drain_idle(former: Vec<Going>) -> Result<Vec<Going>> {
    let (busy, idle): (Vec<_>, Vec<_>) = former.into_iter().partition(|going| going.runs.load(Ordering::Relaxed) > 0);
    for going in idle {
        going.scheduler.drain().await?;
    }
    Ok(busy)
}

/// Whether the program has begun, or has only read its files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    First,
    Again,
}

/// What schedulers are started with.
struct Starting<'a> {
    args: &'a RunArgs,
    served: &'a Served,
    store: &'a Arc<dyn Store>,
    /// Where it is written down what a start changes about jobs.
    changes: Option<Changes>,
    printer: &'a Printer,
}

impl Starting<'_> {
    async fn start(&self, loaded: Loaded, start: Start) -> Result<Vec<Going>> {
        let actions = Actions::served(self.served.clone(), loaded.manifests).history(self.store.clone());
        for timetable in &loaded.timetables {
            for job in &timetable.jobs {
                let wrong = |error| files::placed(error, &loaded.texts, timetable.namespace(), job.name.as_str());
                actions.check([job]).map_err(wrong)?;
            }
        }
        let mut all = Vec::new();
        for timetable in loaded.timetables {
            let (printer, runs) = (self.printer.clone(), Arc::new(AtomicUsize::new(0)));
            let stored = self.args.namespace.iter().any(|namespace| namespace == timetable.namespace());
            let (about, namespace, going) = (about(&timetable, stored), timetable.namespace().to_owned(), runs.clone());
            let builder = Scheduler::builder()
                .store(self.store.clone())
                .actor(actor())
                .changes(self.changes.clone())
                .permissions(loaded.permissions.clone())
                .grace(self.args.grace.0)
                .lease(self.args.lease.0)
                .targets(targets::all(self.served, &Echo::default()))
                .at_once(usize::try_from(self.args.at_once).unwrap_or(usize::MAX))
                .on_event(move |event| {
                    follow(&going, event);
                    metrics::count(event);
                    say(&printer, event);
                })
                .timetable(timetable);
            let builder = if start == Start::Again { builder.goes_on() } else { builder };
            let builder = if stored { builder.stored() } else { builder };
            let scheduler = actions.clone().register(builder).start().await?;
            all.push(Going { namespace, scheduler, runs });
            self.printer.note(&about);
        }
        Ok(all)
    }

    /// Starts what the files hold now; a namespace that is gone from them has no jobs any more.
    async fn again(&self, before: &[Going]) -> Result<Vec<Going>> {
        let mut loaded = Loaded::read(self.args).await?;
        self.served.apart(loaded.targets()).await?;
        let there: BTreeSet<String> =
            loaded.timetables.iter().map(|timetable| timetable.namespace().to_owned()).collect();
        let gone = before.iter().filter(|going| !there.contains(&going.namespace));
        loaded.timetables.extend(gone.map(|going| Timetable::of(&going.namespace, Vec::new())));
        self.start(loaded, Start::Again).await
    }
}

/// Counts the runs that are going.
fn follow(runs: &AtomicUsize, event: &Event<'_>) {
    match event {
        Event::Started(_) => {
            runs.fetch_add(1, Ordering::Relaxed);
        }
        Event::Finished(_) | Event::Overtaken(_) => {
            // One that was not seen to begin is not counted off.
            let less = |count: usize| Some(count.saturating_sub(1));
            runs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
        }
        _ => {}
    }
}

/// What is run, and when it begins.
fn about(timetable: &Timetable, stored: bool) -> String {
    let (now, count) = (SystemClock.now(), timetable.jobs.len());
    // A job whose schedule can't be read is refused when its scheduler starts.
    let schedules = timetable.jobs.iter().filter_map(|job| Some((&job.name, job.schedule().ok()?)));
    let next = schedules
        .filter_map(|(name, schedule)| Some((schedule.next_after(now)?, name, schedule)))
        .min_by_key(|next| next.0);
    let next = next.map_or_else(String::new, |(at, name, schedule)| {
        format!("; next: {name}, {}", at.with_timezone(&schedule.in_zone().tz()).format("%a %Y-%m-%d %H:%M %Z"))
    });
    let namespace = timetable.namespace();
    match (stored, count) {
        (true, 0) => format!("running the stored jobs of {namespace}"),
        (true, _) => format!("running the stored jobs of {namespace}, and {count} of the files{next}"),
        (false, _) => format!("running {count} job{} of {namespace}{next}", if count == 1 { "" } else { "s" }),
    }
}

/// One line for what happens, as it happens.
pub(super) fn say(printer: &Printer, event: &Event<'_>) {
    match event {
        Event::Started(run) => printer.note(&format!("{} started", named(run))),
        Event::Finished(run) => printer.note(&finished(printer, run)),
        Event::Passed(run) => {
            let why = run.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            printer.note(&format!("{} {}{why}", named(run), run.state));
        }
        Event::Overtaken(run) => printer.note(&format!("{} was overtaken by a later attempt", named(run))),
        Event::Rescued(run) => printer.note(&format!("{} was left by its scheduler: {}", named(run), run.state)),
        Event::Superseded { job, generation } => {
            printer.note(&format!("{job}: version {generation} is valid now, the one before does not fire any more"));
        }
        Event::Removed { job, by } => {
            let by = by.map(|by| format!(" by {}", by.escape_debug())).unwrap_or_default();
            printer.note(&format!("{job}: removed{by}, it does not fire any more"));
        }
        Event::ClockSet { from, to } => printer.alert(&clock_set(*from, *to)),
        Event::LeftOut { job, error } => {
            printer.alert(&format!("{job} of the store is left out: {}", crate::errors::chain(error)));
        }
        Event::LeaseLost => printer.alert("the lease had run out: others may have taken over what runs here"),
        Event::Moved { job, .. } => printer.note(&format!("{job}: new zone data moved its next fire")),
        Event::NotDelivered { sink, message, why } => {
            let (sink, facts) = (if sink.is_empty() { "anybody" } else { sink }, &message.facts);
            printer.alert(&format!("{} of {} was not told to {sink}: {why}", message.occasion, facts.job));
        }
        Event::StoreFailed(error) => {
            printer.alert(&format!("the store failed and is tried again: {}", crate::errors::chain(error)));
        }
        _ => {}
    }
}

/// By how much the clock was set, and what that means.
fn clock_set(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let minutes = (to - from).num_minutes();
    let by = format!("{} h {} min", minutes.abs() / 60, minutes.abs() % 60);
    if minutes > 0 {
        format!("the clock was set forward by {by}, to {}", utc(to))
    } else {
        format!("the clock was set back by {by}, to {}: nothing fires twice, jobs go on from where they were", utc(to))
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
