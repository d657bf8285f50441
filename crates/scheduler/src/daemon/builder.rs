//! The fluent way to say what a scheduler does.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::core::{Core, LEASE};
use super::engine::Engine;
use super::event::{Event, Listener};
use super::guard::Scheduler;
use super::handler::Handlers;
use super::recover::rescue;
use super::roster::{Roster, Scope};
use super::telling::Telling;
use crate::control::Changes;
use crate::model::{Alike, Job, JobSpec, Notify, Permissions, SinkSpec, Timetable, all_of, check_chains};
use crate::run::Run;
use crate::store::{MemoryStore, Source, Store};
use crate::target::Targets;

/// How long runs may go on after the scheduler was asked to stop, where nothing else is said.
const GRACE: Duration = Duration::from_secs(30);

/// How many runs may go at once, where nothing else is said.
const AT_ONCE: usize = 1_024;

/// A scheduler in the making. It remembers what is wrong, and [`start`](Self::start) reports all of it at once.
///
/// ```
/// use clusterkeep_scheduler::{Job, MemoryStore, Run, Scheduler};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let scheduler = Scheduler::builder()
///     .store(MemoryStore::new())
///     .handler("thin-out", |run: Run| async move { run.progress(0.5).await; Ok(()) })
///     .job(Job::named("nightly").run("thin-out").cron("30 3 * * *").zone("America/New_York"))
///     .start()
///     .await?;
/// scheduler.drain().await?;
/// # Ok::<(), clusterkeep_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a scheduler does nothing until it is started"]
pub struct SchedulerBuilder {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) namespace: String,
    pub(crate) handlers: Handlers,
    jobs: Vec<JobSpec>,
    alike: Alike,
    grace: Duration,
    lease: Duration,
    at_once: usize,
    goes_on: bool,
    pub(crate) ending: CancellationToken,
    pub(crate) listener: Listener,
    pub(super) telling: Telling,
    source: Source,
    changes: Option<Changes>,
    stored: bool,
    permissions: Option<Arc<Permissions>>,
    wrong: Vec<Error>,
}

impl SchedulerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock),
            namespace: crate::DEFAULT_NAMESPACE.to_owned(),
            handlers: Handlers::default(),
            jobs: Vec::new(),
            alike: Alike::default(),
            grace: GRACE,
            lease: LEASE,
            at_once: AT_ONCE,
            goes_on: false,
            ending: CancellationToken::new(),
            listener: Listener::nobody(),
            telling: Telling::default(),
            source: Source { by: "library".to_owned(), origin: None },
            changes: None,
            stored: false,
            permissions: None,
            wrong: Vec::new(),
        }
    }

    /// Keeps schedules and runs in `store`; without one they are gone with the process.
    pub fn store(mut self, store: impl Into<Arc<dyn Store>>) -> Self {
        self.store = store.into();
        self
    }

    /// Goes by `clock` instead of this machine's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets what the names of its jobs are unique in.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Registers what jobs can run under `name`. A run that a crash has cut off has failed, unless its job says else.
    pub fn handler<F, Fut>(self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.register(name.into(), false, handler)
    }

    /// Registers an action that converges: running it again is always right. A run that a crash has cut off is
    /// attempted again, unless its job says else.
    pub fn action<F, Fut>(self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.register(name.into(), true, handler)
    }

    fn register<F, Fut>(mut self, name: String, converges: bool, handler: F) -> Self
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        if !self.handlers.add(name.clone(), converges, handler) {
            self.wrong.push(Error::input(format!("handler `{name}` is registered twice")));
        }
        self
    }

    /// Says which kinds of targets jobs may have, beside named actions; else there is none.
    pub fn targets(mut self, targets: Targets) -> Self {
        self.handlers.targets = targets;
        self
    }

    /// Adds a job.
    pub fn job(mut self, job: impl Into<Job>) -> Self {
        match job.into().build() {
            Ok(spec) => self.jobs.push(self.alike.share(spec)),
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Says who is recorded to have changed the jobs that are new or other than before: user and host.
    pub fn actor(mut self, by: impl Into<String>) -> Self {
        self.source.by = by.into();
        self
    }

    /// Has it written into the audit that its start makes versions of jobs, or removes some; without, each version says who
    /// made it, and that is all.
    pub fn changes(mut self, changes: impl Into<Option<Changes>>) -> Self {
        self.changes = changes.into();
        self
    }

    /// Says what may run here of what the store says: of stored jobs, and of arguments that somebody left for a run.
    pub fn permissions(mut self, permissions: impl Into<Arc<Permissions>>) -> Self {
        self.permissions = Some(permissions.into());
        self
    }

    /// Runs the jobs that the store has of the namespace, too, also those that come later. The jobs that were added here
    /// run as they were added, whatever the store says of them.
    ///
    /// A stored job runs as far as [`permissions`](Self::permissions) let it; without them handlers and named actions do
    /// that name no cluster, manifest or secret. A run of a job that may not run is refused, with the reason.
    pub const fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// Adds the jobs of a timetable, and takes its namespace, its sinks and who is told of its jobs.
    pub fn timetable(mut self, timetable: Timetable) -> Self {
        timetable.namespace().clone_into(&mut self.namespace);
        self.source.origin = timetable.meta.origin;
        self.telling.sinks.extend(timetable.sinks);
        self.telling.defaults.extend(timetable.notify);
        self.jobs.extend(timetable.jobs.into_iter().map(|job| self.alike.share(job)));
        self
    }

    /// Says how long runs may go on after the scheduler was asked to stop; else it is 30 seconds.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Says how long its runs stay its own when it does not get to the store; else it is 15 seconds. A scheduler that was
    /// held up for longer finds that others have taken over what it ran.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Says how many runs may go here at once; else it is 1,024. Further ones wait, those of a greater priority before
    /// others, or go elsewhere.
    pub fn at_once(mut self, runs: usize) -> Self {
        self.at_once = runs.max(1);
        self
    }

    /// Says that it goes on where another scheduler of the same program has stopped or is about to: its start is none for
    /// jobs that run at each start.
    pub const fn goes_on(mut self) -> Self {
        self.goes_on = true;
        self
    }

    /// Says who is told of jobs that say nothing about it.
    pub fn notify(mut self, notify: Notify) -> Self {
        match notify.checked() {
            Ok(notify) => self.telling.defaults.push(notify),
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Adds a sink, as a file describes it.
    pub fn sink(mut self, name: impl Into<String>, sink: SinkSpec) -> Self {
        let name = name.into();
        if self.telling.sinks.insert(name.clone(), sink).is_some() {
            self.wrong.push(Error::input(format!("sink `{name}` is there twice")));
        }
        self
    }

    /// Adds a sink of the program's own.
    #[cfg(feature = "notify")]
    pub fn own_sink(mut self, name: impl Into<String>, sink: impl crate::Sink + 'static) -> Self {
        let name = name.into();
        if self.telling.own.insert(name.clone(), Arc::new(sink)).is_some() {
            self.wrong.push(Error::input(format!("sink `{name}` is there twice")));
        }
        self
    }

    /// Has a run that [`trigger`](Self::trigger) waits for end soon after the token is cancelled, where its handler can end
    /// itself: those of targets do.
    pub fn ending(mut self, token: CancellationToken) -> Self {
        self.ending = token;
        self
    }

    /// Tells `listener` of everything that happens to runs. It must return quickly: the scheduler waits for it.
    pub fn on_event(mut self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Listener::new(listener);
        self
    }

    /// Starts the scheduler on the current runtime.
    ///
    /// Other schedulers of the same namespace may run on the same store: what is due is run by one of them.
    ///
    /// # Errors
    ///
    /// All that is wrong with handlers and jobs, in one message; a store that can't be used.
    pub async fn start(mut self) -> Result<Scheduler> {
        self.take_sinks();
        let jobs = self.checked()?;
        let mut core = self.core();
        // Before anything can end: what is found to have failed at the start is told, too.
        let notifier = self.telling.start(&mut core, &jobs, self.stored)?;
        let started = async {
            core.beat().await?;
            // Asked for before the roster is loaded, so that no change falls in between.
            let (_, changes) = core.store.changed(&core.namespace, None).await?;
            let scope = if self.stored { Scope::Some } else { Scope::All };
            let mut roster = Roster::load(&core, &self.handlers, jobs, scope).await?;
            if self.stored {
                roster.take_stored(&core, &self.handlers).await?;
            }
            rescue(&core, &mut roster).await?;
            let (requests, receiver) = mpsc::channel(64);
            let mut engine = Engine::new(core.clone(), roster, receiver, self.at_once, changes);
            engine.begin(!self.goes_on).await?;
            Ok((engine, requests))
        };
        match started.await {
            Ok((engine, requests)) => Ok(Scheduler::launch(engine, notifier, requests, self.grace)),
            Err(error) => {
                // The first error says more than one about the lease, which runs out by itself.
                drop(core.store.leave(core.worker).await);
                Err(error)
            }
        }
    }

    /// Takes the sinks of this machine that its stored jobs may name.
    fn take_sinks(&mut self) {
        let Some(permissions) = self.permissions.clone().filter(|_| self.stored) else { return };
        for (name, sink) in permissions.sinks_for(&self.namespace) {
            if self.telling.sinks.insert(name.clone(), sink.clone()).is_some() {
                let twice = format!("sink `{name}` is in a timetable and among this machine's permissions");
                self.wrong.push(Error::input(twice).with_hint("give one of them another name"));
            }
        }
    }

    /// The jobs, where nothing is wrong with them.
    pub(crate) fn checked(&mut self) -> Result<Vec<JobSpec>> {
        let jobs = std::mem::take(&mut self.jobs);
        let mut wrong = std::mem::take(&mut self.wrong);
        self.alike = Alike::default();
        let mut names = HashSet::with_capacity(jobs.len());
        let mut read = HashSet::new();
        for job in &jobs {
            if !names.insert(&job.name) {
                wrong.push(Error::input(format!("job `{}` is there twice", job.name)));
            }
            wrong.extend(self.handlers.of(job).err());
            // What many jobs say is read once.
            if job.goes_by_name() || read.insert(Arc::as_ptr(job.body())) {
                wrong.extend(job.schedule().err());
            }
        }
        wrong.extend(self.telling.check(&jobs).err());
        wrong.extend(check_chains(&jobs).into_iter().map(|broken| broken.error));
        let count = wrong.len();
        match wrong.pop() {
            None => Ok(jobs),
            Some(error) if count == 1 => Err(error),
            Some(last) => {
                wrong.push(last);
                Err(all_of("start the scheduler", wrong))
            }
        }
    }

    pub(crate) fn core(&self) -> Core {
        Core {
            store: self.store.clone(),
            clock: self.clock.clone(),
            listener: self.listener.clone(),
            source: self.source.clone(),
            changes: self.changes.clone(),
            permissions: self.permissions.clone(),
            namespace: self.namespace.clone(),
            worker: Uuid::new_v4(),
            place: place(),
            lease: self.lease,
            waits: true,
            stop: CancellationToken::new(),
            until: None,
        }
    }
}

/// The host and the process, for people.
fn place() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "?".to_owned());
    format!("{} {}", host.trim(), std::process::id())
}
