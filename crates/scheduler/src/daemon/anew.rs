//! Fires that the store did not take as they were decided upon: they are looked at anew, by what the store has now.
//!
//! A scheduler remembers how far it has decided, and others go on meanwhile, or die in the middle. Mostly that does no harm:
//! each fire has one key. But what stands for a whole stretch of fires rests on none of them being decided upon by somebody
//! else, and what was refused for a pause or another version is to be decided upon when that is over.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;

use super::engine::Engine;
use super::owed::rows_behind;
use super::{dispatch, due};

/// How often it is looked anew before the rest is left for the next time.
const ROUNDS: u32 = 50;

impl Engine {
    /// Decides upon the fires of these jobs that are due at `now` and that nobody has decided upon.
    pub(crate) async fn decide_anew(&mut self, mut indices: Vec<usize>, now: DateTime<Utc>) -> Result<()> {
        for _ in 0..ROUNDS {
            if indices.is_empty() {
                return Ok(());
            }
            indices = self.look_anew(&indices, now).await?;
        }
        indices.into_iter().for_each(|index| self.schedule_next(index));
        Ok(())
    }

    /// One look; gives those that were changed by others in between.
    async fn look_anew(&mut self, indices: &[usize], now: DateTime<Utc>) -> Result<Vec<usize>> {
        let core = self.core.clone();
        let jobs: Vec<String> =
            indices.iter().filter_map(|index| self.roster.get(*index).map(|entry| entry.name().to_owned())).collect();
        let records = core.persist(|| core.store.named(&core.namespace, &jobs)).await?.0;
        let adopts = self.roster.handlers.is_some();
        let (mut runs, mut owners, mut advances) = (Vec::new(), Vec::new(), Vec::new());
        for record in records {
            let Some(index) = self.roster.find(record.spec.name.as_str()) else { continue };
            let Some(entry) = self.roster.get(index) else { continue };
            // The store's mark counts, also where it is behind what was taken to be decided.
            entry.behind = true;
            let changed = if adopts {
                self.roster.adopt(record, &core.listener)
            } else {
                entry.take_over(record, &core.listener).then_some(index)
            };
            let Some(entry) = changed.and_then(|index| self.roster.get(index)).filter(|entry| entry.fires()) else {
                continue;
            };
            let mark = entry.kept.decided();
            let Some(first) = entry.kept.next_fire().filter(|at| *at <= now) else {
                self.schedule_next(index);
                continue;
            };
            let record = entry.kept.record();
            let there = core.persist(|| rows_behind(&*core.store, &record, mark, now)).await?.0;
            let mut doer = self.doer();
            doer.room = doer.room.saturating_sub(runs.len());
            let Some(entry) = self.roster.get(index) else { continue };
            let step = dispatch::step(entry, &mut doer, first, now, due::of_rows(&there));
            entry.kept.set_high_water(Some(step.advance.high_water));
            entry.kept.set_next_fire(step.advance.next_fire);
            self.schedule_next(index);
            owners.resize(owners.len() + step.runs.len(), index);
            runs.extend(step.runs);
            advances.push(step.advance);
        }
        if advances.is_empty() {
            return Ok(Vec::new());
        }
        self.make_all(runs, owners, &advances).await
    }
}
