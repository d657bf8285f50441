//! What an apply writes into the audit: intents before steps, outcomes after them or within their transactions.

use tokio::sync::Mutex;

use super::super::{Domain, Outcome, Step, StepId};
use super::ApplyOptions;
use crate::audit::{self, Entry};
use crate::error::Result;
use crate::event::Event;
use crate::sql::Session;

/// Records outcomes within a step's own transaction.
#[derive(Debug)]
pub struct Recorder<'a, D: Domain> {
    run: &'a Run<'a>,
    /// The step, or the steps that are done as one.
    steps: &'a [&'a Step<D>],
    recorded: Mutex<bool>,
}

impl<'a, D: Domain> Recorder<'a, D> {
    pub(super) fn new(run: &'a Run<'a>, steps: &'a [&'a Step<D>]) -> Self {
        Self { run, steps, recorded: Mutex::new(false) }
    }

    /// Whether the outcomes are in the audit, if the transaction was committed.
    pub(super) async fn has_recorded(&self) -> bool {
        *self.recorded.lock().await
    }

    /// Records that the step's objects are done, in the transaction that `session` has open.
    ///
    /// # Errors
    ///
    /// The record can't be written; the transaction must not be committed then.
    pub async fn done_within(&self, session: &mut dyn Session, data: serde_json::Value) -> Result<()> {
        self.all_done_within(session, vec![data]).await
    }

    /// The same for steps that are done as one, with the data of each, in their order.
    ///
    /// # Errors
    ///
    /// The records can't be written; the transaction must not be committed then.
    pub async fn all_done_within(&self, session: &mut dyn Session, data: Vec<serde_json::Value>) -> Result<()> {
        let done = |(step, data): (&&Step<D>, _)| self.run.outcome_entry(step, Outcome::Done, None, data);
        let entries: Vec<Entry> = self.steps.iter().zip(data).map(done).collect();
        *self.recorded.lock().await = self.run.options.audit.append_within(session, &entries).await?;
        Ok(())
    }

    /// Tells how far a long step has come.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        let Some(step) = self.steps.first() else { return };
        let what = step.action.to_string();
        self.run.options.events.emit(Event::Progress { what, done, total });
    }
}

/// What all records of one apply share.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) options: &'a ApplyOptions<'a>,
    pub(super) plan: String,
    pub(super) as_of: chrono::DateTime<chrono::Utc>,
}

impl Run<'_> {
    pub(super) fn entry(&self, event: audit::Event, step: Option<StepId>, data: serde_json::Value) -> Entry {
        Entry {
            at: self.options.clock.now(),
            actor: self.options.actor.clone(),
            event,
            subject: self.options.subject.clone(),
            plan: self.plan.clone(),
            as_of: self.as_of,
            step: step.map(|StepId(number)| number),
            data,
        }
    }

    pub(super) fn outcome_entry<D: Domain>(
        &self,
        step: &Step<D>,
        outcome: Outcome,
        message: Option<&str>,
        data: serde_json::Value,
    ) -> Entry {
        let data = serde_json::json!({
            "action": step.action, "outcome": outcome, "objects": step.objects, "message": message, "data": data,
        });
        self.entry(audit::Event::Outcome, Some(step.id), data)
    }
}
