//! What jobs do beside calling handlers: one [`Runner`] per kind of target.
//!
//! The scheduler's core knows none of them. A program says with [`SchedulerBuilder::targets`] which kinds its jobs may have;
//! a job of another kind is refused when the scheduler starts. Which kinds are compiled in is a matter of features.
//!
//! [`SchedulerBuilder::targets`]: crate::SchedulerBuilder::targets

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clusterkeep_core::Result;

pub use crate::model::target::*;
use crate::run::Run;

/// Runs the targets of one kind.
///
/// It is not dropped when an attempt is to end, but told by [`Run::ending`], and returns soon after: within the grace that
/// the target has. Where even that is too long it is dropped, and leaves nothing running behind.
#[async_trait]
pub trait Runner: Send + Sync + fmt::Debug {
    /// Runs [`Run::target`].
    ///
    /// # Errors
    ///
    /// Why the attempt has failed.
    async fn run(&self, run: Run) -> Result<()>;
}

/// The kinds of targets that jobs may have, beside named actions.
///
/// ```
/// use clusterkeep_scheduler::{TargetKind, Targets};
/// assert!(!Targets::none().has(TargetKind::Command));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Targets(BTreeMap<TargetKind, Arc<dyn Runner>>);

impl Targets {
    /// No kind: jobs run handlers and named actions alone.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a kind, or takes another runner for it.
    #[must_use]
    pub fn with(mut self, kind: TargetKind, runner: impl Runner + 'static) -> Self {
        self.0.insert(kind, Arc::new(runner));
        self
    }

    /// The same kinds but for this one.
    #[must_use]
    pub fn without(mut self, kind: TargetKind) -> Self {
        self.0.remove(&kind);
        self
    }

    /// Whether jobs may be of this kind.
    #[must_use]
    pub fn has(&self, kind: TargetKind) -> bool {
        self.0.contains_key(&kind)
    }

    /// What runs targets of this kind.
    #[must_use]
    pub fn runner(&self, kind: TargetKind) -> Option<Arc<dyn Runner>> {
        self.0.get(&kind).cloned()
    }

    /// The kinds that there are.
    pub fn kinds(&self) -> impl Iterator<Item = TargetKind> {
        self.0.keys().copied()
    }
}
