//! What becomes of runs that nobody holds any more.

use std::collections::HashMap;
use std::time::Duration;

use clusterkeep_core::Result;
use tokio::time::Instant;

use super::core::Core;
use super::engine::Engine;
use super::event::Event;
use super::execute::end_of;
use super::roster::Roster;
use crate::model::OnCrash;
use crate::run::{RunKey, RunRecord, RunState, mark};
use crate::target::end_left;

/// How long it may take to end what is left of runs beside their processes, of all of them together: fires wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let (mut orphans, _) = core.persist(|| core.store.orphans(&core.namespace)).await?;
    let ended = end_processes(core, roster, &mut orphans).await;
    give_back(core, roster, orphans, &ended).await
}

/// The same for runs that are known to be nobody's, and to have left nothing behind.
pub(crate) async fn take_over(core: &Core, roster: &mut Roster, orphans: Vec<RunRecord>) -> Result<bool> {
    give_back(core, roster, orphans, &HashMap::new()).await
}

/// Ends what these runs have left going on this machine, and says of which how many processes that were. Those of which
/// something does not end are left to the next time: what goes on must not be begun once more.
async fn end_processes(core: &Core, roster: &mut Roster, orphans: &mut Vec<RunRecord>) -> HashMap<RunKey, usize> {
    let mut ended = HashMap::new();
    let marks: Vec<(RunKey, String)> = orphans
        .iter()
        .filter_map(|run| {
            // Its own, whose lease had run out, are seen to elsewhere.
            let worker = run.worker.filter(|worker| *worker != core.worker)?;
            Some((run.key.clone(), mark(worker, &run.key, run.attempt)))
        })
        .collect();
    if marks.is_empty() {
        return ended;
    }
    let left = end_left(marks.iter().map(|(_, mark)| mark.clone()).collect()).await;
    let until = Instant::now() + PATIENCE;
    for ((key, mark), left) in marks.into_iter().zip(left) {
        let entry = roster.find(&key.job).and_then(|index| roster.get(index));
        if let Some(entry) = entry {
            let elsewhere = entry.handler().end_left(&entry.body().run, &mark);
            if tokio::time::timeout_at(until, elsewhere).await.is_err() {
                tracing::warn!(
                    job = key.job,
                    "whether a run has left something running could not be looked at in time"
                );
            }
        }
        if left.remaining > 0 {
            let (job, remaining) = (&key.job, left.remaining);
            tracing::error!(job, remaining, "processes of a run whose scheduler is gone do not end: it waits for them");
            orphans.retain(|run| run.key != key);
        } else if left.found > 0 {
            ended.insert(key, left.found);
        }
    }
    ended
}

async fn give_back(
    core: &Core,
    roster: &mut Roster,
    mut orphans: Vec<RunRecord>,
    ended: &HashMap<RunKey, usize>,
) -> Result<bool> {
    for run in &mut orphans {
        let entry = roster.find(&run.key.job).and_then(|index| roster.get(index));
        let retry = entry.is_some_and(|entry| entry.handler().on_crash(entry.body()) == OnCrash::Retry);
        give_up(run, retry, ended.get(&run.key).copied().unwrap_or_default());
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

fn give_up(run: &mut RunRecord, retry: bool, processes: usize) {
    if run.cancel.is_some() {
        (run.state, run.error) = (RunState::Cancelled, run.cancel.take());
        return;
    }
    let ended = match processes {
        0 => String::new(),
        1 => "; a process of it that went on was ended".to_owned(),
        n => format!("; {n} processes of it that went on were ended"),
    };
    run.state = if retry { RunState::Pending } else { RunState::Failed };
    run.error = Some(format!("its scheduler ended while it ran{ended}"));
}
