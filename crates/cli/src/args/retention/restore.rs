//! The command line of `retention restore`.

use clap::{Args, Subcommand};
use clusterkeep_core::sql::TableName;

use super::StateArgs;

/// What can be done about copies of partitions.
#[derive(Debug, Subcommand)]
pub enum ArchiveCommand {
    /// List the copies of partitions, and whether they are whole
    List(ListArchivesArgs),
    /// Show one copy
    Show(ShowArchiveArgs),
    /// Bring one partition back, into its table or beside it, and count it
    Run(RestorePartitionArgs),
}

/// Which copies.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention restore list --cluster crate://localhost:4200
  clusterkeep retention restore list --cluster crate://localhost:4200 --table doc.metrics
  clusterkeep retention restore list --cluster crate://localhost:4200 --format json")]
pub struct ListArchivesArgs {
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// Only those of this table, as its policy names it
    #[arg(long, value_name = "TABLE")]
    pub table: Option<TableName>,
}

/// Which copy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention restore show clusterkeep-metrics-6f1d --cluster crate://localhost:4200
  clusterkeep retention restore show clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --format json
  clusterkeep retention restore show clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --state postgres://localhost/state")]
pub struct ShowArchiveArgs {
    /// Its name, as `restore list` shows it
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: String,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
}

/// What to bring back.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is replaced: where the partition is there already, it is refused.

Examples:
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --beside
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --format json")]
pub struct RestorePartitionArgs {
    /// Its name, as `restore list` shows it
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: String,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// Into a table of the same name in the schema `restored`, instead of back into its table
    #[arg(long)]
    pub beside: bool,
}
