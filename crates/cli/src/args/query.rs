//! The command line of `query`.

use clap::Args;

use super::{ClusterArgs, Timeout};

/// What is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep query --cluster sqlite://clusterkeep-demo/weather.db \\
      'SELECT count(*) FROM observations'
  clusterkeep query --cluster sqlite://clusterkeep-demo/weather.db --format csv \\
      'SELECT origin, max(temp) AS hottest FROM observations GROUP BY origin'
  echo 'SELECT * FROM observations_monthly' | \\
      clusterkeep query --cluster sqlite://clusterkeep-demo/weather.db -")]
pub struct QueryArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The statement, or `-` to read it from the standard input
    pub statement: String,
    /// Run whatever the statement is, in a session that may write
    #[arg(long)]
    pub write: bool,
    /// The most that the statement may take
    #[arg(long, value_name = "DURATION", default_value = "15min")]
    pub timeout: Timeout,
}
