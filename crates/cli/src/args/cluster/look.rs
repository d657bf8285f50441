//! Commands that only look.

use clap::Args;

use crate::args::{ClusterArgs, Moment};

/// Which clusters.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster list
  clusterkeep cluster list --project staging --format json
  clusterkeep cluster list --local")]
pub struct ListClustersArgs {
    /// Only those of this organization, by its id or name
    #[arg(long, value_name = "ID|NAME")]
    pub organization: Option<String>,
    /// Only those of this project, by its id or name
    #[arg(long, value_name = "ID|NAME")]
    pub project: Option<String>,
    /// Only those of this machine; asks nobody
    #[arg(long, conflicts_with_all = ["organization", "project"])]
    pub local: bool,
}

/// Which cluster, and how much of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster info --cluster staging
  clusterkeep cluster info --cluster staging --database --format json
  clusterkeep cluster info --cluster sqlite://clusterkeep-demo/weather.db --database")]
pub struct InfoArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ask the database, too: nodes, shards, tables, and what is wrong with them
    #[arg(long)]
    pub database: bool,
}

/// Which cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 1 where the cluster is not well: its database does not answer, or data is missing.

Examples:
  clusterkeep cluster health --cluster staging
  clusterkeep cluster health --cluster staging --format json
  clusterkeep cluster health --cluster local:scratch --quiet")]
pub struct HealthArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Which cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 1 where the answer is no. A suspended cluster stays suspended.

Examples:
  clusterkeep cluster ping --cluster staging
  clusterkeep cluster ping --cluster staging --format json
  clusterkeep cluster ping --cluster sqlite://clusterkeep-demo/weather.db")]
pub struct PingArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Which snapshots.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster snapshots --cluster staging
  clusterkeep cluster snapshots --cluster staging --from 2026-11-01 --until 2026-11-08
  clusterkeep cluster snapshots --cluster staging --format json")]
pub struct SnapshotsArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Only those made at or after this; by default those of the last two weeks
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Only those made before this
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Option<Moment>,
}

/// Which operations.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster operations --cluster staging
  clusterkeep cluster operations --cluster staging --limit 3
  clusterkeep cluster operations --cluster staging --format ndjson")]
pub struct OperationsArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}
