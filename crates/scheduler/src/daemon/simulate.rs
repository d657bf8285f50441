//! A period walked through without waiting: each fire in order, each handler awaited before the next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::clock::SimulatedClock;
use tokio_util::sync::CancellationToken;

use super::builder::SchedulerBuilder;
use super::core::Core;
use super::dispatch::{self, Doer};
use super::due;
use super::event::Event;
use super::execute::end_of;
use super::recover::take_over;
use super::roster::{Entry, Roster, Scope};
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::{Gate, RunQuery};
use crate::trigger::Trigger;

impl SchedulerBuilder {
    /// Runs every fire of `[from, until)` with a clock that stands at its instant, and records all in the store.
    ///
    /// Handlers run one after the other, and for them no time passes. What the store has made before is not made again,
    /// so a period that was simulated already gives no runs; one that was cut off goes on. It returns the runs, in order.
    ///
    /// ```
    /// use clusterkeep_scheduler::{Job, Run, Scheduler};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let runs = Scheduler::builder()
    ///     .handler("thin-out", |run: Run| async move { run.message("nothing to do").await; Ok(()) })
    ///     .job(Job::named("nightly").run("thin-out").cron("30 3 * * *").zone("America/New_York"))
    ///     .simulate("2014-01-15T00:00:00Z".parse().unwrap(), "2014-01-29T00:00:00Z".parse().unwrap())
    ///     .await?;
    /// assert_eq!(runs.len(), 14);
    /// # Ok::<(), clusterkeep_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// All that is wrong with handlers and jobs, in one message; a store that can't be used.
    pub async fn simulate(mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<RunRecord>> {
        let jobs = self.checked()?;
        // Fires are later than the instant that they are asked with; one at `from` itself belongs to the period.
        let start = from - TimeDelta::microseconds(1);
        let clock = SimulatedClock::at(start);
        self.clock = Arc::new(clock.clone());
        let core = Core { waits: false, ..self.core() };
        let mut roster = Roster::load(&core, &self.handlers, jobs, Scope::All).await?;
        let mut heap: BinaryHeap<Reverse<(DateTime<Utc>, usize)>> = BinaryHeap::new();
        for (index, entry) in roster.entries.iter().enumerate() {
            let next = match entry.schedule().trigger() {
                Trigger::Startup => Some(from),
                _ => entry.kept.next_fire(),
            };
            heap.extend(next.map(|at| Reverse((at, index))));
        }
        let mut ended = Vec::new();
        core.beat().await?;
        // What a simulation that was cut off has left open comes first: nobody else runs the jobs of a simulated past.
        let going = RunQuery::within(&core.namespace).in_states([RunState::Running]);
        let going = core.store.runs(&going).await?;
        take_over(&core, &mut roster, going).await?;
        let open = RunQuery::within(&core.namespace).in_states([RunState::Pending]);
        for run in core.store.runs(&open).await?.into_iter().rev() {
            let Some(entry) = roster.find(&run.key.job).and_then(|index| roster.get(index)) else { continue };
            clock.advance_to(run.key.nominal);
            if let Some(run) = core.begin(vec![(run, u32::MAX)]).await?.into_iter().flatten().next() {
                let run = attempt(&core, entry, run).await?;
                follow(&core, &mut roster, run, &mut ended).await?;
            }
        }
        let mut doer = Doer { worker: core.worker, room: usize::MAX };
        while let Some(Reverse((at, index))) = heap.pop().filter(|Reverse((at, _))| *at < until) {
            clock.advance_to(at);
            let Some(entry) = roster.get(index) else { continue };
            let mut step = dispatch::step(entry, &mut doer, at, core.now(), due::none);
            // One after the other: each has ended before the next begins.
            step.runs.iter_mut().for_each(|new| new.gate = Gate::OPEN);
            let made = core.make(step.runs, std::slice::from_ref(&step.advance)).await?;
            let mut next = step.advance.next_fire;
            for run in made.into_iter().flatten() {
                if run.state != RunState::Running {
                    core.listener.hear(&Event::Passed(&run));
                    ended.push(run);
                    continue;
                }
                let Some(entry) = roster.get(index) else { continue };
                let run = attempt(&core, entry, run).await?;
                if run.key.kind == RunKind::Event && matches!(entry.schedule().trigger(), Trigger::Delay(_)) {
                    next = entry.schedule().next_after(core.now());
                }
                follow(&core, &mut roster, run, &mut ended).await?;
            }
            heap.extend(next.map(|at| Reverse((at, index))));
        }
        core.store.leave(core.worker).await?;
        Ok(ended)
    }
}

/// Adds a run that has ended, and runs what follows it, one after the other.
async fn follow(core: &Core, roster: &mut Roster, run: RunRecord, ended: &mut Vec<RunRecord>) -> Result<()> {
    let mut doer = Doer { worker: core.worker, room: usize::MAX };
    let mut ahead = VecDeque::from([run]);
    while let Some(run) = ahead.pop_front() {
        for mut follower in core.followers(roster, &run, &mut doer).await? {
            follower.new.gate = Gate::OPEN;
            let Some(made) = core.make(vec![follower.new], &[]).await?.into_iter().flatten().next() else { continue };
            let Some(entry) = roster.get(follower.index) else { continue };
            if made.state == RunState::Running {
                ahead.push_back(attempt(core, entry, made).await?);
            } else {
                core.listener.hear(&Event::Passed(&made));
                ahead.push_back(made);
            }
        }
        ended.push(run);
    }
    Ok(())
}

/// Runs the handler of a run whose row says that it is running, and records its end.
async fn attempt(core: &Core, entry: &Entry, run: RunRecord) -> Result<RunRecord> {
    core.listener.hear(&Event::Started(&run));
    let run = core.attempt(entry, run, CancellationToken::new()).await;
    core.store.finish(&[end_of(&run)]).await?;
    core.listener.hear(&Event::Finished(&run));
    Ok(run)
}
