//! Notifications of jobs that a scheduler takes out of its store: what they say is looked at time and again.
//!
//! Whom they can tell are the sinks that the scheduler was started with, as far as this machine's permissions let a store
//! name them; of other jobs is told what the scheduler's own files say of all jobs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::Result;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::chain;
use super::heartbeat::Watch;
use super::outbox::Outbox;
use super::rules::{OfJob, Rules};
use crate::daemon::Core;
use crate::model::{JobSpec, Notify, Permissions};

/// For how long what was read of them counts.
const FRESH: Duration = Duration::from_secs(5);

/// How often it is looked which of them have heartbeats.
const LOOK: Duration = Duration::from_secs(30);

/// The jobs of a store, as far as the program has none of their name.
#[derive(Clone)]
pub(super) struct Stored {
    core: Core,
    /// The jobs of the program: these count as it says.
    own: Rules,
    defaults: Vec<Notify>,
    read: Option<(Instant, Rules)>,
}

impl Stored {
    pub(super) const fn new(core: Core, own: Rules, defaults: Vec<Notify>) -> Self {
        Self { core, own, defaults, read: None }
    }

    /// Who is told of a job.
    pub(super) async fn job(&mut self, job: &str) -> Result<Option<Arc<OfJob>>> {
        let fresh = self.read.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        if !fresh {
            self.read = Some((Instant::now(), self.rules().await?));
        }
        Ok(self.read.as_ref().and_then(|(_, rules)| rules.job(job).cloned()))
    }

    async fn rules(&self) -> Result<Rules> {
        let all = self.core.store.schedules(Some(&self.core.namespace)).await?;
        let theirs = all.into_iter().filter(|known| known.retired.is_none() && !self.own.has(known.spec.name.as_str()));
        let specs: Vec<JobSpec> = theirs.map(|known| self.permitted(known.spec)).collect();
        Ok(Rules::of(&specs, &self.defaults))
    }

    /// The job; what it says of notifications counts only where all that it says is permitted here.
    fn permitted(&self, mut spec: JobSpec) -> JobSpec {
        let nothing = Permissions::default();
        let permissions = self.core.permissions.as_deref().unwrap_or(&nothing);
        if permissions.check(&self.core.namespace, &spec).is_err() {
            spec.notify = None;
        }
        spec
    }

    /// Watches the heartbeats of all of them, for ever.
    pub(super) async fn watch(self, outbox: Arc<Outbox>) {
        let mut tasks = JoinSet::new();
        let mut watched: HashMap<(String, Option<Duration>), (AbortHandle, JobSpec)> = HashMap::new();
        loop {
            match self.rules().await {
                Ok(rules) => {
                    let mut wanted = HashMap::new();
                    for job in rules.jobs() {
                        for (age, places) in job.heartbeats() {
                            let key = (job.spec.name.as_str().to_owned(), age.as_duration());
                            wanted.insert(key, (job.clone(), age, places));
                        }
                    }
                    watched.retain(|key, (task, spec)| {
                        let goes_on = wanted.get(key).is_some_and(|(job, ..)| job.spec == *spec);
                        if !goes_on {
                            task.abort();
                        }
                        goes_on
                    });
                    for (key, (job, age, places)) in wanted {
                        watched.entry(key).or_insert_with(|| {
                            let spec = job.spec.clone();
                            let watch = Watch::new(self.core.clone(), job, age, places, outbox.clone());
                            (tasks.spawn(watch.watch()), spec)
                        });
                    }
                }
                Err(error) => tracing::warn!(error = chain(&error), "the heartbeats of stored jobs were not looked at"),
            }
            tokio::time::sleep(LOOK).await;
            while tasks.try_join_next().is_some() {}
        }
    }
}
