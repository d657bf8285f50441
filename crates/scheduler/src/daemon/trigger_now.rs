//! One run of one job by hand, without a scheduler of one's own that goes on.

use clusterkeep_core::{Error, Result};

use super::builder::SchedulerBuilder;
use super::core::Core;
use super::dispatch::{Doer, begin_or};
use super::event::Event;
use super::execute::end_of;
use super::roster::{Roster, Scope};
use crate::control;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Gate, NewRun, Otherwise};

/// What became of a job that was triggered by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Triggered {
    /// It ran here, to its end.
    Ran(Box<RunRecord>),
    /// A scheduler is running on the store: it will run it.
    Queued(RunKey),
}

impl SchedulerBuilder {
    /// Runs a job at once, beside its schedule: here, or by the scheduler that is running on the store.
    ///
    /// # Errors
    ///
    /// All that is wrong with handlers and jobs, in one message; a job that is unknown; a store that can't be used.
    /// What the run itself fails with is in its record.
    pub async fn trigger(mut self, job: &str) -> Result<Triggered> {
        let jobs = self.checked()?;
        let mut core = Core { waits: false, ..self.core() };
        if !jobs.iter().any(|spec| spec.name.as_str() == job) {
            let known: Vec<&str> = jobs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(
                Error::input(format!("job `{job}` is unknown")).with_hint(format!("known are: {}", known.join(", ")))
            );
        }
        let jobs: Vec<_> = jobs.into_iter().filter(|spec| spec.name.as_str() == job).collect();
        let now = core.now();
        let others = core.store.workers().await?;
        if others.iter().any(|worker| worker.alive && worker.namespace == core.namespace) {
            let key = control::queue(&*core.store, &core.namespace, job, None, None, now).await?.key;
            return Ok(Triggered::Queued(key));
        }
        core.beat().await?;
        let teller = self.telling.start(&mut core, &jobs, false)?;
        let ran = async {
            let mut roster = Roster::load(&core, &self.handlers, jobs, Scope::Some).await?;
            let entry = roster.get(0).ok_or_else(|| Error::input(format!("job `{job}` is unknown")))?;
            let run = RunRecord::new(entry.kept.key(RunKind::Manual, now), RunState::Pending);
            let mut doer = Doer { worker: core.worker, room: 1 };
            let new = NewRun { gate: Gate::OPEN, ..begin_or(entry, run, &mut doer, now, Otherwise::Wait) };
            let Some(run) = core.make(vec![new], &[]).await?.into_iter().flatten().next() else {
                return Err(Error::failed(format!(
                    "trigger job `{job}`: it was triggered at the same instant already"
                )));
            };
            core.listener.hear(&Event::Started(&run));
            let run = core.keep_lease(core.attempt(entry, run, self.ending.child_token())).await;
            core.store.finish(&[end_of(&run)]).await?;
            core.listener.hear(&Event::Finished(&run));
            Ok(run)
        }
        .await;
        teller.close().await;
        core.store.leave(core.worker).await?;
        ran.map(|run| Triggered::Ran(Box::new(run)))
    }
}
