//! Jobs that fire so long after their last run has finished, whoever has run it.
//!
//! When such a job fires next is known to who has ended its run, and written beside the end. So each scheduler goes by the
//! rows: before it fires it makes sure that nothing of the job is open and that nothing has ended later than it knows of;
//! and where it does not know when the job fires, since another one runs it, it looks time and again whether that one has
//! come to its end, or has died.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;

use super::clock::NOTICED;
use super::engine::Engine;
use crate::run::{RunKind, RunRecord};
use crate::store::RunQuery;

/// So many of the latest runs are looked at: an earlier one may have been tried anew.
const LATEST: u32 = 10;

/// So many jobs are looked after in one go.
const AT_ONCE: usize = 64;

/// When a delay is over.
enum Over {
    /// A run of the job has not come to its end.
    Open,
    /// Then.
    At(DateTime<Utc>),
    /// The store does not say.
    Unknown,
}

impl Engine {
    /// Whether the delay of a job, which was to end at `at`, has ended. If not, it goes on to when it does.
    pub(crate) async fn delay_is_over(&mut self, index: usize, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool> {
        let then = match self.over(index, now).await? {
            Over::Open => None,
            Over::At(then) if then > at => Some(then),
            Over::At(_) | Over::Unknown => return Ok(true),
        };
        self.wait_until(index, then);
        Ok(false)
    }

    /// Looks after the jobs whose next fire is not known here.
    pub(crate) async fn look_after_delayed(&mut self) -> Result<()> {
        let now = self.core.now();
        let after = self.looked_after;
        let (before, behind): (Vec<usize>, Vec<usize>) = self.roster.delayed.iter().partition(|index| **index <= after);
        let mut looked = 0;
        for index in behind.into_iter().chain(before) {
            let Some(entry) = self.roster.get(index) else { continue };
            if !entry.fires() || entry.kept.next_fire().is_some() {
                continue;
            }
            match self.over(index, now).await? {
                Over::Open => {}
                Over::At(then) => self.wait_until(index, Some(then)),
                Over::Unknown => {
                    let then = self.roster.get(index).and_then(|entry| entry.schedule().next_after(now));
                    self.wait_until(index, then);
                }
            }
            self.looked_after = index;
            looked += 1;
            if looked == AT_ONCE {
                break;
            }
        }
        Ok(())
    }

    /// When the delay of a job is over, by its latest runs.
    async fn over(&mut self, index: usize, now: DateTime<Utc>) -> Result<Over> {
        let core = self.core.clone();
        let Some(entry) = self.roster.get(index) else { return Ok(Over::Unknown) };
        let query = RunQuery::of(&core.namespace, entry.name()).of_kind(RunKind::Event).without_output().limit(LATEST);
        let latest: Vec<RunRecord> = core.persist(|| core.store.runs(&query)).await?.0;
        if latest.iter().any(|run| !run.state.is_final()) {
            return Ok(Over::Open);
        }
        let ended = latest.iter().filter_map(|run| run.finished).max();
        // What has ended later than now ended before somebody set the clock back.
        let ended = ended.filter(|ended| *ended - now < NOTICED);
        let Some(entry) = self.roster.get(index) else { return Ok(Over::Unknown) };
        Ok(ended.and_then(|ended| entry.schedule().next_after(ended)).map_or(Over::Unknown, Over::At))
    }

    /// Has a job fire then; where that is not known, it is looked after.
    pub(crate) fn wait_until(&mut self, index: usize, then: Option<DateTime<Utc>>) {
        let Some(entry) = self.roster.get(index) else { return };
        entry.kept.set_next_fire(then);
        // One that was paused meanwhile is looked after when that is over.
        let (lap, fires) = (entry.lap, entry.fires());
        if let Some(at) = then.filter(|_| fires) {
            self.heap.push((at, index, lap));
        }
    }
}
