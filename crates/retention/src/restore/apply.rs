//! Doing what a restore plans: under the lock of retention, so that nothing is dropped or archived beside it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{self as kernel, Lock, Outcome, Plan, Ran, Recorder, Step};
use clusterkeep_core::{Error, Result};
use tokio::sync::Mutex;

use super::model::{CopyName, Restoring};
use super::plan::{Finding, Seen, plan};
use super::{Archives, Destination};

pub(super) struct Executor<'a> {
    archives: &'a Archives,
    name: String,
    to: Destination,
    as_of: DateTime<Utc>,
    /// What was seen under the lock.
    seen: Mutex<Option<Seen>>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(archives: &'a Archives, name: String, to: Destination, as_of: DateTime<Utc>) -> Self {
        Self { archives, name, to, as_of, seen: Mutex::default() }
    }
}

#[async_trait]
impl kernel::Executor<Restoring> for Executor<'_> {
    async fn prepare(&self) -> Result<()> {
        self.archives.0.state.ensure(self.archives.0.now()).await
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        Ok(Box::new(self.archives.0.state.lock("retention").await?))
    }

    async fn replan(&self) -> Result<Plan<Restoring>> {
        let seen = self.archives.look(&self.name, self.to).await?;
        let plan = plan(&seen, self.as_of);
        *self.seen.lock().await = Some(seen);
        Ok(plan)
    }

    async fn run(&self, _: &Step<Restoring>, _: &Recorder<'_, Restoring>) -> Result<Ran> {
        let seen = self.seen.lock().await;
        let seen = seen.as_ref().ok_or_else(|| Error::failed("restore what was not looked at"))?;
        if !matches!(seen.finding, Finding::Absent { .. }) {
            return Err(Error::failed("restore what is there or does not fit"));
        }
        let rows = self.archives.bring(seen).await?;
        Ok(Ran::Done(serde_json::json!({
            "repository": seen.archive.repository, "snapshot": seen.archive.snapshot,
            "partition": seen.archive.partition, "into": seen.into.to_string(), "rows": rows,
        })))
    }

    async fn verify(&self, step: &Step<Restoring>) -> Result<Vec<(CopyName, Outcome)>> {
        let seen = self.seen.lock().await;
        let seen = seen.as_ref().ok_or_else(|| Error::failed("look at what was not restored"))?;
        let outcome = if self.archives.is_there(seen).await? { Outcome::Done } else { Outcome::Failed };
        Ok(step.objects.iter().map(|object| (object.clone(), outcome)).collect())
    }
}
