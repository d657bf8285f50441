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
  clusterkeep cluster import export --cluster staging --table t --input-format json --compression gzip")]
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
    #[arg(long = "input-format", value_enum, value_name = "FORMAT")]
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
  clusterkeep cluster export observations out --output-format json --compression none --overwrite")]
pub struct ExportArgs {
    /// The table
    pub table: TableName,
    /// The file to write
    pub file: PathBuf,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How the data is written, where the name does not tell
    #[arg(long = "output-format", alias = "input-format", value_enum, value_name = "FORMAT")]
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
Tables are streamed, and counted afterwards on both sides. A table that has rows in the target is refused.
With --replicate the target, a CrateDB like the source, subscribes to it instead and follows from then on;
--lag shows how far it is behind, and --end ends it. Between two clusters of CrateDB Cloud in one region,
`cluster restore latest --source ...` copies by snapshot.

Examples:
  clusterkeep cluster copy --cluster staging --to local:scratch --plan
  clusterkeep cluster copy --cluster staging --to local:scratch --table doc.observations \\
      --expect-plan 5f1c9ad2
  clusterkeep cluster copy --cluster crate://repl@db.example.org:4200?password=env:REPL \\
      --to staging --replicate --plan")]
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
    #[arg(long, help_heading = "Replication")]
    pub replicate: bool,
    /// The source as the target reaches it, where that is another way: crate://user@host?password=env:NAME
    #[arg(long, value_name = "URL", requires = "replicate", help_heading = "Replication")]
    pub upstream: Option<String>,
    /// The port of the PostgreSQL protocol there
    #[arg(long, value_name = "PORT", requires = "replicate", help_heading = "Replication")]
    pub upstream_port: Option<u16>,
    /// Show how far the target is behind; change nothing
    #[arg(long, requires = "replicate", conflicts_with_all = ["end", "plan", "expect_plan"], help_heading = "Replication")]
    pub lag: bool,
    /// End the replication; the tables and their rows stay
    #[arg(long, requires = "replicate", help_heading = "Replication")]
    pub end: bool,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}
