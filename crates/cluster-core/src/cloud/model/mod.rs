//! What the API says, as types.
//!
//! A field that the vendor's document lets be absent is an `Option`, and so is one that is there and empty. A word that
//! is new to this library is kept as `Other`. What is not known at all is kept in `other`, and written again as it came.
//! Serialising gives the API's own keys.

mod cluster;
mod file;
mod job;
pub(super) mod lenient;
mod meta;
mod operation;
mod organization;
mod product;
mod snapshot;
mod subscription;
mod user;
mod words;

pub use cluster::{AllowedCidr, Cluster, HardwareSpecs, Health, LastOperation};
pub use file::{CloudFile, CloudSecret, SignedUrl};
pub use job::{
    ExportDestination, ExportJob, ExportSource, FileProgress, ImportDestination, ImportJob, ImportProgress, Progress,
};
pub use meta::{Channels, CrateVersion, DublinCore, IpAddress, Jwks, LatestVersions, Meta, Release};
pub use operation::Operation;
pub use organization::{BackupLocation, Organization, Project, Region};
pub use product::{Price, Product, ProductPrice, Scaling, Specs};
pub use snapshot::Snapshot;
pub use subscription::Subscription;
pub use user::{ApiKey, CurrentUser, NewApiKey, OrganizationRole, ProjectRole};
pub use words::{Channel, FileStatus, HealthStatus, JobStatus, OperationKind, OperationStatus, RegionStatus};

/// Defines the type of an object: what it needs, what it may have, times and lists that it may have.
macro_rules! model {
    ($(#[$meta:meta])* $name:ident {
        $(needs { $($(#[$need_meta:meta])* $need:ident: $need_type:ty),* $(,)? })?
        $(may { $($(#[$may_meta:meta])* $may:ident: $may_type:ty),* $(,)? })?
        $(times { $($(#[$time_meta:meta])* $time:ident),* $(,)? })?
        $(lists { $($(#[$list_meta:meta])* $list:ident: $list_type:ty),* $(,)? })?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[non_exhaustive]
        pub struct $name {
            $($($(#[$need_meta])* pub $need: $need_type,)*)?
            $($(
                $(#[$may_meta])*
                #[serde(
                    default,
                    deserialize_with = "crate::cloud::model::lenient::option",
                    skip_serializing_if = "Option::is_none"
                )]
                pub $may: Option<$may_type>,
            )*)?
            $($(
                $(#[$time_meta])*
                #[serde(
                    default,
                    deserialize_with = "crate::cloud::model::lenient::time",
                    skip_serializing_if = "Option::is_none"
                )]
                pub $time: Option<chrono::DateTime<chrono::Utc>>,
            )*)?
            $($(
                $(#[$list_meta])*
                #[serde(default, deserialize_with = "crate::cloud::model::lenient::list")]
                pub $list: Vec<$list_type>,
            )*)?
            /// What else the server says of it.
            #[serde(flatten)]
            pub other: serde_json::Map<String, serde_json::Value>,
        }
    };
}
use model;

#[cfg(test)]
mod tests;
