//! Timetables against a store, by plan and apply.
//!
//! [`Timetables::plan`] looks at what a store has of the namespaces that timetables name, and decides of each job whether
//! it is created, changed or removed, and field by field what is other. [`Timetables::apply`] looks again under a lock,
//! refuses where it is another plan by now, writes the jobs of a namespace at once where the store can, and looks once
//! more. Both sides of it are in the audit, and each version of a job says who made it.
//!
//! A job that no timetable has stays, and is said to be kept, unless its timetable or the caller says that it goes; its
//! runs stay in any case. What a changed or removed job had not run until then is recorded as missed.
//!
//! Nothing here runs a job.

mod apply;
mod domain;
mod plan;
mod reason;
mod text;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::Audit;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::event::Events;
use clusterkeep_core::plan::{self as kernel, ApplyOptions, Approval, Plan, PlanFolder, Report};
use clusterkeep_core::{Error, Result};
use tokio_util::sync::CancellationToken;

use self::apply::Apply;
pub use self::domain::{Action, Decision, Deploying, Detail, Object};
pub use self::plan::{Inventory, plan};
pub use self::reason::Reason;
use crate::model::Timetable;
use crate::store::Store;

/// Timetables, planned against a store and applied to it.
///
/// ```
/// use clusterkeep_scheduler::deploy::Timetables;
/// use clusterkeep_scheduler::{Job, MemoryStore, Timetable};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let nightly = Job::named("nightly").run("thin-out").cron("30 3 * * *").build()?;
/// let timetables = Timetables::new(MemoryStore::new(), "memory", folder).actor("ops@db1");
/// let plan = timetables.plan(&[Timetable::of("weather", vec![nightly])], chrono::Utc::now()).await?;
/// assert_eq!(plan.verdicts[0].object.to_string(), "weather/nightly");
/// let report = timetables.apply(&plan, plan.hash.into()).await?;
/// assert_eq!(report.exit_code().code(), 0);
/// # Ok::<(), clusterkeep_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Timetables {
    store: Arc<dyn Store>,
    /// How the store is called, without a password.
    place: String,
    folder: PlanFolder,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    actor: String,
    delete: bool,
    events: Events,
    cancel: CancellationToken,
}

impl Timetables {
    /// Timetables of `store`, which people know as `place`; locks and audit are in `folder`.
    ///
    /// The lock is of this machine. Where another one applies at the same time, versions of jobs tell who was first: the
    /// other one is refused.
    #[must_use]
    pub fn new(store: impl Into<Arc<dyn Store>>, place: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            store: store.into(),
            place: place.into(),
            folder: PlanFolder::at(folder),
            audit: None,
            clock: Arc::new(SystemClock),
            actor: "library".to_owned(),
            delete: false,
            events: Events::none(),
            cancel: CancellationToken::new(),
        }
    }

    /// Writes the audit elsewhere than into the folder.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// The clock that records are stamped by, and that a plan may not be ahead of.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Who is recorded to have done it.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Removes the jobs of their namespaces that the timetables do not have, as `prune: true` in a timetable does.
    #[must_use]
    pub const fn delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Who wants to see what happens.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Ends an apply after the namespace that is being written.
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

    /// Looks at what the store has and decides what `timetables` come to, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// Two timetables of one namespace, a job that is there twice or that can't be scheduled, or a store that can't be
    /// read.
    pub async fn plan(&self, timetables: &[Timetable], now: DateTime<Utc>) -> Result<Planned> {
        let mut wanted = timetables.to_vec();
        wanted.iter_mut().for_each(|timetable| timetable.prune |= self.delete);
        wanted.sort_by(|a, b| a.namespace().cmp(b.namespace()));
        if let Some(pair) = wanted.windows(2).find(|pair| pair[0].namespace() == pair[1].namespace()) {
            return Err(Error::input(format!("there are two timetables of namespace `{}`", pair[0].namespace())));
        }
        let plan = plan(&wanted, &Inventory::read(&*self.store, &wanted).await?, now)?;
        Ok(Planned { plan, wanted, place: self.place.clone() })
    }

    /// Applies what was approved: locks, plans again, refuses if it is another plan by now, writes it, and looks again.
    ///
    /// # Errors
    ///
    /// See [`clusterkeep_core::plan::apply`]; from the first step on, failures are outcomes in the report.
    pub async fn apply(&self, planned: &Planned, approval: Approval) -> Result<Report<Deploying>> {
        let audit = self.audit_sink();
        let executor = Apply::new(self, &planned.wanted, planned.plan.as_of);
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject: self.subject(),
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            parallel: 1,
            cancel: self.cancel.clone(),
        };
        kernel::apply(&executor, &planned.plan, &options).await
    }

    /// What audit records are about.
    #[must_use]
    pub fn subject(&self) -> String {
        subject(&self.place)
    }
}

/// What audit records of changes of a store are about, which people know as `place`.
pub(crate) fn subject(place: &str) -> String {
    format!("timetables in {place}")
}

/// A plan, with what is needed to show and to apply it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan<Deploying>,
    wanted: Vec<Timetable>,
    place: String,
}

impl std::ops::Deref for Planned {
    type Target = Plan<Deploying>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}
