//! The command line of `retention`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clusterkeep_core::plan::HashPrefix;
use clusterkeep_core::sql::TableName;

use super::{ClusterArgs, Moment};

/// What can be done about retention.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Show what would go, what stays, and why; change nothing
    Plan(PlanArgs),
    /// Do what a plan says, once it is approved
    Apply(ApplyArgs),
    /// Say in words what a manifest means, and why something goes or stays
    Explain(ExplainArgs),
}

/// What is wanted, of which cluster, as of when.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// The file with the manifest (`kind: Retention`); several are taken together
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The name of the manifest, where the files hold more than one
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// As of when: an instant, or a date, which is the start of that day in the manifest's zone
    #[arg(long, visible_alias = "cutoff-day", value_name = "INSTANT|DATE")]
    pub now: Option<Moment>,
    /// Only what begins at or after this goes
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Only what ends at or before this goes
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Option<Moment>,
    /// Keep locks, records and the audit in this database, instead of in the cluster's own
    #[arg(long, value_name = "ADDRESS")]
    pub state: Option<String>,
}

/// What to show of a plan.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention plan --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention plan --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --now 2014-02-15 --all
  clusterkeep retention plan --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --format json --exit-code")]
pub struct PlanArgs {
    /// What is wanted.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Show every object on a row of its own
    #[arg(long)]
    pub all: bool,
    /// End with 3 where there is something to do
    #[arg(long)]
    pub exit_code: bool,
}

/// What to apply, and who approved it.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --expect-plan it shows the plan and asks, which needs a terminal.

Examples:
  clusterkeep retention apply --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention apply --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --now 2014-01-15T00:00:00Z --expect-plan 289bd999
  clusterkeep retention apply --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --from 2013-01-01 --until 2013-04-01")]
pub struct ApplyArgs {
    /// What is wanted.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Apply the plan of this hash, and no other: what `plan` has shown and somebody has approved
    #[arg(long, value_name = "HASH", value_parser = super::values::hash)]
    pub expect_plan: Option<HashPrefix>,
    /// Show every object on a row of its own
    #[arg(long)]
    pub all: bool,
    /// The most steps that run at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,
}

/// What to explain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention explain --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention explain --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml observations
  clusterkeep retention explain --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml observations --at 2013-10-16 --now 2014-01-15")]
pub struct ExplainArgs {
    /// What is wanted.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The table; all of the manifest, where none is named
    pub table: Option<TableName>,
    /// Only what holds this instant, or lies in this day
    #[arg(long, value_name = "INSTANT|DATE", requires = "table")]
    pub at: Option<Moment>,
}
