//! The fluent way in: a client, a folder, and what ties planning and applying together.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::apply::Apply;
use super::domain::ClusterChange;
use super::inventory::Inventory;
use super::model::Change;
use super::observe::observe;
use crate::audit::Audit;
use crate::clock::{Clock, SystemClock};
use crate::cloud::{CloudClient, Wait};
use crate::error::Result;
use crate::event::Events;
use crate::plan::{self, ApplyOptions, Approval, Plan, PlanFolder, Report};

/// Changes of clusters, planned and applied.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::change::{Change, Changes};
/// use clusterkeep_core::cloud::CloudSettings;
///
/// let cloud = CloudSettings::from_env()?.client()?;
/// let cluster = cloud.find_cluster(&"staging".into()).await?.id;
/// let changes = Changes::new(cloud, clusterkeep_core::folder::state()?);
/// let plan = changes.plan(&Change::Scale { cluster, unit: 1 }, chrono::Utc::now()).await?;
/// println!("{plan}");
/// let report = changes.apply(&plan, plan.hash.into()).await?;
/// assert_eq!(report.exit_code().code(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Changes {
    pub(super) cloud: CloudClient,
    pub(super) folder: PlanFolder,
    pub(super) wait: Wait,
    pub(super) waits: bool,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    actor: String,
    events: Events,
    cancel: CancellationToken,
}

impl Changes {
    /// Changes through `cloud`, with locks and audit in `folder`.
    #[must_use]
    pub fn new(cloud: CloudClient, folder: impl Into<PathBuf>) -> Self {
        Self {
            cloud,
            folder: PlanFolder::at(folder),
            wait: Wait::default(),
            waits: true,
            audit: None,
            clock: Arc::new(SystemClock),
            actor: "library".to_owned(),
            events: Events::none(),
            cancel: CancellationToken::new(),
        }
    }

    /// How the end of a change, and of what is going on before it, is waited for.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Ends when a change is accepted, and does not wait until it is done: `done` means no more than that then.
    ///
    /// What is going on before it is not waited for either: the change is refused while that lasts.
    #[must_use]
    pub const fn without_waiting(mut self) -> Self {
        self.waits = false;
        self
    }

    /// Writes the audit elsewhere than into the folder.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// The clock that records are stamped by, that waiting goes by, and that a plan may not be ahead of.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.wait.clock = Arc::clone(&clock);
        self.clock = clock;
        self
    }

    /// Who is recorded to have done it.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Who wants to see what happens, the service's own words included.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.wait.events = events.clone();
        self.events = events;
        self
    }

    /// Ends an apply before its step begins.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// The audit of applies.
    #[must_use]
    pub fn audit_sink(&self) -> Audit {
        self.audit.clone().unwrap_or_else(|| self.folder.audit())
    }

    /// Looks at what is there and decides what `change` comes to, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// A change that makes no sense, a cluster or project that is not there, or a service that does not answer.
    pub async fn plan(&self, change: &Change, now: DateTime<Utc>) -> Result<Planned> {
        change.check()?;
        let inventory = observe(&self.cloud, change).await?;
        let plan = super::plan::plan(change, &inventory, now)?;
        Ok(Planned::new(change, plan, &inventory))
    }

    /// Applies what was approved: locks, plans again, refuses if it is another plan by now, does it, and looks again.
    ///
    /// # Errors
    ///
    /// See [`crate::plan::apply`]; from the step on, failures are outcomes in the report.
    pub async fn apply(&self, planned: &Planned, approval: Approval) -> Result<Report<ClusterChange>> {
        let audit = self.audit_sink();
        let executor = Apply::new(self, &planned.change, planned.plan.as_of);
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject: self.subject(&planned.change),
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            parallel: 1,
            cancel: self.cancel.clone(),
        };
        plan::apply(&executor, &planned.plan, &options).await
    }

    /// What audit records are about: the cluster by its id, or the name of one that is created.
    #[must_use]
    pub fn subject(&self, change: &Change) -> String {
        match change {
            Change::Create { organization, cluster } => format!("cluster:{organization}/{}", cluster.name),
            _ => format!("cluster:{}", change.cluster().unwrap_or_default()),
        }
    }
}

/// A plan, with what is needed to show and to apply it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan<ClusterChange>,
    /// What is wanted.
    pub change: Change,
    /// What that is, as a verb.
    pub verb: &'static str,
    /// The cluster's name.
    pub name: String,
    /// The cluster; none where it is created.
    pub cluster: Option<Uuid>,
    /// Its region, product and version, as far as known.
    pub place: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl Planned {
    fn new(change: &Change, plan: Plan<ClusterChange>, inventory: &Inventory) -> Self {
        let cluster = inventory.cluster.as_ref();
        let name = match change {
            Change::Create { cluster, .. } => cluster.name.clone(),
            _ => cluster.map_or_else(String::new, |cluster| cluster.name.clone()),
        };
        let mut place: Vec<String> = inventory.region.iter().cloned().collect();
        if let Some(cluster) = cluster {
            let tier = cluster.product_tier.as_deref().map_or_else(String::new, |tier| format!("/{tier}"));
            place.extend(cluster.product_name.as_ref().map(|product| format!("{product}{tier}")));
            place.extend(cluster.crate_version.clone());
        }
        let mut notes = Vec::new();
        if let Some(running) = inventory.running.as_ref().filter(|_| !plan.is_empty()) {
            notes.push(format!("{running} is in progress on it: apply waits until that has ended, and looks again"));
        }
        let verb = change.verb();
        Self { plan, change: change.clone(), verb, name, cluster: change.cluster(), place, notes }
    }
}

impl std::ops::Deref for Planned {
    type Target = Plan<ClusterChange>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}
