//! The command line of `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ClusterArgs;

/// What can be done with the record of what was done.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List records, the newest last
    List(ListArgs),
    /// Check that no record was changed, put in or taken out; ends with 1 where one was
    Verify(VerifyArgs),
}

/// Which audit.
#[derive(Debug, Clone, Args)]
pub struct AuditSource {
    /// The cluster whose database holds it.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The database that holds it, where --state said so when it was written
    #[arg(long, value_name = "ADDRESS", conflicts_with = "cluster")]
    pub state: Option<String>,
    /// A file that holds it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["cluster", "state", "plans"])]
    pub file: Option<PathBuf>,
    /// The plans that were made by this user on this machine
    #[arg(long, conflicts_with_all = ["cluster", "state"])]
    pub plans: bool,
    /// The chain within the database
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub chain: String,
}

/// Which records.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep audit list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep audit list --cluster sqlite://clusterkeep-demo/weather.db --limit 5 --format ndjson
  clusterkeep audit list --plans")]
pub struct ListArgs {
    /// Which audit.
    #[command(flatten)]
    pub source: AuditSource,
    /// The newest so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

/// What is checked.
#[derive(Debug, Args)]
#[command(after_help = "\
A chain whose newest records were cut off is whole as far as it goes; --head shows the cut.

Examples:
  clusterkeep audit verify --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep audit verify --cluster sqlite://clusterkeep-demo/weather.db --head 12:9b1c0a52de3f4471
  clusterkeep audit verify --plans")]
pub struct VerifyArgs {
    /// Which audit.
    #[command(flatten)]
    pub source: AuditSource,
    /// A head that was printed before, as `number:hash`: that record must be there
    #[arg(long, value_name = "NUMBER:HASH")]
    pub head: Option<String>,
}
