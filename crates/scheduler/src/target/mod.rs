//! What jobs do beside calling handlers: one [`Runner`] per kind of target.
//!
//! The scheduler's core knows none of them. A program says with [`SchedulerBuilder::targets`] which kinds its jobs may have;
//! a job of another kind is refused when the scheduler starts. Which kinds are compiled in is a matter of features.
//!
//! [`SchedulerBuilder::targets`]: crate::SchedulerBuilder::targets

#[cfg(all(unix, feature = "command"))]
mod command;
#[cfg(all(unix, feature = "command"))]
mod container;
#[cfg(feature = "http")]
mod http;
#[cfg(all(unix, feature = "command"))]
mod node;
#[cfg(all(unix, feature = "command"))]
mod process;
#[cfg(all(unix, feature = "command"))]
mod programs;
#[cfg(all(unix, feature = "command"))]
mod python;
#[cfg(any(feature = "command", feature = "http", feature = "sql"))]
mod reference;
#[cfg(all(unix, feature = "command"))]
mod rust;
#[cfg(feature = "sql")]
mod sql;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clusterkeep_core::Result;

#[cfg(all(unix, feature = "command"))]
pub use self::command::CommandRunner;
#[cfg(all(unix, feature = "command"))]
pub use self::container::ContainerRunner;
#[cfg(feature = "http")]
pub use self::http::HttpRunner;
#[cfg(all(unix, feature = "command"))]
pub use self::node::NodeRunner;
#[cfg(all(unix, feature = "command"))]
pub(crate) use self::process::end_left;
#[cfg(all(unix, feature = "command"))]
pub use self::process::{Echo, Stream};
#[cfg(all(unix, feature = "command"))]
pub use self::python::PythonRunner;
#[cfg(any(feature = "command", feature = "http", feature = "sql"))]
pub use self::reference::fetch;
#[cfg(all(unix, feature = "command"))]
pub use self::rust::RustRunner;
#[cfg(feature = "sql")]
pub use self::sql::{Addresses, Clusters, SqlRunner};
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

    /// Ends what is left of an attempt at this target whose scheduler is gone, but for its processes on this machine, which
    /// are ended already. The `mark` is that of the attempt. It must not take long: other runs wait.
    async fn end_left(&self, _target: &Target, _mark: &str) {}
}

/// What was left of an attempt.
#[cfg(not(all(unix, feature = "command")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    pub(crate) found: usize,
    pub(crate) remaining: usize,
}

/// Nothing is left where there are no processes.
#[cfg(not(all(unix, feature = "command")))]
#[allow(clippy::unused_async, reason = "as where there are some")]
pub(crate) async fn end_left(marks: Vec<String>) -> Vec<Left> {
    vec![Left::default(); marks.len()]
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

    /// All kinds that are compiled in and need to be told nothing: processes of this machine, and requests. SQL needs to
    /// know how clusters are connected to.
    #[must_use]
    #[allow(unused_mut, reason = "without features there is none to add")]
    pub fn local() -> Self {
        let mut targets = Self::none();
        #[cfg(all(unix, feature = "command"))]
        {
            targets = targets
                .with(TargetKind::Command, CommandRunner::new())
                .with(TargetKind::Python, PythonRunner::new())
                .with(TargetKind::Node, NodeRunner::new())
                .with(TargetKind::Rust, RustRunner::new())
                .with(TargetKind::Container, ContainerRunner::new());
        }
        #[cfg(feature = "http")]
        {
            targets = targets.with(TargetKind::Http, HttpRunner::new());
        }
        targets
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
