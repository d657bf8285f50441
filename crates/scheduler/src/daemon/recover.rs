//! What becomes of runs that nobody holds any more.

use clusterkeep_core::Result;

use super::core::Core;
use super::engine::Engine;
use super::event::Event;
use super::execute::end_of;
use super::roster::Roster;
use crate::model::OnCrash;
use crate::run::{RunRecord, RunState};

impl Engine {
    /// Ends or gives back the runs of schedulers that are gone.
    pub(crate) async fn rescue(&mut self) -> Result<()> {
        let core = self.core.clone();
        self.look |= rescue(&core, &mut self.roster).await?;
        Ok(())
    }
}

/// Ends each run that nobody holds, or gives it back; says whether there are some to attempt again.
///
/// Another scheduler may do the same at the same time: the attempt's number says who was first. Runs of jobs that are not
/// in the roster have failed.
pub(crate) async fn rescue(core: &Core, roster: &mut Roster) -> Result<bool> {
    let (orphans, _) = core.persist(|| core.store.orphans(&core.namespace)).await?;
    take_over(core, roster, orphans).await
}

/// The same for runs that are known to be nobody's.
pub(crate) async fn take_over(core: &Core, roster: &mut Roster, mut orphans: Vec<RunRecord>) -> Result<bool> {
    for run in &mut orphans {
        let entry = roster.find(&run.key.job).and_then(|index| roster.get(index));
        give_up(run, entry.is_some_and(|entry| entry.handler().on_crash(entry.body()) == OnCrash::Retry));
        run.finished = Some(core.now());
    }
    if orphans.is_empty() {
        return Ok(false);
    }
    let ends: Vec<_> = orphans.iter().map(end_of).collect();
    let (ended, _) = core.persist(|| core.store.finish(&ends)).await?;
    let mut again = false;
    for (run, ended) in orphans.iter().zip(ended) {
        again |= ended && run.state == RunState::Pending;
        if ended {
            core.listener.hear(&Event::Rescued(run));
        }
    }
    Ok(again)
}

fn give_up(run: &mut RunRecord, retry: bool) {
    if run.cancel.is_some() {
        (run.state, run.error) = (RunState::Cancelled, run.cancel.take());
    } else if retry {
        run.state = RunState::Pending;
    } else {
        (run.state, run.error) = (RunState::Failed, Some("its scheduler ended while it ran".to_owned()));
    }
}
