//! What comes to a scheduler by way of its store: what others have asked for or changed, and runs that wait.
//!
//! It decides about no fire.

use std::collections::{BTreeSet, HashMap};

use clusterkeep_core::Result;
use tokio::time::Instant;

use super::engine::{Engine, POLL};
use super::event::Event;
use crate::run::RunRecord;
use crate::store::ScheduleRecord;

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

    /// Ends those of the runs that go here which somebody wants to end: they don't wait for the next beat.
    pub(crate) async fn end_cancelled(&mut self) -> Result<()> {
        let core = self.core.clone();
        for (key, attempt, why) in core.persist(|| core.store.to_cancel(core.worker)).await?.0 {
            self.cancel_here(&key, attempt, &why);
        }
        Ok(())
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
        loop {
            let since = Some(self.changes);
            let ((records, changes), _) = core.persist(|| core.store.changed(&core.namespace, since)).await?;
            self.changes = changes;
            self.take_over(records);
            if !core.store.has_more(changes) {
                return Ok(());
            }
        }
    }

    fn take_over(&mut self, records: Vec<ScheduleRecord>) {
        let core = self.core.clone();
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
            let ask = || core.store.waiting(&core.namespace, &but, core.now(), MOST_WAITING);
            let waiting = core.persist(ask).await?.0;
            let all = waiting.len() < MOST_WAITING as usize;
            let (indices, first): (Vec<_>, Vec<_>) = self.choose(waiting, &mut stuck).into_iter().unzip();
            let jobs: Vec<String> = first.iter().map(|(run, _)| run.key.job.clone()).collect();
            for ((index, job), begun) in indices.into_iter().zip(jobs).zip(core.begin(first).await?) {
                match begun {
                    Some(run) => self.start(index, run),
                    None => {
                        // Others run the job, or have been faster.
                        self.waiting = true;
                        stuck.insert(job);
                    }
                }
            }
            let full = self.active.len() >= self.at_once;
            self.waiting |= full;
            if full || all || stuck.len() == but.len() {
                return Ok(());
            }
        }
    }

    /// Those of these runs that may begin here, with their jobs and how many of each may run at once; jobs of which none
    /// may begin now go to `stuck`.
    fn choose(&mut self, waiting: Vec<RunRecord>, stuck: &mut BTreeSet<String>) -> Vec<(usize, (RunRecord, u32))> {
        let room = self.at_once.saturating_sub(self.active.len());
        let mut going: HashMap<usize, u32> = HashMap::new();
        for active in self.active.values() {
            *going.entry(active.index).or_default() += 1;
        }
        let mut chosen = Vec::new();
        for run in waiting {
            if chosen.len() >= room {
                self.waiting = true;
                break;
            }
            if stuck.contains(&run.key.job) {
                continue;
            }
            // A later version is not this one's to run.
            let index = self.roster.find(&run.key.job);
            let entry = index.and_then(|index| Some((index, self.roster.get(index)?)));
            let entry = entry.filter(|(_, entry)| !entry.superseded || run.key.generation == entry.generation());
            let Some((index, entry)) = entry else {
                stuck.insert(run.key.job);
                continue;
            };
            let at_once = entry.body().overlap.at_once();
            let going = going.entry(index).or_default();
            if *going >= at_once {
                self.waiting = true;
                stuck.insert(run.key.job);
                continue;
            }
            *going += 1;
            chosen.push((index, (run, at_once)));
        }
        chosen
    }
}
