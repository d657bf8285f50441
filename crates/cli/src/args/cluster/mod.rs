//! The command line of `cluster`.

mod change;
mod common;
mod data;
mod look;
mod power;
mod shell;

use clap::Subcommand;

pub use change::{
    AllowArgs, CreateArgs, DeleteArgs, LocalEngine, ProtectArgs, Protection, RestoreArgs, ScaleArgs, SecretPlace,
    StorageArgs, SweepArgs, UpgradeArgs,
};
pub use common::{ApprovalArgs, Size, WaitArgs};
pub use data::{Compression, CopyArgs, DataFormat, ExportArgs, ImportArgs, JobsArgs};
pub use look::{HealthArgs, InfoArgs, ListClustersArgs, OperationsArgs, PingArgs, SnapshotsArgs};
pub use power::{StartArgs, StopArgs};
pub use shell::ShellArgs;

/// What can be done with clusters.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// List the clusters of CrateDB Cloud that the credentials see, and those of this machine
    List(ListClustersArgs),
    /// Show what is known of a cluster
    Info(InfoArgs),
    /// Show how a cluster is, from the side of the Cloud and from that of the database
    Health(HealthArgs),
    /// Check that a cluster is there and its database answers; starts nothing
    Ping(PingArgs),
    /// Bring a cluster up, and leave it running
    Start(StartArgs),
    /// Suspend a cluster; its data and its backups stay
    Stop(StopArgs),
    /// Create a cluster in CrateDB Cloud, or on this machine
    Create(Box<CreateArgs>),
    /// Delete a cluster with its data and its backups
    Delete(DeleteArgs),
    /// Change the number of nodes of a cluster, or its product
    Scale(ScaleArgs),
    /// Change the version of CrateDB that a cluster runs
    Upgrade(UpgradeArgs),
    /// Give the nodes of a cluster larger disks
    Storage(StorageArgs),
    /// Replace the list of networks that may reach a cluster
    Allow(AllowArgs),
    /// Turn the protection against deletion on or off
    Protect(ProtectArgs),
    /// List the snapshots of a cluster, the newest first
    Snapshots(SnapshotsArgs),
    /// Restore a snapshot into a cluster
    Restore(RestoreArgs),
    /// Bring a file, or what is at an address, into a table
    Import(ImportArgs),
    /// Write a table to a file
    Export(ExportArgs),
    /// List the import and export jobs of a cluster
    Jobs(JobsArgs),
    /// List what was done to a cluster, the newest first
    Operations(OperationsArgs),
    /// Copy tables from one cluster to another
    Copy(CopyArgs),
    /// Suspend or remove what no living process on this machine holds any more
    Sweep(SweepArgs),
    /// Type statements at a prompt, or pipe them in
    Shell(ShellArgs),
}
