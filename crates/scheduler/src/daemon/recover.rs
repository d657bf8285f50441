//! What becomes of runs that a scheduler before this one has left open.

use clusterkeep_core::Result;

use super::core::Core;
use super::event::Event;
use super::roster::Roster;
use crate::model::OnCrash;
use crate::run::{RunRecord, RunState};
use crate::store::{RunEnd, RunQuery};

/// Ends or gives back each run that seems to be going, and returns all that wait to be attempted, the oldest first.
///
/// Nobody else may be running the jobs of the namespace. Runs of jobs that are not in the roster fail if they were going,
/// and go on waiting if they were.
pub(crate) async fn recover(core: &Core, roster: &mut Roster) -> Result<Vec<RunRecord>> {
    let open = RunQuery::within(&core.namespace).in_states([RunState::Pending, RunState::Running]);
    let mut waiting = Vec::new();
    for mut run in core.store.runs(&open).await? {
        if run.state == RunState::Running {
            let entry = roster.find(&run.key.job).and_then(|index| roster.get(index));
            let retry = entry.is_some_and(|entry| entry.handler.0.on_crash(&entry.record.spec) == OnCrash::Retry);
            let at = core.now();
            if retry {
                run.state = RunState::Pending;
            } else {
                run.state = RunState::Failed;
                run.error = Some("the scheduler ended while it ran".to_owned());
                run.finished = Some(at);
            }
            let (key, error) = (run.key.clone(), run.error.clone());
            let end = RunEnd { key, attempt: run.attempt, state: run.state, error, at };
            if core.store.finish(&[end]).await?.first() != Some(&true) {
                continue;
            }
            if !retry {
                core.listener.hear(&Event::Finished(&run));
                continue;
            }
        }
        waiting.push(run);
    }
    waiting.reverse();
    Ok(waiting)
}
