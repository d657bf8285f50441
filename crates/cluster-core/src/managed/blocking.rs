//! The same guard for programs without a runtime of their own.
//!
//! It wraps the asynchronous types and adds nothing to them: what they do is done on a small runtime in the background
//! while the calling thread waits. That works on any thread, also on one that a runtime runs on, which it blocks.

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};

use super::builder::ManagedClusterBuilder;
use super::info::{ClusterInfo, Health, Left};
use super::transfer::{Load, Loaded, Save, Saved};
use super::{Cluster, RunState};
use crate::error::{Error, Result};
use crate::sql::{Records, Statement};

/// The runtime in the background, once it was needed. It lives as long as the process.
static BACKGROUND: Mutex<Option<Runtime>> = Mutex::new(None);

/// Does `work` in the background, and waits for it.
fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    {
        let mut background = BACKGROUND.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = match background.take() {
            Some(runtime) => runtime,
            None => Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("clusterkeep-background")
                .enable_all()
                .build()
                .map_err(|error| Error::caused("start a runtime", error))?,
        };
        runtime.spawn(async move {
            // Whoever asked may have gone with its thread.
            drop(sender.send(work.await));
        });
        *background = Some(runtime);
    }
    receiver.recv().map_err(|error| Error::caused("wait for work in the background", error))?
}

/// A cluster that runs for as long as this value lives: [`super::ManagedCluster`] without `async`.
///
/// ```no_run
/// # fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::blocking::ManagedCluster;
/// let cluster = ManagedCluster::start(clusterkeep_core::managed::ManagedCluster::from_env())?;
/// println!("{}", cluster.query("SELECT name, hostname FROM sys.nodes")?);
/// cluster.stop()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard suspends the cluster"]
pub struct ManagedCluster {
    guard: super::ManagedCluster,
}

impl ManagedCluster {
    /// Brings the cluster up; see [`ManagedClusterBuilder::start`].
    ///
    /// # Errors
    ///
    /// Those of [`ManagedClusterBuilder::start`].
    pub fn start(builder: ManagedClusterBuilder) -> Result<Self> {
        wait(builder.start()).map(|guard| Self { guard })
    }

    /// Looks what is there, and changes nothing; see [`ManagedClusterBuilder::probe`].
    ///
    /// # Errors
    ///
    /// Those of [`ManagedClusterBuilder::probe`].
    pub fn probe(builder: ManagedClusterBuilder) -> Result<RunState> {
        wait(async move { builder.probe().await })
    }

    fn with<T, F>(&self, ask: impl FnOnce(Cluster) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        wait(ask(self.guard.cluster().clone()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.guard.name()
    }

    /// See [`Cluster::info`].
    ///
    /// # Errors
    ///
    /// Its keeper can't be asked.
    pub fn info(&self) -> Result<ClusterInfo> {
        self.with(|cluster| async move { cluster.info().await })
    }

    /// See [`Cluster::health`].
    ///
    /// # Errors
    ///
    /// Its keeper can't be asked.
    pub fn health(&self) -> Result<Health> {
        self.with(|cluster| async move { cluster.health().await })
    }

    /// See [`Cluster::ready`].
    #[must_use]
    pub fn ready(&self) -> bool {
        self.with(|cluster| async move { Ok(cluster.ready().await) }).unwrap_or(false)
    }

    /// See [`Cluster::query`].
    ///
    /// # Errors
    ///
    /// The database can't be connected to, or says no.
    pub fn query(&self, statement: impl Into<Statement>) -> Result<Records> {
        let statement = statement.into();
        self.with(|cluster| async move { cluster.query(statement).await })
    }

    /// See [`Cluster::execute`].
    ///
    /// # Errors
    ///
    /// The database can't be connected to, or says no.
    pub fn execute(&self, statement: impl Into<Statement>) -> Result<u64> {
        let statement = statement.into();
        self.with(|cluster| async move { cluster.execute(statement).await })
    }

    /// See [`Cluster::load`].
    ///
    /// # Errors
    ///
    /// Those of [`Cluster::load`].
    pub fn load(&self, load: Load) -> Result<Loaded> {
        self.with(|cluster| async move { cluster.load(&load).await })
    }

    /// See [`Cluster::save`].
    ///
    /// # Errors
    ///
    /// Those of [`Cluster::save`].
    pub fn save(&self, save: Save) -> Result<Saved> {
        self.with(|cluster| async move { cluster.save(&save).await })
    }

    /// See [`super::ManagedCluster::stop`].
    ///
    /// # Errors
    ///
    /// Those of [`super::ManagedCluster::stop`].
    pub fn stop(self) -> Result<Left> {
        wait(self.guard.stop())
    }

    /// See [`super::ManagedCluster::keep`].
    ///
    /// # Errors
    ///
    /// Those of [`super::ManagedCluster::keep`].
    pub fn keep(self) -> Result<String> {
        self.guard.keep()
    }
}
