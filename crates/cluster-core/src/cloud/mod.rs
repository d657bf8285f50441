//! A typed client of the CrateDB Cloud HTTP API.
//!
//! Reading is tolerant: unknown fields, unknown words and timestamps without an offset are taken as they come. Writing
//! is strict: what the API would refuse is refused here, before anything is sent. Every call has a deadline, and every
//! error keeps what the server said. Nothing here decides anything: what to start, stop or delete is said by callers.
//!
//! ```no_run
//! # async fn example() -> clusterkeep_core::Result<()> {
//! use clusterkeep_core::cloud::{CloudSettings, ClusterFilter, Wait};
//! let cloud = CloudSettings::from_env()?.client()?;
//! for cluster in cloud.clusters(&ClusterFilter::default()).await? {
//!     println!("{} {}", cluster.id, cluster.name);
//! }
//! let staging = cloud.find_cluster(&"staging".into()).await?;
//! cloud.resume(staging.id, &Wait::default()).await?;
//! # Ok(()) }
//! ```

mod answer;
mod api;
mod client;
mod credentials;
mod error;
mod find;
mod loopback;
pub mod model;
mod request;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
mod transport;
mod wait;

pub use api::ClusterToken;
pub use client::{CloudClient, CloudClientBuilder, DEFAULT_ENDPOINT};
pub use credentials::Credentials;
pub use error::{CloudError, CloudErrorKind};
pub use find::CloudRef;
pub use model::*;
pub use request::{
    Cidr, ClusterFilter, Compression, DataFormat, ExportRequest, ImportRequest, ImportSource, MetricRange, NewCluster,
    OperationFilter, PriceQuery, ProductFilter, Restore, RestoreWhat, SecretData, SnapshotRange, Target,
    check_backup_hours, check_cluster_name, check_password, check_project_name,
};
pub use settings::{CloudSettings, CloudSources, DeployDefaults, SettingsOrigin};
pub use wait::{Changing, Wait};
