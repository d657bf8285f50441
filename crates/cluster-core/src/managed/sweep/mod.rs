//! The sweep: suspending what earlier processes on this machine left running.
//!
//! A process that was killed can't suspend what it started; the registry remembers it. The sweep plans and applies what
//! no living process owns. It suspends and forgets, and never deletes a cluster.

mod apply;
mod model;
mod observe;
mod plan;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

pub use model::{Action, Decision, Detail, Leak, Reason, Sweeping};
pub use text::{HEADINGS, text};

use self::apply::Executor;
use crate::audit::{Audit, JsonlAudit};
use crate::clock::{Clock, SystemClock};
use crate::cloud::{CloudClient, Wait};
use crate::error::Result;
use crate::event::Events;
use crate::plan::{self as kernel, ApplyOptions, Approval, Plan, Report};
use crate::registry::Registry;

/// A sweep of one registry by one caller of CrateDB Cloud.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::sweep::Sweep;
/// let client = clusterkeep_core::cloud::CloudSettings::from_env()?.client()?;
/// let sweep = Sweep::open(client, &clusterkeep_core::folder::state()?)?;
/// let plan = sweep.plan(chrono::Utc::now()).await?;
/// println!("{plan}");
/// let report = sweep.apply(&plan, plan.hash.into()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sweep {
    client: CloudClient,
    registry: Registry,
    folder: PathBuf,
    actor: String,
    clock: Arc<dyn Clock>,
    events: Events,
    cancel: CancellationToken,
}

impl Sweep {
    /// A sweep of the registry below the state folder `folder`.
    ///
    /// # Errors
    ///
    /// The folder can't be written to.
    pub fn open(client: CloudClient, folder: &Path) -> Result<Self> {
        Ok(Self {
            registry: Registry::open(&folder.join("registry"))?.on_behalf_of(client.identity()),
            client,
            folder: folder.to_owned(),
            actor: "a program".into(),
            clock: Arc::new(SystemClock),
            events: Events::none(),
            cancel: CancellationToken::new(),
        })
    }

    /// Names who does it, for the audit: user and host.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Tells `events` what happens.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Waits by `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Ends an apply after the step that is under way.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Looks what the registry knows, how that stands, and says what would be done. It changes nothing.
    ///
    /// # Errors
    ///
    /// A record can't be read, or the Cloud can't be asked: nothing is planned then.
    pub async fn plan(&self, now: DateTime<Utc>) -> Result<Plan<Sweeping>> {
        Ok(plan::plan(&observe::observe(&self.client, &self.registry).await?, now))
    }

    /// Suspends and forgets what the plan says.
    ///
    /// # Errors
    ///
    /// See [`crate::plan::apply`]; from the first step on, failures are outcomes in the report.
    pub async fn apply(&self, plan: &Plan<Sweeping>, approval: Approval) -> Result<Report<Sweeping>> {
        let audit: Audit = Arc::new(JsonlAudit::at(self.folder.join("audit/clusters.jsonl")));
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject: "cluster:sweep".into(),
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            parallel: 4,
            cancel: self.cancel.clone(),
        };
        kernel::apply(&Executor { sweep: self, as_of: plan.as_of }, plan, &options).await
    }

    fn wait(&self) -> Wait {
        Wait::default().clock(Arc::clone(&self.clock)).events(self.events.clone())
    }
}
