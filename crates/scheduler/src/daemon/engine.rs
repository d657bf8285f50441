//! The loop: sleeps until the next fire, makes its row, starts its handler.
//!
//! The rows are made before anything runs, those of all jobs that are due in one go. The loop holds one entry per job in
//! a heap, so that waiting costs the same with one job and with a million.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};

use super::core::{Core, LEASE};
use super::dispatch::{self, Otherwise};
use super::event::Event;
use super::recover::recover;
use super::roster::Roster;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::RunQuery;
use crate::trigger::Trigger;

/// How many jobs' fires go to the store in one call.
const BATCH: usize = 1_000;

/// How often a shared store is looked at for runs that somebody else has asked for.
const POLL: TimeDelta = TimeDelta::seconds(1);

/// A request to run a job at once.
#[derive(Debug)]
pub(crate) struct TriggerNow {
    pub(crate) job: String,
    pub(crate) reply: oneshot::Sender<Result<RunKey>>,
}

/// A scheduler at work.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) roster: Roster,
    pub(crate) heap: BinaryHeap<Reverse<(DateTime<Utc>, usize)>>,
    pub(crate) tasks: JoinSet<RunRecord>,
    /// What each task runs.
    pub(crate) active: HashMap<Id, (usize, RunRecord)>,
    pub(crate) requests: mpsc::Receiver<TriggerNow>,
    /// When a shared store is looked at again.
    poll_at: Option<DateTime<Utc>>,
    lease_until: DateTime<Utc>,
}

impl Engine {
    /// Takes over what is open in the store, and gets the first fires ready.
    pub(crate) async fn new(core: Core, roster: Roster, requests: mpsc::Receiver<TriggerNow>) -> Result<Self> {
        let now = core.now();
        let mut engine = Self {
            poll_at: core.store.is_shared().then(|| now + POLL),
            lease_until: now + LEASE,
            core,
            roster,
            heap: BinaryHeap::new(),
            tasks: JoinSet::new(),
            active: HashMap::new(),
            requests,
        };
        for (index, entry) in engine.roster.entries.iter().enumerate() {
            let next = match entry.schedule.trigger() {
                Trigger::Startup => Some(now),
                _ => entry.record.next_fire,
            };
            engine.heap.extend(next.map(|at| Reverse((at, index))));
        }
        let waiting = recover(&engine.core, &mut engine.roster).await?;
        engine.take(waiting).await?;
        Ok(engine)
    }

    /// Works until asked to stop.
    pub(crate) async fn work(&mut self) -> Result<()> {
        let (clock, stop) = (self.core.clock.clone(), self.core.stop.clone());
        while !stop.is_cancelled() {
            let next = self.heap.peek().map(|Reverse((at, _))| *at);
            let wake = next.into_iter().chain(self.poll_at).min();
            // Looked at first, so that no flood of other work keeps a fire waiting.
            if wake.is_some_and(|wake| wake <= self.core.now()) {
                self.look_at_store().await?;
                self.fire_due().await?;
            }
            let wake = self.heap.peek().map(|Reverse((at, _))| *at).into_iter().chain(self.poll_at).min();
            let sleep = async {
                match wake {
                    Some(wake) => clock.sleep_until(wake).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended).await?,
                Some(request) = self.requests.recv() => self.run_now(request).await?,
                () = sleep => {}
            }
        }
        Ok(())
    }

    /// Makes the rows of all fires that are due, and starts them.
    async fn fire_due(&mut self) -> Result<()> {
        let now = self.core.now();
        let (mut runs, mut owners, mut advances) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(Reverse((at, index))) = self.heap.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            if advances.len() == BATCH {
                break;
            }
            self.heap.pop();
            let Some(entry) = self.roster.get(index) else { continue };
            let step = dispatch::step(entry, at, now);
            self.heap.extend(step.advance.next_fire.map(|next| Reverse((next, index))));
            owners.resize(owners.len() + step.runs.len(), index);
            runs.extend(step.runs);
            advances.push(step.advance);
        }
        let made = self.core.make(&runs, &advances).await?;
        for ((run, index), made) in runs.into_iter().zip(owners).zip(made) {
            self.made(index, run, made);
        }
        Ok(())
    }

    /// Goes on with a row that was made, or forgets one that was there already.
    fn made(&mut self, index: usize, run: RunRecord, made: bool) {
        match (run.state, made) {
            (RunState::Running, true) => self.start(index, run),
            (RunState::Running, false) => self.left(index),
            (RunState::Pending, true) => {
                if let Some(entry) = self.roster.get(index) {
                    entry.waiting.push_back(run);
                }
            }
            (_, true) => self.core.listener.hear(&Event::Passed(&run)),
            (_, false) => {}
        }
    }

    /// Starts the handler of a run that is counted in and whose row says that it is running.
    fn start(&mut self, index: usize, run: RunRecord) {
        let Some(entry) = self.roster.get(index) else { return };
        let attempt = self.core.attempt(entry, run.clone());
        self.core.listener.hear(&Event::Started(&run));
        let task = self.tasks.spawn(attempt);
        self.active.insert(task.id(), (index, run));
    }

    /// Counts a run out.
    pub(crate) fn left(&mut self, index: usize) {
        if let Some(entry) = self.roster.get(index) {
            entry.running = entry.running.saturating_sub(1);
        }
    }

    /// Starts what waits for its turn, as far as there is room.
    pub(crate) async fn start_waiting(&mut self, index: usize) -> Result<()> {
        loop {
            let Some(entry) = self.roster.get(index) else { return Ok(()) };
            if entry.running >= entry.record.spec.overlap.at_once() {
                return Ok(());
            }
            let Some(run) = entry.waiting.pop_front() else { return Ok(()) };
            if let Some(run) = self.core.begin(run).await? {
                if let Some(entry) = self.roster.get(index) {
                    entry.running += 1;
                }
                self.start(index, run);
            }
        }
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
        let Some(entry) = self.roster.get(index) else { return Ok(()) };
        let run = RunRecord::new(entry.key(RunKind::Manual, now), RunState::Pending);
        let run = dispatch::begin_or(entry, run, now, Otherwise::Wait);
        let key = run.key.clone();
        let runs = [run];
        let made = self.core.make(&runs, &[]).await?;
        for (run, made) in runs.into_iter().zip(made) {
            self.made(index, run, made);
        }
        drop(reply.send(Ok(key)));
        Ok(())
    }

    /// Renews the lease, and takes on runs that somebody else has put into a shared store.
    async fn look_at_store(&mut self) -> Result<()> {
        let now = self.core.now();
        if self.poll_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.poll_at = Some(now + POLL);
        let core = self.core.clone();
        if now >= self.lease_until - LEASE / 2 {
            if !core.persist(|| core.lease()).await?.0 {
                return Err(core.locked());
            }
            self.lease_until = now + LEASE;
        }
        let pending = RunQuery::within(&core.namespace).in_states([RunState::Pending]);
        let (mut runs, _) = core.persist(|| core.store.runs(&pending)).await?;
        runs.reverse();
        self.take(runs).await
    }

    /// Queues pending runs of known jobs, the oldest first, and starts those that have room.
    async fn take(&mut self, pending: Vec<RunRecord>) -> Result<()> {
        for run in pending {
            let Some(index) = self.roster.find(&run.key.job) else { continue };
            let Some(entry) = self.roster.get(index) else { continue };
            if entry.waiting.iter().all(|waiting| waiting.key != run.key) {
                entry.waiting.push_back(run);
            }
            self.start_waiting(index).await?;
        }
        Ok(())
    }
}
