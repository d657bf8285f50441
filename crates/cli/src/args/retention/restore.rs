//! The command line of `retention restore`.

use clap::{Args, Subcommand};
use clusterkeep_core::sql::TableName;

use super::StateArgs;
use crate::args::ApprovalArgs;

/// What can be done about copies of partitions.
#[derive(Debug, Subcommand)]
pub enum ArchiveCommand {
    /// List what is archived, in snapshots or files, and whether it is whole
    List(ListArchivesArgs),
    /// Show one copy
    Show(ShowArchiveArgs),
    /// Bring one partition or slice back, into its table or beside it, verified
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
Nothing is replaced: where the partition is there already, it is refused. On a terminal the plan
is shown and asked about; in a script it needs the hash that --plan prints.

Examples:
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --plan
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --expect-plan 3b0f5a11
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --beside")]
pub struct RestorePartitionArgs {
    /// Its name, as `restore list` shows it; its repository or place and a slash before it, where there are several
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: String,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
    /// Beside its table instead of back into it: in the schema `restored` on CrateDB, else in a table whose name ends with
    /// `_restored`
    #[arg(long)]
    pub beside: bool,
}
