//! Writes whose answer may have been lost.
//!
//! A store that goes away may have done what it was asked before it went. Asked again it says that there was nothing to
//! do, which here would mean that somebody else was first; so after a failure the rows themselves are looked at.

use clusterkeep_core::Result;

use super::core::Core;
use super::execute::end_of;
use crate::run::{RunRecord, RunState};
use crate::store::{Advance, Claim, RunEnd, RunQuery};

impl Core {
    /// Makes rows and steps over them; says of each whether it was made by this scheduler.
    pub(crate) async fn make(&self, runs: &[RunRecord], advances: &[Advance]) -> Result<Vec<bool>> {
        let (made, failed) = self.persist(|| self.store.fire(runs, advances)).await?;
        self.certain(made, failed, runs).await
    }

    /// Begins a pending run; `None` where it is pending no more.
    pub(crate) async fn begin(&self, mut run: RunRecord) -> Result<Option<RunRecord>> {
        let at = self.now();
        let claims = [Claim { key: run.key.clone(), attempt: run.attempt, at }];
        let (begun, failed) = self.persist(|| self.store.claim(&claims)).await?;
        (run.state, run.attempt, run.started) = (RunState::Running, run.attempt + 1, Some(at));
        let begun = self.certain(begun, failed, std::slice::from_ref(&run)).await?;
        Ok(begun.contains(&true).then_some(run))
    }

    /// Records the ends of runs; says of each whether it was the latest attempt.
    pub(crate) async fn end(&self, runs: &[RunRecord]) -> Result<Vec<bool>> {
        let ends: Vec<RunEnd> = runs.iter().map(end_of).collect();
        let (ended, failed) = self.persist(|| self.store.finish(&ends)).await?;
        self.certain(ended, failed, runs).await
    }

    /// What the store says, and after a failure what its rows say.
    async fn certain(&self, mut said: Vec<bool>, failed: bool, runs: &[RunRecord]) -> Result<Vec<bool>> {
        if failed {
            for (said, run) in said.iter_mut().zip(runs) {
                *said = *said || self.holds(run).await?;
            }
        }
        Ok(said)
    }

    /// Whether the store has this very row. Only the holder of the namespace's lease writes its rows, so one that looks
    /// like this scheduler's is its own.
    async fn holds(&self, run: &RunRecord) -> Result<bool> {
        let query = RunQuery::of(&run.key.namespace, &run.key.job).in_states([run.state]);
        let (rows, _) = self.persist(|| self.store.runs(&query)).await?;
        let same = |row: &RunRecord| {
            (&row.key, row.attempt, row.started, row.finished) == (&run.key, run.attempt, run.started, run.finished)
        };
        Ok(rows.iter().any(same))
    }
}
