//! A CrateDB Cloud of this machine, for examples that shall run without an account.

use std::time::Duration;

use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::managed::{ManagedCluster, ManagedClusterBuilder};
use clusterkeep_core::{Error, Result};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};

/// A Cloud of this machine, with a real CrateDB behind its clusters.
#[derive(Debug)]
pub struct Cloud {
    cloud: LocalCloud,
    database: LocalServer,
    folder: tempfile::TempDir,
}

impl Cloud {
    /// Starts one; none, and a word about it, where no CrateDB is installed.
    ///
    /// # Errors
    ///
    /// CrateDB is there and does not start.
    pub async fn start() -> Result<Option<Self>> {
        let server = LocalServer::cratedb().env("CRATE_HEAP_SIZE", "512m");
        if server.installed().is_none() {
            println!("no CrateDB on this machine (CRATEDB_HOME says where it is): nothing to show offline");
            return Ok(None);
        }
        let database = server.start().await?;
        let failed = |error| Error::caused("start a Cloud of this machine", error);
        // Operations take a moment, so that there is something to see.
        let cloud = LocalCloud::builder().operation_time(Duration::from_secs(1)).start_blocking().map_err(failed)?;
        let folder = tempfile::tempdir().map_err(failed)?;
        Ok(Some(Self { cloud, database, folder }))
    }

    /// Adds a cluster.
    ///
    /// # Errors
    ///
    /// There is one of that name.
    pub fn add(&self, name: &str, suspended: bool) -> Result<()> {
        let address = format!("http://127.0.0.1:{}", self.database.port());
        let fixture = Fixture::named(name).suspended(suspended).backed_by(&address);
        self.cloud.add_cluster(fixture).map(drop).map_err(|error| Error::caused("add a cluster", error))
    }

    /// A guard to be of the cluster `name`, as `ManagedCluster::from_env` makes it from the environment.
    pub fn builder(&self, name: &str) -> ManagedClusterBuilder {
        ManagedCluster::cloud(name)
            .credentials(self.key(), self.secret())
            .endpoint(self.endpoint())
            .state_folder(self.folder.path())
    }

    /// Where its API is.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.cloud.endpoint()
    }

    /// The key of its one user.
    #[must_use]
    pub fn key(&self) -> &str {
        self.cloud.key()
    }

    /// The secret of that key.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.cloud.secret()
    }
}
