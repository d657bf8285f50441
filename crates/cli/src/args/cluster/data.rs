//! Commands that move data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clusterkeep_core::sql::TableName;

use super::{ApprovalArgs, WaitArgs};
use crate::args::ClusterArgs;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// Comma-separated values with a header
    Csv,
    /// One JSON document per line
    Json,
    /// Parquet
    Parquet,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// By gzip
    Gzip,
    /// Not at all
    None,
}

/// What goes where.
#[derive(Debug, Args)]
#[command(after_help = "\
Format and compression are told by the name (.csv, .json, .ndjson, .jsonl, .parquet, and .gz after it).
Records that the database refused are counted, and make it end with 7.

Examples:
  clusterkeep cluster import https://example.org/weather.csv.gz --cluster staging
  clusterkeep cluster import weather.parquet --cluster staging --table doc.observations
  clusterkeep cluster import export --cluster staging --table t --data-format json --compression gzip")]
pub struct ImportArgs {
    /// A file of this machine, or the address of one: https://...
    pub source: String,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The table, created where it is missing; by default the name of the file without its endings
    #[arg(long, value_name = "TABLE")]
    pub table: Option<TableName>,
    /// How the data is written, where the name does not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub data_format: Option<DataFormat>,
    /// How the file is compressed, where the name does not tell
    #[arg(long, value_enum, value_name = "COMPRESSION")]
    pub compression: Option<Compression>,
    /// Fail where the table is missing, instead of creating it
    #[arg(long)]
    pub existing: bool,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// What goes where.
#[derive(Debug, Args)]
#[command(after_help = "\
Format and compression are told by the name of the file, as for import. A file that is there is kept,
unless --overwrite is given. CrateDB Cloud exports at most 1 GiB at once.

Examples:
  clusterkeep cluster export doc.observations observations.parquet --cluster staging
  clusterkeep cluster export observations observations.csv.gz --cluster staging
  clusterkeep cluster export observations out --data-format json --compression none --overwrite")]
pub struct ExportArgs {
    /// The table
    pub table: TableName,
    /// The file to write
    pub file: PathBuf,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How the data is written, where the name does not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub data_format: Option<DataFormat>,
    /// How the file is compressed, where the name does not tell
    #[arg(long, value_enum, value_name = "COMPRESSION")]
    pub compression: Option<Compression>,
    /// Replace the file where it is there
    #[arg(long)]
    pub overwrite: bool,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Which jobs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster jobs --cluster staging
  clusterkeep cluster jobs --cluster staging --failed
  clusterkeep cluster jobs --cluster staging --format json")]
pub struct JobsArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Only those that failed
    #[arg(long)]
    pub failed: bool,
}

/// What goes where.
#[derive(Debug, Args)]
#[command(after_help = "\
Tables are streamed, and counted afterwards on both sides. With --replicate the target subscribes to the
source instead and follows it from then on. A table that has rows in the target is refused.

Examples:
  clusterkeep cluster copy --cluster staging --to local:scratch --plan
  clusterkeep cluster copy --cluster staging --to local:scratch --table doc.observations \\
      --expect-plan 5f1c9ad2
  clusterkeep cluster copy --cluster production --to staging --replicate --plan")]
pub struct CopyArgs {
    /// The cluster that is copied from.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The cluster that is copied to, in any form that --cluster takes
    #[arg(long, value_name = "ADDRESS", help_heading = "Cluster")]
    pub to: String,
    /// Only this table; may be given several times
    #[arg(long, value_name = "TABLE")]
    pub table: Vec<TableName>,
    /// Follow the source by logical replication, instead of copying once
    #[arg(long)]
    pub replicate: bool,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}
