//! Doing what a sweep plans.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::cloud::suspend_held;
use super::Sweep;
use super::model::{Action, Leak, Sweeping};
use super::observe::{self, Standing};
use crate::error::{Error, Result};
use crate::plan::{self as kernel, Lock, Outcome, Plan, Ran, Recorder, Step};
use crate::registry::file::FileLock;
use crate::registry::{ClusterKey, Departure, Hold};

pub(super) struct Executor<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) as_of: DateTime<Utc>,
}

/// The lock of one sweep at a time.
struct Sole(FileLock);

#[async_trait]
impl Lock for Sole {
    async fn check(&self) -> Result<()> {
        // The system takes it away with this process and not before.
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<()> {
        self.0.discard()
    }
}

#[async_trait]
impl kernel::Executor<Sweeping> for Executor<'_> {
    async fn prepare(&self) -> Result<()> {
        Ok(())
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        let path = self.sweep.folder.join("registry/sweep.lock");
        let lock = FileLock::try_take(&path)?
            .ok_or_else(|| Error::Locked { what: format!("another sweep has `{}`", path.display()) })?;
        Ok(Box::new(Sole(lock)))
    }

    async fn replan(&self) -> Result<Plan<Sweeping>> {
        self.sweep.plan(self.as_of).await
    }

    async fn run(&self, step: &Step<Sweeping>, _: &Recorder<'_, Sweeping>) -> Result<Ran> {
        let Some(leak) = step.objects.first() else { return Ok(Ran::AlreadyDone) };
        match &step.action {
            Action::Forget { obligations, .. } => {
                self.sweep.registry.settle(&leak.key(), obligations)?;
                Ok(Ran::Done(serde_json::Value::Null))
            }
            Action::Suspend { id, .. } => {
                let Some(hold) = self.hold(leak, *id)? else { return Ok(Ran::AlreadyDone) };
                let left = suspend_held(&self.sweep.client, *id, hold, &self.sweep.wait()).await?;
                Ok(Ran::Done(serde_json::json!({ "left": left })))
            }
        }
    }

    async fn verify(&self, step: &Step<Sweeping>) -> Result<Vec<(Leak, Outcome)>> {
        let seen = observe::observe(&self.sweep.client, &self.sweep.registry).await?;
        let outcome = |leak: &Leak| {
            let record = seen.iter().find(|seen| seen.record.cluster == leak.key());
            // A record that stays is of a guard that has come in the meantime, or of a suspension that did not work.
            match record {
                Some(seen) if seen.record.open().is_some() && seen.standing == Standing::Running => {
                    Outcome::StillPresent
                }
                _ => Outcome::Done,
            }
        };
        Ok(step.objects.iter().map(|leak| (leak.clone(), outcome(leak))).collect())
    }
}

impl Executor<'_> {
    /// The hold by which the sweep is the last one out; a guard that has come in the meantime goes before it.
    ///
    /// None where nothing is owed any more.
    fn hold(&self, leak: &Leak, id: Uuid) -> Result<Option<Hold>> {
        let drifted = || Error::Drifted {
            what: format!("{leak} is held by a guard that lives"),
            hint: Some("sweep again when it has left".into()),
        };
        let registry = &self.sweep.registry;
        let key = ClusterKey { id: Some(id), ..leak.key() };
        let mut hold = registry.hold(&key)?.ok_or_else(drifted)?;
        if leak.id.is_none() {
            // From here on it is owed under the id, by which guards hold it: one of them sees to it otherwise.
            hold.adopt(&leak.key(), |_| true)?;
        }
        match hold.leave()? {
            Departure::Suspend { .. } => Ok(Some(hold)),
            Departure::Stays { others: 0 } => Ok(None),
            Departure::Stays { .. } => Err(drifted()),
        }
    }
}
