//! Who is told of jobs, and how a scheduler begins and ends to tell them; nothing where that was left out of the program.

use clusterkeep_core::{Error, Result};

use super::core::Core;
use crate::model::{JobSpec, Notify, Sinks};
#[cfg(feature = "notify")]
use crate::notify::{Notifier, Reachable, Rules, Sink};

/// Sinks, and the notifications of jobs that say nothing about it.
#[derive(Debug, Default)]
pub(super) struct Telling {
    pub(super) sinks: Sinks,
    pub(super) defaults: Vec<Notify>,
    /// Sinks of the program itself.
    #[cfg(feature = "notify")]
    pub(super) own: std::collections::HashMap<String, std::sync::Arc<dyn Sink>>,
}

/// A scheduler's way to tell.
#[derive(Debug)]
pub(crate) struct Teller(#[cfg(feature = "notify")] Option<Notifier>);

#[cfg(feature = "notify")]
impl Telling {
    /// Whether every sink that a job names is there, and can be.
    pub(super) fn check(&self, jobs: &[JobSpec]) -> Result<()> {
        let sinks = Reachable::all(&self.sinks, &self.own)?;
        let rules = self.rules(jobs, false);
        match rules.sinks().into_iter().find(|(_, sink)| !sinks.contains_key(*sink)) {
            None => Ok(()),
            Some((job, sink)) => {
                let mut known: Vec<&str> = sinks.keys().map(String::as_str).collect();
                known.sort_unstable();
                let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
                Err(Error::input(format!("job `{job}` notifies `{sink}`, which is no sink"))
                    .with_hint(format!("the sinks of its timetable: {known}")))
            }
        }
    }

    /// Begins to tell; with `stored` also of jobs that the store has beside these.
    pub(super) fn start(&self, core: &mut Core, jobs: &[JobSpec], stored: bool) -> Result<Teller> {
        let sinks = Reachable::all(&self.sinks, &self.own)?;
        let stored = (stored && !sinks.is_empty()).then_some(self.defaults.as_slice());
        Ok(Teller(Notifier::start(core, &self.rules(jobs, stored.is_some()), stored, sinks)))
    }

    /// The notifications of these jobs; which ones nobody is told of counts only beside `others`.
    fn rules(&self, jobs: &[JobSpec], others: bool) -> Rules {
        let silent = |job: &JobSpec| job.notify.as_ref().unwrap_or(&self.defaults).is_empty();
        if !others && jobs.iter().all(silent) { Rules::default() } else { Rules::of(jobs, &self.defaults) }
    }
}

#[cfg(not(feature = "notify"))]
impl Telling {
    /// Refuses what it could not do.
    pub(super) fn check(&self, jobs: &[JobSpec]) -> Result<()> {
        let asks = |job: &JobSpec| job.notify.as_ref().is_some_and(|notify| !notify.is_empty());
        if self.sinks.is_empty() && self.defaults.is_empty() && !jobs.iter().any(asks) {
            return Ok(());
        }
        Err(Error::input("notifications: this program was built without the feature `notify`"))
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "as where it can be told")]
    pub(super) fn start(&self, _: &mut Core, _: &[JobSpec], _: bool) -> Result<Teller> {
        Ok(Teller())
    }
}

impl Teller {
    /// Ends it: what was heard before is told, as far as that is done within a few seconds.
    pub(super) async fn close(self) {
        #[cfg(feature = "notify")]
        if let Some(notifier) = self.0 {
            notifier.close().await;
        }
    }
}
