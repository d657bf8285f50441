//! The arguments of `demo`.

use std::path::PathBuf;

use clap::Args;

use super::Moment;

/// Runs the main job on real data, in a folder of its own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// The folder that the database, the report and the schedule's runs are kept in
    #[arg(long, value_name = "FOLDER", default_value = "clusterkeep-demo")]
    pub dir: PathBuf,
    /// The instant or date that the plan is made for
    #[arg(long, value_name = "INSTANT|DATE", default_value = "2014-01-15T00:00:00Z")]
    pub now: Moment,
    /// Stop after the plan
    #[arg(long)]
    pub no_apply: bool,
}

const EXAMPLES: &str = "\
Examples:
  clusterkeep demo
  clusterkeep demo --no-apply --now 2014-03-01
  clusterkeep demo --dir /tmp/weather --format json";
