//! Writes whose answer may have been lost.
//!
//! A store that goes away may have done what it was asked before it went. Asked again it says that there was nothing to
//! do, which here would mean that somebody else was first; so after a failure the rows themselves are looked at.

use chrono::TimeDelta;
use clusterkeep_core::Result;

use super::core::Core;
use super::execute::end_of;
use crate::run::{RunRecord, RunState};
use crate::store::{Advance, Claim, Fired, NewRun, RunEnd, RunQuery};

/// Whether a row that was not made leaves fires behind that nobody has decided upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anew(pub(crate) bool);

impl Core {
    /// Makes rows and steps over them; gives those that this scheduler has made, as the store has made them.
    pub(crate) async fn make(&self, runs: Vec<NewRun>, advances: &[Advance]) -> Result<Vec<Option<RunRecord>>> {
        Ok(self.try_make(runs, advances).await?.into_iter().map(Result::ok).collect())
    }

    /// The same, and says which are to be decided upon anew: the store has refused them, or has stepped into the stretch
    /// that they stand for.
    pub(crate) async fn try_make(
        &self,
        runs: Vec<NewRun>,
        advances: &[Advance],
    ) -> Result<Vec<Result<RunRecord, Anew>>> {
        let (fired, failed) = self.persist(|| self.store.fire(&runs, advances)).await?;
        let mut made = Vec::with_capacity(runs.len());
        for (NewRun { mut run, gate }, fired) in runs.into_iter().zip(fired) {
            made.push(match fired {
                Fired::Made(state) => {
                    if state != run.state {
                        run.close(gate.otherwise);
                    }
                    Ok(run)
                }
                // What did not run is known to be made by whoever looks at the store next.
                Fired::Not if failed && self.holds(&run).await? => Ok(run),
                Fired::Not => Err(Anew(run.missed.is_some())),
                Fired::Refused => Err(Anew(true)),
            });
        }
        Ok(made)
    }

    /// Begins pending runs, each where no more of its job are going than may; `None` for one that was not begun.
    pub(crate) async fn begin(&self, waiting: Vec<(RunRecord, u32)>) -> Result<Vec<Option<RunRecord>>> {
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let (at, worker) = (self.now(), self.worker);
        let claim = |(run, at_once): &(RunRecord, u32)| Claim {
            key: run.key.clone(),
            attempt: run.attempt,
            worker,
            at_once: *at_once,
            at,
            earlier: run.attempts(),
        };
        let claims: Vec<Claim> = waiting.iter().map(claim).collect();
        let (begun, failed) = self.persist(|| self.store.claim(&claims)).await?;
        let mut runs: Vec<RunRecord> = waiting.into_iter().map(|(run, _)| run).collect();
        for (run, claim) in runs.iter_mut().zip(claims) {
            (run.state, run.attempt, run.started) = (RunState::Running, run.attempt.saturating_add(1), Some(at));
            (run.worker, run.not_before, run.progress, run.message) = (Some(worker), None, None, None);
            (run.exit, run.result, run.output, run.earlier) = (None, None, None, claim.earlier);
        }
        let begun = self.certain(begun, failed, &runs).await?;
        Ok(runs.into_iter().zip(begun).map(|(run, begun)| begun.then_some(run)).collect())
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

    /// Whether the store has this very row: one with this worker's name is its own.
    async fn holds(&self, run: &RunRecord) -> Result<bool> {
        let behind = run.key.nominal + TimeDelta::microseconds(1);
        let query =
            RunQuery::of(&run.key.namespace, &run.key.job).in_states([run.state]).between(run.key.nominal, behind);
        let (rows, _) = self.persist(|| self.store.runs(&query)).await?;
        let same = |row: &RunRecord| {
            (&row.key, row.attempt, row.worker, row.started, row.finished)
                == (&run.key, run.attempt, run.worker, run.started, run.finished)
        };
        Ok(rows.iter().any(same))
    }
}
