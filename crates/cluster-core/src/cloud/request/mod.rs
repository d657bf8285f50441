//! What is asked for: filters, and what the API would refuse checked before anything is sent.

mod check;
mod cidr;
mod filter;
mod job;
mod new_cluster;
mod restore;
mod secret;

pub(super) use check::named as check_named;
pub use check::{check_backup_hours, check_cluster_name, check_password, check_project_name};
pub(super) use check::{check_product_name, check_product_tier, check_version};
pub use cidr::Cidr;
pub use filter::{ClusterFilter, MetricRange, OperationFilter, PriceQuery, ProductFilter, SnapshotRange};
pub(super) use filter::{check_order, stamp};
pub use job::{Compression, DataFormat, ExportRequest, ImportRequest, ImportSource, Target};
pub use new_cluster::NewCluster;
pub use restore::{Restore, RestoreWhat};
pub use secret::SecretData;
