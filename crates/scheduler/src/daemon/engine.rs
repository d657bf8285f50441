//! The loop: sleeps until the next fire, makes its row, starts its handler.
//!
//! The rows are made before anything runs, those of all jobs that are due in one go. The loop holds one entry per job in
//! a heap, so that waiting costs the same with one job and with a million. Other schedulers of the namespace do the same
//! at the same time: the store says who has made a row, and who may begin it.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::certain::Anew;
use super::clock::ClockWatch;
use super::core::Core;
use super::dispatch::{self, Doer};
use super::due;
use super::event::Event;
use super::follow::CaughtUp;
use super::heap::Heap;
use super::roster::Roster;
use crate::model::Overlap;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Advance, NewRun, Otherwise, RunQuery};
use crate::trigger::Trigger;

/// How many jobs' fires go to the store in one call.
pub(crate) const BATCH: usize = 1_000;

/// How often the store is looked at for what others have asked for.
pub(crate) const POLL: TimeDelta = TimeDelta::seconds(1);

/// How often the store is asked what is to end, while runs go here.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

/// A request to run a job at once.
#[derive(Debug)]
pub(crate) struct TriggerNow {
    pub(crate) job: String,
    pub(crate) reply: oneshot::Sender<Result<RunKey>>,
}

/// What a task runs.
#[derive(Debug)]
pub(crate) struct Active {
    /// The place of its job.
    pub(crate) index: usize,
    pub(crate) run: RunRecord,
    pub(crate) task: AbortHandle,
    /// Tells its handler to end; `None` where it can't be told.
    pub(crate) ending: Option<CancellationToken>,
    /// Why it was cancelled.
    pub(crate) cancelled: Option<String>,
    /// Why it was cut off by the end of its scheduler.
    pub(crate) cut_off: Option<String>,
}

/// A scheduler at work.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) roster: Roster,
    /// The next fire of each job.
    pub(crate) heap: Heap,
    pub(crate) tasks: JoinSet<RunRecord>,
    pub(crate) active: HashMap<Id, Active>,
    pub(crate) requests: mpsc::Receiver<TriggerNow>,
    /// How many runs may go here at once.
    pub(crate) at_once: usize,
    /// When the store is looked at again.
    pub(crate) poll_at: DateTime<Utc>,
    /// There may be runs that can begin now.
    pub(crate) look: bool,
    /// When it was looked last, some had to wait on: for their gate, or for room here.
    pub(crate) waiting: bool,
    /// When the lease is renewed: by the monotonic clock, which nobody sets.
    pub(crate) beat_at: Instant,
    /// When the store is asked again which of the runs that go here are to end.
    pub(crate) cancel_at: Instant,
    /// What the clock has shown, to see that somebody has set it.
    pub(crate) watch: ClockWatch,
    /// What the store has told of changes before.
    pub(crate) changes: i64,
    /// What is known of the ends that jobs follow.
    pub(crate) caught_up: CaughtUp,
    /// The last of the delayed jobs that was looked after.
    pub(crate) looked_after: usize,
}

impl Engine {
    /// A scheduler that has not begun.
    pub(crate) fn new(
        core: Core,
        roster: Roster,
        requests: mpsc::Receiver<TriggerNow>,
        at_once: usize,
        changes: i64,
    ) -> Self {
        let now = core.now();
        Self {
            poll_at: now,
            look: true,
            waiting: false,
            beat_at: Instant::now() + core.lease / 3,
            cancel_at: Instant::now(),
            watch: ClockWatch::new(now, core.clock.elapsed()),
            core,
            roster,
            heap: Heap::default(),
            tasks: JoinSet::new(),
            active: HashMap::new(),
            requests,
            at_once,
            changes,
            caught_up: CaughtUp::default(),
            looked_after: 0,
        }
    }

    /// Gets the first fires ready; the worker's lease has been taken. Says whether this is a start for those jobs that fire
    /// at each.
    pub(crate) async fn begin(&mut self, start: bool) -> Result<()> {
        let now = self.core.now();
        for index in 0..self.roster.entries.len() {
            self.schedule_next(index);
            if start {
                self.schedule_start(index, now);
            }
        }
        // Another scheduler may have put the same jobs a moment before: what the store has then counts.
        self.look_at_store().await?;
        self.catch_up().await
    }

    /// Puts the next fire of a job into the heap.
    pub(crate) fn schedule_next(&mut self, index: usize) {
        let Some(entry) = self.roster.get(index).filter(|entry| entry.fires()) else { return };
        let (next, lap) = (entry.kept.next_fire(), entry.lap);
        if let Some(at) = next {
            self.heap.push((at, index, lap));
        }
    }

    /// Has a job fire that does so at each start. One that is paused then has no other start before the next.
    fn schedule_start(&mut self, index: usize, now: DateTime<Utc>) {
        let Some(entry) = self.roster.get(index).filter(|entry| entry.fires()) else { return };
        if matches!(entry.schedule().trigger(), Trigger::Startup) {
            let lap = entry.lap;
            self.heap.push((now, index, lap));
        }
    }

    /// Works until asked to stop.
    pub(crate) async fn work(&mut self) -> Result<()> {
        let (clock, stop) = (self.core.clock.clone(), self.core.stop.clone());
        while !stop.is_cancelled() {
            // Looked at first, so that no flood of other work keeps a fire or the lease waiting.
            if Instant::now() >= self.beat_at {
                self.beat().await?;
            }
            if !self.active.is_empty() && Instant::now() >= self.cancel_at {
                self.cancel_at = Instant::now() + LOOK;
                self.end_cancelled().await?;
            }
            let now = self.read_clock().await?;
            if self.wake_at() <= now {
                // Where many are due, what has ended makes room for them.
                if self.active.len() > self.at_once / 2
                    && let Some(ended) = self.tasks.try_join_next_with_id()
                {
                    self.ended(ended).await?;
                }
                self.fire_due(now).await?;
                self.look_at_store().await?;
            }
            // A clock that was set back must not keep what others ask for waiting until it is there again.
            self.poll_at = self.poll_at.min(self.core.now() + POLL);
            let wake = self.wake_at();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended).await?,
                Some(request) = self.requests.recv() => self.run_now(request).await?,
                () = clock.sleep_until(wake) => {}
                () = tokio::time::sleep_until(self.beat_at) => {}
                () = tokio::time::sleep_until(self.cancel_at), if !self.active.is_empty() => {}
            }
        }
        Ok(())
    }

    /// When there is something to do next.
    fn wake_at(&self) -> DateTime<Utc> {
        self.heap.peek().map_or(self.poll_at, |(at, ..)| at.min(self.poll_at))
    }

    /// Makes the rows of the fires that are due at `now`, those of so many jobs, and starts them.
    pub(crate) async fn fire_due(&mut self, now: DateTime<Utc>) -> Result<()> {
        let mut doer = self.doer();
        let (mut runs, mut owners, mut advances): (Vec<NewRun>, Vec<usize>, Vec<_>) = Default::default();
        while let Some((at, index, lap)) = self.heap.peek().filter(|(at, ..)| *at <= now) {
            if advances.len() == BATCH {
                break;
            }
            self.heap.pop();
            let Some(entry) = self.roster.get(index).filter(|entry| entry.lap == lap) else { continue };
            if matches!(entry.schedule().trigger(), Trigger::Delay(_)) && !self.delay_is_over(index, at, now).await? {
                continue;
            }
            let Some(entry) = self.roster.get(index) else { continue };
            let step = dispatch::step(entry, &mut doer, at, now, due::none);
            entry.kept.set_high_water(Some(step.advance.high_water));
            entry.kept.set_next_fire(step.advance.next_fire);
            if let Some(next) = step.advance.next_fire {
                self.heap.push((next, index, lap));
            }
            owners.resize(owners.len() + step.runs.len(), index);
            runs.extend(step.runs);
            advances.push(step.advance);
        }
        if advances.is_empty() {
            return Ok(());
        }
        let anew = self.make_all(runs, owners, &advances).await?;
        self.decide_anew(anew, now).await
    }

    /// Makes rows and goes on with them; gives the places of the jobs that are to be looked at anew.
    pub(crate) async fn make_all(
        &mut self,
        runs: Vec<NewRun>,
        owners: Vec<usize>,
        advances: &[Advance],
    ) -> Result<Vec<usize>> {
        let made = self.core.try_make(runs, advances).await?;
        let (mut ended, mut anew) = (Vec::new(), Vec::new());
        for (run, index) in made.into_iter().zip(owners) {
            match run {
                Ok(run) => {
                    ended.extend((run.state == RunState::Skipped).then(|| run.clone()));
                    self.made(index, run).await?;
                }
                Err(Anew(true)) => anew.push(index),
                Err(Anew(false)) => {}
            }
        }
        self.follow(ended).await?;
        anew.dedup();
        Ok(anew)
    }

    /// Goes on with a row that this scheduler has made.
    pub(crate) async fn made(&mut self, index: usize, run: RunRecord) -> Result<()> {
        match run.state {
            RunState::Running => self.start(index, run),
            RunState::Pending => {
                self.look = true;
                if self.roster.get(index).is_some_and(|entry| entry.body().overlap == Overlap::Replace) {
                    self.cancel_others(&run).await?;
                }
            }
            _ => self.core.listener.hear(&Event::Passed(&run)),
        }
        Ok(())
    }

    /// Cancels what is open of a run's job but for itself.
    async fn cancel_others(&mut self, run: &RunRecord) -> Result<()> {
        let core = self.core.clone();
        let why = format!("the fire of {} took its place", run.key.nominal.format("%Y-%m-%d %H:%M:%S UTC"));
        let open = [RunState::Pending, RunState::Running];
        let query = RunQuery::of(&run.key.namespace, &run.key.job).in_states(open);
        for other in core.persist(|| core.store.runs(&query)).await?.0 {
            // It may run already, elsewhere; and what is for a later instant takes its place.
            if other.key == run.key || other.key.nominal > run.key.nominal {
                continue;
            }
            core.persist(|| core.store.cancel(&other.key, &why, core.now())).await?;
            self.cancel_here(&other.key, other.attempt, &why);
        }
        Ok(())
    }

    /// Ends a run that goes here.
    pub(crate) fn cancel_here(&mut self, key: &RunKey, attempt: u32, why: &str) {
        let found = self.active.values_mut().find(|active| active.run.attempt == attempt && active.run.key == *key);
        if let Some(active) = found {
            active.cancelled.get_or_insert_with(|| why.to_owned());
            match &active.ending {
                Some(ending) => ending.cancel(),
                None => active.task.abort(),
            }
        }
    }

    /// Starts the handler of a run whose row says that this scheduler runs it.
    pub(crate) fn start(&mut self, index: usize, run: RunRecord) {
        let Some(entry) = self.roster.get(index) else { return };
        let ending = CancellationToken::new();
        let ends_itself = entry.handler().ends_itself;
        let attempt = self.core.attempt(entry, run.clone(), ending.clone());
        self.core.listener.hear(&Event::Started(&run));
        let task = self.tasks.spawn(attempt);
        if self.active.is_empty() {
            // Nobody has asked for the end of what has only begun: short runs cost no look.
            self.cancel_at = Instant::now() + LOOK;
        }
        let ending = ends_itself.then_some(ending);
        self.active.insert(task.id(), Active { index, run, task, ending, cancelled: None, cut_off: None });
    }

    /// Runs a job at once, beside its schedule.
    async fn run_now(&mut self, TriggerNow { job, reply }: TriggerNow) -> Result<()> {
        let Some(index) = self.roster.find(&job) else {
            let unknown = Error::input(format!("job `{job}` is unknown to this scheduler"));
            // Nobody waits for the answer where the caller was dropped.
            drop(reply.send(Err(unknown)));
            return Ok(());
        };
        let now = self.core.now();
        let mut doer = self.doer();
        let Some(entry) = self.roster.get(index) else { return Ok(()) };
        let run = RunRecord::new(entry.kept.key(RunKind::Manual, now), RunState::Pending);
        let key = run.key.clone();
        let runs = vec![dispatch::begin_or(entry, run, &mut doer, now, Otherwise::Wait)];
        for run in self.core.make(runs, &[]).await?.into_iter().flatten() {
            self.made(index, run).await?;
        }
        drop(reply.send(Ok(key)));
        Ok(())
    }

    pub(crate) fn doer(&self) -> Doer {
        Doer { worker: self.core.worker, room: self.at_once.saturating_sub(self.active.len()) }
    }
}
