//! How runs end, and how the scheduler does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use tokio::task::{Id, JoinError};

use super::engine::{Active, Engine};
use super::event::Event;
use super::guard::DrainReport;
use super::retry;
use crate::model::OnCrash;
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::Advance;
use crate::trigger::Trigger;

/// How long handlers that end themselves have for it, once they were told so: what they run has a grace of its own.
const TOLD: Duration = Duration::from_secs(60);

/// No grace is longer, in whole years that an instant can be counted with.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// How many ends go to the store in one call.
const BATCH: usize = 1_000;

type Ended = Result<(Id, RunRecord), JoinError>;

impl Engine {
    /// Records the end of a run and of all others that have ended by now, then starts what waited for them.
    pub(crate) async fn ended(&mut self, first: Ended) -> Result<()> {
        let mut ended = vec![self.settle(first)];
        while ended.len() < BATCH
            && let Some(next) = self.tasks.try_join_next_with_id()
        {
            ended.push(self.settle(next));
        }
        let (indices, runs): (Vec<usize>, Vec<RunRecord>) = ended.into_iter().flatten().unzip();
        let core = self.core.clone();
        let latest = core.end(&runs).await?;
        // A gate may have opened for what waits, or room become free. Without such runs the store is not asked at each end.
        self.look |= self.waiting;
        let mut ended = Vec::new();
        for ((index, run), latest) in indices.into_iter().zip(runs).zip(latest) {
            core.listener.hear(&if latest { Event::Finished(&run) } else { Event::Overtaken(&run) });
            self.schedule_after(index, &run).await?;
            ended.extend(latest.then_some(run));
        }
        self.follow(ended).await?;
        if !core.stop.is_cancelled() {
            self.look_at_store().await?;
        }
        Ok(())
    }

    /// What a task has left: its record as it ended.
    fn settle(&mut self, ended: Ended) -> Option<(usize, RunRecord)> {
        let (id, ended) = match ended {
            Ok((id, run)) => (id, Some(run)),
            Err(error) => (error.id(), None),
        };
        let Active { index, run, cancelled, cut_off, .. } = self.active.remove(&id)?;
        let mut run = ended.unwrap_or_else(|| {
            let error = Some("the run was cut off".to_owned());
            RunRecord { state: RunState::Failed, error, finished: Some(self.core.now()), ..run }
        });
        let Some(entry) = self.roster.get(index) else { return Some((index, run)) };
        let failed = run.state == RunState::Failed;
        if let Some(why) = cancelled.filter(|_| failed) {
            (run.state, run.error) = (RunState::Cancelled, Some(why));
        } else if let Some(why) = cut_off.filter(|_| failed) {
            run.error = Some(why);
            // As where the scheduler had died: what may be repeated is given back.
            if entry.handler().on_crash(entry.body()) == OnCrash::Retry {
                (run.state, run.finished) = (RunState::Pending, None);
            }
        } else {
            retry::after(&mut run, entry.body().retry, self.core.now());
        }
        Some((index, run))
    }

    /// The next fire of a job whose delay counts from the end of its run.
    async fn schedule_after(&mut self, index: usize, run: &RunRecord) -> Result<()> {
        let Some(entry) = self.roster.get(index) else { return Ok(()) };
        if run.key.kind != RunKind::Event || !matches!(entry.schedule().trigger(), Trigger::Delay(_)) {
            return Ok(());
        }
        let next_fire = run.finished.and_then(|finished| entry.schedule().next_after(finished));
        let generation = entry.generation();
        self.wait_until(index, next_fire);
        let (namespace, job) = (run.key.namespace.clone(), run.key.job.clone());
        let advances = [Advance { namespace, job, generation, paused: false, high_water: run.key.nominal, next_fire }];
        let core = self.core.clone();
        core.make(Vec::new(), &advances).await.map(drop)
    }

    /// Waits for the runs that are going, then cuts off what has not ended within `grace`.
    pub(crate) async fn wind_down(&mut self, grace: Duration) -> Result<DrainReport> {
        let mut report = DrainReport::default();
        // What ends within the grace is recorded, also where the store is away for a while.
        self.core.until = Some(tokio::time::Instant::now() + grace.min(LONGEST));
        let mut over = std::pin::pin!(tokio::time::sleep(grace));
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => {
                    let before = self.active.len();
                    self.ended(ended).await?;
                    report.finished += before - self.active.len();
                }
                () = &mut over => {
                    report.cut_off = self.tell_to_end(grace).await? + self.cut_off(grace).await?;
                    break;
                }
            }
        }
        Ok(report)
    }

    /// Tells what can end itself to do so, and waits for that; returns how many did.
    async fn tell_to_end(&mut self, grace: Duration) -> Result<usize> {
        let all = self.active.len();
        for active in self.active.values_mut() {
            if let Some(ending) = &active.ending {
                active.cut_off = Some(why_cut_off(grace));
                ending.cancel();
            }
        }
        let mut over = std::pin::pin!(tokio::time::sleep(TOLD));
        while self.active.values().any(|active| active.ending.is_some()) {
            tokio::select! {
                Some(first) = self.tasks.join_next_with_id() => self.ended(first).await?,
                () = &mut over => break,
            }
        }
        Ok(all - self.active.len())
    }

    /// Aborts what is still going; what may be repeated is given back, the rest has failed.
    async fn cut_off(&mut self, grace: Duration) -> Result<usize> {
        self.tasks.abort_all();
        let now: DateTime<Utc> = self.core.now();
        let mut cut_off = Vec::new();
        for Active { index, run, .. } in std::mem::take(&mut self.active).into_values() {
            let Some(entry) = self.roster.get(index) else { continue };
            let state = match entry.handler().on_crash(entry.body()) {
                OnCrash::Retry => RunState::Pending,
                OnCrash::Fail => RunState::Failed,
            };
            let error = Some(why_cut_off(grace));
            cut_off.push(RunRecord { state, error, finished: Some(now), ..run });
        }
        self.core.end(&cut_off).await?;
        for run in &cut_off {
            self.core.listener.hear(&Event::Finished(run));
        }
        Ok(cut_off.len())
    }
}

fn why_cut_off(grace: Duration) -> String {
    format!("cut off: the scheduler stopped, and its grace of {grace:?} was over")
}
