//! One run of one job by hand, without a scheduler of one's own that goes on.

use clusterkeep_core::{Error, Result};

use super::builder::SchedulerBuilder;
use super::event::Event;
use super::execute::end_of;
use super::roster::{Roster, Scope};
use crate::run::{RunKey, RunKind, RunRecord, RunState};

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
        let core = self.core();
        if !jobs.iter().any(|spec| spec.name.as_str() == job) {
            let known: Vec<&str> = jobs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(
                Error::input(format!("job `{job}` is unknown")).with_hint(format!("known are: {}", known.join(", ")))
            );
        }
        let jobs: Vec<_> = jobs.into_iter().filter(|spec| spec.name.as_str() == job).collect();
        let now = core.now();
        if core.store.is_shared() && !core.lease().await? {
            let schedules = core.store.schedules(Some(&core.namespace)).await?;
            let generation =
                schedules.iter().find(|known| known.spec.name.as_str() == job).map_or(1, |known| known.generation);
            let key = RunKey {
                namespace: core.namespace.clone(),
                job: job.to_owned(),
                nominal: now,
                kind: RunKind::Manual,
                generation,
            };
            core.store.fire(&[RunRecord::new(key.clone(), RunState::Pending)], &[]).await?;
            return Ok(Triggered::Queued(key));
        }
        let ran = async {
            let mut roster = Roster::load(&core, &self.handlers, jobs, Scope::Some).await?;
            let entry = roster.get(0).ok_or_else(|| Error::input(format!("job `{job}` is unknown")))?;
            let run = RunRecord {
                attempt: 1,
                started: Some(now),
                ..RunRecord::new(entry.key(RunKind::Manual, now), RunState::Running)
            };
            if core.store.fire(std::slice::from_ref(&run), &[]).await?.first() != Some(&true) {
                return Err(Error::failed(format!(
                    "trigger job `{job}`: it was triggered at the same instant already"
                )));
            }
            core.listener.hear(&Event::Started(&run));
            let run = core.keep_lease(core.attempt(entry, run)).await;
            core.store.finish(&[end_of(&run)]).await?;
            core.listener.hear(&Event::Finished(&run));
            Ok(run)
        }
        .await;
        core.store.release(&core.namespace, core.owner).await?;
        ran.map(|run| Triggered::Ran(Box::new(run)))
    }
}
