//! The guard of a cluster.

use std::fmt;
use std::ops::Deref;

use super::backend::Undo;
use super::builder::ManagedClusterBuilder;
use super::cluster::Cluster;
use super::info::Left;
use crate::address::ClusterAddress;
use crate::error::Result;
use crate::sql::Engine;

/// A cluster that runs for as long as this value lives.
///
/// Leaving its scope undoes what the start did: a cluster that it resumed or created is suspended, one that was found
/// running is left running unless [`Suspend::Always`](super::Suspend::Always) was said. Where several guards on this
/// machine hold the same cluster, the last one out suspends it. Guards on other machines can't be known: a cluster that
/// several machines use is better kept running, or suspended by a schedule.
///
/// Everything that [`Cluster`] can do is done through the guard.
///
/// # Drop behaviour
///
/// [`stop`](Self::stop) is the real way out: it waits, and returns what went wrong. Dropping the guard does the same as
/// a safety net, in a runtime of any flavour, in the shutdown of one and without one. It never panics. It hands the
/// suspension to a thread of its own and waits until that is accepted, for at most the
/// [`drop_timeout`](ManagedClusterBuilder::drop_timeout), and logs the cluster and the command that suspends it where
/// that did not work. Where the process is killed, the registry remembers, and `clusterkeep cluster sweep` sees to it; a
/// server process of this machine ends with its owner even then.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::ManagedCluster;
/// let cluster = ManagedCluster::from_env().start().await?;
/// println!("{}", cluster.query("SELECT name, hostname FROM sys.nodes").await?);
/// cluster.stop().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the guard suspends the cluster"]
pub struct ManagedCluster {
    cluster: Cluster,
    /// Gone only after `stop` or `keep` took it.
    undo: Box<dyn Undo>,
    notes: Vec<String>,
}

impl ManagedCluster {
    /// The cluster that the environment or the `.env` file of the working directory names.
    ///
    /// What is wrong with them is told by `start`, all at once.
    pub fn from_env() -> ManagedClusterBuilder {
        ManagedClusterBuilder::from_env()
    }

    /// A cluster of CrateDB Cloud, by its id or name.
    pub fn cloud(cluster: &str) -> ManagedClusterBuilder {
        ManagedClusterBuilder::cloud(cluster)
    }

    /// A server of this machine for scratch data, which goes with the guard unless it gets a
    /// [`name`](ManagedClusterBuilder::name).
    pub fn local(engine: Engine) -> ManagedClusterBuilder {
        ManagedClusterBuilder::local(engine)
    }

    /// A cluster by any address that Clusterkeep can start: a Cloud id or name, or `local:NAME`.
    pub fn at(address: ClusterAddress) -> ManagedClusterBuilder {
        ManagedClusterBuilder::at(address)
    }

    pub(super) fn new(cluster: Cluster, undo: Box<dyn Undo>, notes: Vec<String>) -> Self {
        Self { cluster, undo, notes }
    }

    /// The cluster without the guard: it can be cloned, and keeps nothing running.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What whoever started it should know, such as that its product can't be suspended.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Undoes what the start did, and waits until that is done.
    ///
    /// # Errors
    ///
    /// The suspension was refused or failed, or its deadline passed. The registry keeps a record then, and
    /// `clusterkeep cluster sweep` tries again.
    pub async fn stop(self) -> Result<Left> {
        if let Some(db) = self.cluster.opened() {
            db.close().await;
        }
        self.undo.stop().await
    }

    /// Leaves the cluster as it is: nothing is undone. Returns what ends it later.
    ///
    /// # Errors
    ///
    /// The cluster is gone already, or the registry can't be written to: then it is suspended after all.
    pub fn keep(self) -> Result<String> {
        self.undo.keep()
    }
}

impl Deref for ManagedCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl fmt::Debug for ManagedCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedCluster").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
