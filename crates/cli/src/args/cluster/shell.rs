//! `cluster shell`.

use clap::Args;

use crate::args::{ClusterArgs, Timeout};

/// Where statements go.
#[derive(Debug, Args)]
#[command(after_help = "\
At a prompt, statements may write, unless --read-only is given. What is piped in or given with -c only
reads, unless --write is given. Ctrl-C stops the statement that is running, Ctrl-D leaves, \\h helps.

Examples:
  clusterkeep cluster shell --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep cluster shell --cluster staging -c 'SELECT name FROM sys.nodes' --format csv
  clusterkeep cluster shell --cluster local:scratch --write < schema.sql")]
pub struct ShellArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Run these statements and leave; may be given several times
    #[arg(long, short, value_name = "STATEMENT")]
    pub command: Vec<String>,
    /// Let statements that are piped in or given with -c write
    #[arg(long)]
    pub write: bool,
    /// Let nothing write, also at a prompt
    #[arg(long, conflicts_with = "write")]
    pub read_only: bool,
    /// The most that a statement may take
    #[arg(long, value_name = "DURATION", default_value = "15min")]
    pub timeout: Timeout,
}
