//! Clusters that are brought up for the length of a scope, and what can be asked of any cluster.
//!
//! [`ManagedCluster`] is the guard: it brings a cluster up, and undoes what it did when it leaves its scope. Behind it
//! stands whoever keeps the cluster: CrateDB Cloud, or this machine, where servers run as processes. [`Cluster`] is the
//! same cluster without the guard; [`StandaloneCluster`] makes one from a mere address.
//!
//! ```no_run
//! # async fn example() -> clusterkeep_core::Result<()> {
//! use clusterkeep_core::managed::ManagedCluster;
//! use clusterkeep_core::sql::Engine;
//! let scratch = ManagedCluster::local(Engine::Postgres).start().await?;
//! println!("{}", scratch.query("SELECT version()").await?);
//! scratch.stop().await?;
//! # Ok(())
//! # }
//! ```

mod backend;
pub mod blocking;
mod builder;
#[cfg(feature = "cloud")]
mod cloud;
mod cluster;
mod deploy;
mod guard;
mod health;
mod holding;
mod info;
#[cfg(feature = "local")]
pub mod local;
mod open;
#[cfg(feature = "local")]
mod process;
mod standalone;
#[cfg(feature = "cloud")]
pub mod sweep;
mod transfer;
#[cfg(feature = "cloud")]
mod worker;

pub use builder::ManagedClusterBuilder;
#[cfg(feature = "cloud")]
pub use cloud::Chosen;
pub use cluster::Cluster;
pub use deploy::Deploy;
pub use guard::ManagedCluster;
pub use holding::Suspend;
pub use info::{
    ClusterInfo, DatabaseHealth, Health, Keeper, KeeperHealth, LastOperation, Left, RunState, Status, TableHealth,
};
pub use open::Opener;
pub use standalone::StandaloneCluster;
pub use transfer::{Load, Loaded, Save, Saved};
