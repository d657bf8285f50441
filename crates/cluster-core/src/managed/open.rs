//! Finding a cluster by its address, whoever keeps it. It starts nothing.

use std::path::PathBuf;

use super::builder::ManagedClusterBuilder;
use super::cluster::Cluster;
use super::holding::Holding;
use super::standalone::StandaloneCluster;
use crate::address::ClusterAddress;
#[cfg(feature = "cloud")]
use crate::cloud::CloudSettings;
use crate::error::{Error, Result};
use crate::event::Events;

/// Opens clusters by address.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::Opener;
/// let staging = Opener::new().open(&"staging".parse()?).await?;
/// println!("{}", staging.info().await?.state);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until `open`"]
pub struct Opener {
    folder: Option<PathBuf>,
    events: Events,
    #[cfg(feature = "cloud")]
    access: super::cloud::Access,
}

impl Default for Opener {
    fn default() -> Self {
        Self::new()
    }
}

impl Opener {
    /// An opener that asks the environment for the way to CrateDB Cloud.
    pub fn new() -> Self {
        Self {
            folder: None,
            events: Events::none(),
            #[cfg(feature = "cloud")]
            access: super::cloud::Access::default(),
        }
    }

    /// Uses these settings of CrateDB Cloud instead of the environment's.
    #[cfg(feature = "cloud")]
    pub fn cloud_settings(mut self, settings: CloudSettings) -> Self {
        self.access.settings = Some(settings);
        self
    }

    /// Uses `folder` instead of this user's state folder.
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Tells `events` how far jobs are.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// The cluster at `address`, whatever it is doing.
    ///
    /// # Errors
    ///
    /// There is no such cluster, several have its name, or its keeper can't be asked.
    pub async fn open(&self, address: &ClusterAddress) -> Result<Cluster> {
        match address {
            ClusterAddress::Url(url) => Ok(StandaloneCluster::at(url.clone())),
            #[cfg(feature = "cloud")]
            ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_) => {
                super::cloud::open(self.access.client()?, address, &self.holding(address)?).await
            }
            #[cfg(feature = "local")]
            ClusterAddress::Local(name) => super::process::open(name, &self.holding(address)?),
            #[allow(unreachable_patterns, reason = "where every keeper is compiled in, none is left")]
            other => Err(Error::input(format!("support for {other} is not compiled in"))),
        }
    }

    fn holding(&self, address: &ClusterAddress) -> Result<Holding> {
        let builder = ManagedClusterBuilder::at(address.clone()).events(self.events.clone());
        self.folder.iter().fold(builder, |builder, folder| builder.state_folder(folder)).holding()
    }
}
