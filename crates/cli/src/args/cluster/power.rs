//! `cluster start` and `cluster stop`.

use clap::Args;

use super::WaitArgs;
use crate::args::ClusterArgs;

/// Which cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
It resumes a suspended cluster, starts one of this machine with the data that it had, and leaves a running
one alone. It creates none: that is `cluster create`.

Examples:
  clusterkeep cluster start --cluster staging
  clusterkeep cluster start --cluster staging --no-wait
  clusterkeep cluster start --cluster local:scratch --timeout 2min")]
pub struct StartArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Which cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Suspended, a cluster is billed for its disks alone. Its data and its backups stay.

Examples:
  clusterkeep cluster stop --cluster staging
  clusterkeep cluster stop --cluster staging --no-wait
  clusterkeep cluster stop --cluster local:scratch")]
pub struct StopArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}
