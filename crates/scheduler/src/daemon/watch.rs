//! What comes to a scheduler by way of its store: what others have asked for or changed, and runs that wait.
//!
//! It decides about no fire.

use std::collections::BTreeSet;

use clusterkeep_core::Result;
use tokio::time::Instant;

use super::engine::{Engine, POLL};
use super::event::Event;
use crate::run::RunRecord;

/// How many waiting runs are looked at in one go.
const MOST_WAITING: u32 = 1_000;

impl Engine {
    /// Renews the lease, ends what somebody wants to end, and takes over what nobody holds any more.
    pub(crate) async fn beat(&mut self) -> Result<()> {
        let core = self.core.clone();
        let (beat, _) = core.persist(|| core.beat()).await?;
        self.beat_at = Instant::now() + core.lease / 3;
        for (key, attempt, why) in beat.cancel {
            self.cancel_here(&key, attempt, &why);
        }
        if beat.lapsed {
            core.listener.hear(&Event::LeaseLost);
        } else {
            // Where this one was held up the others may have been, too, as by a store that was away: they get the time to
            // renew their leases.
            self.rescue().await?;
        }
        self.look_after_delayed().await?;
        self.catch_up().await
    }

    /// Looks for runs that can begin, and now and then for what others have changed.
    pub(crate) async fn look_at_store(&mut self) -> Result<()> {
        let now = self.core.now();
        if self.poll_at <= now {
            self.poll_at = now + POLL;
            self.look = true;
            self.changes().await?;
        }
        if std::mem::take(&mut self.look) {
            self.begin_waiting().await?;
        }
        Ok(())
    }

    /// Takes over what others have said about jobs.
    async fn changes(&mut self) -> Result<()> {
        let core = self.core.clone();
        let since = Some(self.changes);
        let ((records, changes), _) = core.persist(|| core.store.changed(&core.namespace, since)).await?;
        self.changes = changes;
        for record in records {
            let changed = match self.roster.handlers {
                Some(_) => self.roster.adopt(record, &core.listener),
                None => self.roster.find(record.spec.name.as_str()).filter(|index| {
                    self.roster.get(*index).is_some_and(|entry| entry.take_over(record, &core.listener))
                }),
            };
            if let Some(index) = changed {
                self.look = true;
                self.schedule_next(index);
            }
        }
        Ok(())
    }

    /// Begins pending runs of known jobs as far as there is room, those that go first first.
    async fn begin_waiting(&mut self) -> Result<()> {
        let core = self.core.clone();
        let room = self.at_once.saturating_sub(self.active.len());
        self.waiting = true;
        if room == 0 {
            return Ok(());
        }
        self.waiting = false;
        // Runs of jobs that wait for their gate, or that are unknown here, must not hide those behind them.
        let mut stuck = BTreeSet::new();
        loop {
            let but: Vec<String> = stuck.iter().cloned().collect();
            let known = stuck.len();
            let ask = || core.store.waiting(&core.namespace, &but, core.now(), MOST_WAITING);
            let waiting = core.persist(ask).await?.0;
            let all = waiting.len() < MOST_WAITING as usize;
            for run in waiting {
                if self.active.len() >= self.at_once {
                    self.waiting = true;
                    return Ok(());
                }
                if stuck.contains(&run.key.job) {
                    continue;
                }
                let job = run.key.job.clone();
                if !self.begin_if_it_may(run).await? {
                    stuck.insert(job);
                }
            }
            if all || stuck.len() == known {
                return Ok(());
            }
        }
    }

    /// Begins a pending run; `false` where no run of its job can begin now.
    async fn begin_if_it_may(&mut self, run: RunRecord) -> Result<bool> {
        let Some(index) = self.roster.find(&run.key.job) else { return Ok(false) };
        let Some(entry) = self.roster.get(index) else { return Ok(false) };
        // A later version is not this one's to run.
        if entry.superseded && run.key.generation != entry.record.generation {
            return Ok(false);
        }
        let at_once = entry.record.spec.overlap.at_once();
        if self.going(index) >= at_once as usize {
            self.waiting = true;
            return Ok(false);
        }
        let core = self.core.clone();
        let Some(run) = core.begin(run, at_once).await? else {
            // Others run the job, or have been faster.
            self.waiting = true;
            return Ok(false);
        };
        self.start(index, run);
        Ok(true)
    }

    /// How many runs of a job go here.
    fn going(&self, index: usize) -> usize {
        self.active.values().filter(|active| active.index == index).count()
    }
}
