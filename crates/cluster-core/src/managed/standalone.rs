//! A database that nobody keeps: all that is known of it is its address.

use std::sync::Arc;

use async_trait::async_trait;

use super::backend::Backend;
use super::cluster::Cluster;
use super::info::{ClusterInfo, Keeper, KeeperHealth, RunState};
use crate::address::DatabaseUrl;
use crate::error::Result;
use crate::sql::{ConnectOptions, Db};

/// A database by its address, which can be asked and never started or stopped.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::StandaloneCluster;
/// let cluster = StandaloneCluster::at("crate://crate@localhost:4200".parse()?);
/// println!("{:?}", cluster.health().await?.database.status);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StandaloneCluster {
    url: DatabaseUrl,
    name: String,
}

impl StandaloneCluster {
    /// The cluster at `url`.
    #[must_use]
    pub fn at(url: DatabaseUrl) -> Cluster {
        let name = url.to_string();
        Cluster::new(Arc::new(Self { url, name }))
    }
}

#[async_trait]
impl Backend for StandaloneCluster {
    fn name(&self) -> &str {
        &self.name
    }

    async fn info(&self) -> Result<ClusterInfo> {
        Ok(ClusterInfo {
            name: self.name.clone(),
            address: self.name.clone(),
            keeper: Keeper::Standalone,
            state: RunState::Unknown,
            product: Some(self.url.engine().to_string()),
            version: None,
            place: None,
            url: Some(self.name.clone()),
            can_suspend: false,
        })
    }

    async fn health(&self) -> Result<Option<KeeperHealth>> {
        Ok(None)
    }

    async fn connect(&self, options: ConnectOptions) -> Result<Db> {
        Db::connect_with(&self.url, options).await
    }
}
