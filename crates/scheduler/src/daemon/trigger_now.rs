//! One run of one job by hand, without a scheduler of one's own that goes on: with all attempts that its job allows.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::builder::SchedulerBuilder;
use super::core::Core;
use super::dispatch::{Doer, begin_or};
use super::engine::LOOK;
use super::event::Event;
use super::execute::end_of;
use super::retry;
use super::roster::{Entry, Roster, Scope};
use crate::control::{self, Change};
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Gate, NewRun, Otherwise, RunQuery};

/// How long an attempt waits for the end of another run of its job before it looks again.
const TURN: TimeDelta = TimeDelta::seconds(1);

/// What became of a job that was triggered by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Triggered {
    /// It ran here, to its end.
    Ran(Box<RunRecord>),
    /// A scheduler is running on the store: it will run it.
    Queued(RunKey),
}

impl SchedulerBuilder {
    /// Runs a job at once, beside its schedule: here, or by the scheduler that is running on the store. Where it fails and
    /// its job says so it is attempted again, after the same wait as elsewhere. A wait that
    /// [`ending`](Self::ending) cuts short leaves the run cancelled.
    ///
    /// # Errors
    ///
    /// All that is wrong with handlers and jobs, in one message; a job that is unknown; a store that can't be used.
    /// What the run itself fails with is in its record.
    pub async fn trigger(mut self, job: &str) -> Result<Triggered> {
        let jobs = self.checked()?;
        // Handlers hear of it, too.
        let stop = self.ending.child_token();
        let mut core = Core { waits: false, stop, ..self.core() };
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
            let record = control::known(&*core.store, &core.namespace, job).await?;
            let queue = async {
                let key = control::queue(&*core.store, &core.namespace, job, None, None, now).await?.key;
                Ok((key, came(now)))
            };
            return core.recorded(Change::of_job("trigger", &record), queue).await.map(Triggered::Queued);
        }
        core.beat().await?;
        let teller = self.telling.start(&mut core, &jobs, false)?;
        let ran = async {
            let mut roster = Roster::load(&core, &self.handlers, jobs, Scope::Some).await?;
            let entry = roster.get(0).ok_or_else(|| Error::input(format!("job `{job}` is unknown")))?;
            let run = core.begin_by_hand(entry, now).await?;
            self.to_its_end(&core, entry, run).await
        }
        .await;
        teller.close().await;
        core.store.leave(core.worker).await?;
        ran
    }

    /// Attempts a run until it has ended for good.
    async fn to_its_end(&self, core: &Core, entry: &Entry, mut run: RunRecord) -> Result<Triggered> {
        loop {
            core.listener.hear(&Event::Started(&run));
            let cancelled;
            (run, cancelled) = core.keep_lease(core.attend(entry, run, self.ending.child_token())).await;
            match cancelled.filter(|_| run.state == RunState::Failed) {
                Some(why) => (run.state, run.error) = (RunState::Cancelled, Some(why)),
                None if self.ending.is_cancelled() => {}
                None => retry::after(&mut run, entry.body().retry, core.now()),
            }
            core.store.finish(&[end_of(&run)]).await?;
            core.listener.hear(&Event::Finished(&run));
            if run.state != RunState::Pending {
                return Ok(Triggered::Ran(Box::new(run)));
            }
            run = match self.next_attempt(core, entry, run).await? {
                Next::Begun(run) => *run,
                Next::Over(triggered) => return Ok(triggered),
            };
        }
    }

    /// Waits until a run may be attempted again, and begins it.
    async fn next_attempt(&self, core: &Core, entry: &Entry, mut run: RunRecord) -> Result<Next> {
        loop {
            let until = run.not_before.unwrap_or_else(|| core.now());
            tokio::select! {
                biased;
                () = self.ending.cancelled() => return self.give_up(core, run).await,
                () = core.keep_lease(core.clock.sleep_until(until)) => {}
            }
            let claim = vec![(run.clone(), entry.body().overlap.at_once())];
            if let Some(run) = core.begin(claim).await?.into_iter().flatten().next() {
                return Ok(Next::Begun(Box::new(run)));
            }
            // Others go on with it, have cancelled it, or run the job now.
            run = core.as_it_is(&run).await?;
            match run.state {
                RunState::Pending => run.not_before = Some(core.now() + TURN),
                RunState::Running => return Ok(Next::Over(Triggered::Queued(run.key))),
                _ => return Ok(Next::Over(Triggered::Ran(Box::new(run)))),
            }
        }
    }

    /// Ends the wait of a run for its next attempt.
    async fn give_up(&self, core: &Core, run: RunRecord) -> Result<Next> {
        let why = "who waited for its next attempt was stopped";
        core.store.cancel(&run.key, why, core.now()).await?;
        let run = core.as_it_is(&run).await?;
        core.listener.hear(&Event::Finished(&run));
        Ok(Next::Over(Triggered::Ran(Box::new(run))))
    }
}

/// What becomes of a run behind an attempt that has failed.
enum Next {
    /// Another attempt has begun.
    Begun(Box<RunRecord>),
    /// None follows here.
    Over(Triggered),
}

impl Core {
    /// Begins a run of a job beside its schedule.
    async fn begin_by_hand(&self, entry: &Entry, now: DateTime<Utc>) -> Result<RunRecord> {
        let record = entry.kept.record();
        let run = RunRecord::new(record.key(RunKind::Manual, now), RunState::Pending);
        let mut doer = Doer { worker: self.worker, room: 1 };
        let new = NewRun { gate: Gate::OPEN, ..begin_or(entry, run, &mut doer, now, Otherwise::Wait) };
        let begin = async {
            let run = self.make(vec![new], &[]).await?.into_iter().flatten().next();
            let run = run.ok_or_else(|| {
                let job = entry.name();
                Error::failed(format!("trigger job `{job}`: it was triggered at the same instant already"))
            })?;
            Ok((run, came(now)))
        };
        self.recorded(Change::of_job("trigger", &record), begin).await
    }

    /// Makes an attempt, and ends it where somebody wants its run to end: then it says why, too.
    async fn attend(&self, entry: &Entry, run: RunRecord, ending: CancellationToken) -> (RunRecord, Option<String>) {
        let mut attempt = std::pin::pin!(self.attempt(entry, run.clone(), ending.clone()));
        let mut cancelled = None;
        loop {
            tokio::select! {
                biased;
                run = &mut attempt => return (run, cancelled),
                () = tokio::time::sleep(LOOK), if cancelled.is_none() => {}
            }
            // A store that is away is asked again.
            let wishes = self.store.to_cancel(self.worker).await.unwrap_or_default();
            cancelled = wishes.into_iter().find(|(key, ..)| *key == run.key).map(|(.., why)| why);
            if cancelled.is_some() && !entry.handler().ends_itself {
                let cut_off = RunRecord { state: RunState::Failed, finished: Some(self.now()), ..run };
                return (cut_off, cancelled);
            }
            if cancelled.is_some() {
                ending.cancel();
            }
        }
    }

    /// Makes a change that is in the audit, where there is one.
    async fn recorded<T>(&self, change: Change, work: impl Future<Output = Result<(T, Value)>>) -> Result<T> {
        match &self.changes {
            Some(changes) => changes.record(change, &*self.clock, work).await,
            None => work.await.map(|(done, _)| done),
        }
    }

    /// A run as the store has it now.
    async fn as_it_is(&self, run: &RunRecord) -> Result<RunRecord> {
        let key = &run.key;
        let query =
            RunQuery::of(&key.namespace, &key.job).between(key.nominal, key.nominal + TimeDelta::microseconds(1));
        let found = self.store.runs(&query).await?.into_iter().find(|found| found.key == *key);
        found.ok_or_else(|| Error::failed(format!("look at a run of job `{}`: it is not there any more", key.job)))
    }
}

/// What the audit says of a run that was made.
fn came(nominal: DateTime<Utc>) -> Value {
    json!({ "run": nominal, "made": true })
}
