//! From the ends of runs to messages in the queues of sinks.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::Result;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outbox::{Outbox, Reachable};
use super::rules::{Before, OfJob, Rules, before, occasions};
use super::stored::Stored;
use super::{Facts, Message, chain, heartbeat, template};
use crate::daemon::{Core, Event, Listener};
use crate::model::{Notify, Occasion};
use crate::run::{RunRecord, RunState};
use crate::store::RunQuery;

/// How many ends of runs wait to be looked at; further ones are dropped.
const WAITING: usize = 1_024;

/// How many of a job's latest runs are looked at, first, and where none of them has succeeded: longer streaks are told as
/// that long.
const LOOKED_AT: [u32; 2] = [10, 100];

/// How often the store is asked what was before a run, before it is told without that.
const ASKED: u32 = 3;

/// How long messages are tried to be delivered once the scheduler ends.
const CLOSING: Duration = Duration::from_secs(5);

/// Hears the ends of runs.
#[derive(Clone)]
pub(crate) struct Ear {
    rules: Rules,
    /// There may be other jobs, of which the store says who is told.
    stored: bool,
    ends: mpsc::Sender<RunRecord>,
}

impl Ear {
    /// Takes note of what may be worth telling, without waiting; `Some` where there is no room for it.
    pub(crate) fn hear(&self, event: &Event<'_>) -> Option<RunRecord> {
        let (Event::Finished(run) | Event::Rescued(run)) = event else { return None };
        let may_tell = match self.rules.job(&run.key.job) {
            Some(job) => job.may_tell(run.state),
            None => self.stored && run.state.is_final() && !self.rules.has(&run.key.job),
        };
        if !may_tell {
            return None;
        }
        match self.ends.try_send((*run).clone()) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(run) | mpsc::error::TrySendError::Closed(run)) => Some(run),
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

/// Tells what there is to tell, until it is closed.
#[derive(Debug)]
pub(crate) struct Notifier {
    tasks: JoinSet<()>,
    closing: watch::Sender<Option<Instant>>,
    stop: CancellationToken,
}

impl Notifier {
    /// Starts to listen: what `core` hears from now on is told. `None` where nobody is to be told anything.
    ///
    /// With `stored` jobs that are not among the `rules` are told of as the store says, else as these defaults do.
    pub(crate) fn start(
        core: &mut Core,
        rules: &Rules,
        stored: Option<&[Notify]>,
        sinks: HashMap<String, Reachable>,
    ) -> Option<Self> {
        if rules.is_empty() && stored.is_none() {
            return None;
        }
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let (closing, closes) = watch::channel(None);
        let outbox = Arc::new(Outbox::start(sinks, &core.listener, &closes, &mut tasks));
        let (ends, heard) = mpsc::channel(WAITING);
        for job in rules.jobs() {
            for (age, places) in job.heartbeats() {
                let watch = heartbeat::Watch::new(core.clone(), job.clone(), age, places, outbox.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    stop.run_until_cancelled(watch.watch()).await;
                });
            }
        }
        let others = stored.map(|defaults| Stored::new(core.clone(), rules.clone(), defaults.to_vec()));
        if let Some(others) = others.clone() {
            let (stop, outbox) = (stop.clone(), outbox.clone());
            tasks.spawn(async move {
                stop.run_until_cancelled(others.watch(outbox)).await;
            });
        }
        let router = Router { core: core.clone(), rules: rules.clone(), others, outbox };
        tasks.spawn(router.route(heard, stop.clone()));
        core.listener = core.listener.with_ear(Ear { rules: rules.clone(), stored: stored.is_some(), ends });
        Some(Self { tasks, closing, stop })
    }

    /// Delivers what was heard before, as far as that is done within a few seconds.
    pub(crate) async fn close(mut self) {
        self.closing.send_replace(Some(Instant::now() + CLOSING));
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Router {
    core: Core,
    rules: Rules,
    others: Option<Stored>,
    outbox: Arc<Outbox>,
}

impl Router {
    async fn route(mut self, mut ends: mpsc::Receiver<RunRecord>, stop: CancellationToken) {
        loop {
            let run = tokio::select! {
                biased;
                run = ends.recv() => run,
                () = stop.cancelled() => {
                    // What was heard before is told still.
                    ends.close();
                    ends.recv().await
                }
            };
            let Some(run) = run else { return };
            if let Some(job) = self.job(&run.key.job).await.filter(|job| job.may_tell(run.state)) {
                self.tell(&job, &run).await;
            }
        }
    }

    async fn job(&mut self, job: &str) -> Option<Arc<OfJob>> {
        if let Some(known) = self.rules.job(job) {
            return Some(known.clone());
        }
        self.others.as_mut()?.job(job).await.unwrap_or_else(|error| {
            tracing::warn!(job, error = chain(&error), "who is told of a stored job is not known: nobody is");
            None
        })
    }

    async fn tell(&self, job: &OfJob, run: &RunRecord) {
        let before = self.before(run).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(job = run.key.job, error, "what was before a run is not known: it is told as the first one");
            Before::default()
        });
        let found = occasions(run, before);
        for place in 0..job.all.len() {
            let Some(occasion) = found.iter().find(|occasion| job.all[place].on.contains(occasion)) else { continue };
            let failed = u32::from(matches!(run.state, RunState::Failed | RunState::Dead));
            let mut facts = Facts::of(run, job.spec.description.as_deref(), *occasion);
            facts.failures = before.failures.saturating_add(failed);
            facts.failing_since = before.failing_since.or(run.finished.filter(|_| failed == 1));
            facts.last_success = before.last_success;
            send(&self.outbox, job, place, facts);
        }
    }

    async fn before(&self, run: &RunRecord) -> Result<Before> {
        let states = [RunState::Succeeded, RunState::Failed, RunState::Dead];
        let mut found = Before::default();
        for limit in LOOKED_AT {
            let query = RunQuery::of(&run.key.namespace, &run.key.job).in_states(states).limit(limit).without_output();
            let others = self.ask(&query).await?;
            found = before(run, &others);
            // Rows may be large: most of the time a few of them tell all.
            if found.last_success.is_some() || others.len() < limit as usize {
                break;
            }
        }
        Ok(found)
    }

    async fn ask(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let mut asked = 1;
        loop {
            match self.core.store.runs(query).await {
                Err(error) if asked == ASKED => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                found => return found,
            }
            asked += 1;
        }
    }
}

/// Leaves a message for all sinks of one notification.
pub(super) fn send(outbox: &Outbox, job: &OfJob, place: usize, facts: Facts) {
    let rule = &job.all[place];
    let (subject, text) = template::fill(rule.subject.as_ref(), rule.text.as_ref(), &facts);
    let nominal = facts.nominal.timestamp_micros();
    let id = format!("{}/{}/{nominal}/{}/{}/{place}", facts.namespace, facts.job, facts.attempt, facts.occasion);
    let message = Arc::new(Message { id, occasion: facts.occasion, subject, text, facts });
    for sink in rule.to.iter() {
        outbox.put(sink, &message);
    }
}

/// The message that was not made, as far as it is known: for who counts those that are dropped.
pub(crate) fn unmade(run: &RunRecord) -> Message {
    let occasion = match run.state {
        RunState::Succeeded => Occasion::Success,
        RunState::Refused => Occasion::Refused,
        _ => Occasion::Failure,
    };
    let facts = Facts::of(run, None, occasion);
    let (subject, text) = template::fill(None, None, &facts);
    Message { id: String::new(), occasion, subject, text, facts }
}

impl Listener {
    /// The same, with an ear that hears all of it first.
    fn with_ear(&self, ear: Ear) -> Self {
        let mut listener = self.clone();
        listener.ear = Some(ear);
        listener
    }
}
