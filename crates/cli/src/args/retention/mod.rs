//! The command line of `retention`.

mod hold;
mod policies;
mod restore;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clusterkeep_core::plan::HashPrefix;
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::model::Tag;

use super::{ClusterArgs, Moment};

pub use hold::{AddHoldArgs, HoldCommand, ListHoldsArgs, ReleaseHoldArgs};
pub use policies::{
    AddPoliciesArgs, DiffPoliciesArgs, ImportPoliciesArgs, ListPoliciesArgs, PoliciesCommand, RemovePolicyArgs,
    ShowPolicyArgs, StoreOf,
};

pub use restore::{ArchiveCommand, ListArchivesArgs, RestorePartitionArgs, ShowArchiveArgs};

/// What can be done about retention.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Check a manifest against its rules, and against a database where one is named
    Check(CheckArgs),
    /// Show what would go, what stays, and why; change nothing
    Plan(PlanArgs),
    /// Do what a plan says, once it is approved
    Apply(ApplyArgs),
    /// Say in words what a manifest means, and why something goes or stays
    Explain(ExplainArgs),
    /// Agree that tables may be cleared which a pattern or tag has newly begun to match
    Acknowledge(AcknowledgeArgs),
    /// Keep what policies would let go
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep retention hold add --cluster sqlite://clusterkeep-demo/weather.db \\
      --table observations --from 2013-07-01 --until 2013-08-01 --reason 'study of a storm'
  clusterkeep retention hold list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention hold release 1 --cluster sqlite://clusterkeep-demo/weather.db \\
      --reason 'the study is done'"
    )]
    Hold(HoldCommand),
    /// Keep policies in the database instead of in files
    #[command(
        subcommand,
        after_help = "\
Without -f, `plan`, `apply` and the others go by these policies.

Examples:
  clusterkeep retention policies add --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention policies list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies diff --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml"
    )]
    Policies(PoliciesCommand),
    /// Find copies of partitions, and bring them back
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep retention restore list --cluster crate://localhost:4200
  clusterkeep retention restore show clusterkeep-metrics-6f1d --cluster crate://localhost:4200
  clusterkeep retention restore run clusterkeep-metrics-6f1d --cluster crate://localhost:4200 \\
      --beside"
    )]
    Restore(ArchiveCommand),
}

/// Which manifest.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// The file with the manifest (`kind: Retention`); several are taken together. Without one, the policies go that
    /// `retention policies` keeps in the state
    #[arg(long = "file", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The name of the manifest, where there is more than one
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
}

/// Where the state is.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Keep locks, records and the audit in this database, instead of in the cluster's own
    #[arg(long, value_name = "ADDRESS")]
    pub state: Option<String>,
}

/// What is wanted, of which cluster, as of when.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// Only tables that have all of these tags, by the manifest or by their policies
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<Tag>,
    /// Only this table; may be given several times
    #[arg(long = "table", value_name = "TABLE")]
    pub tables: Vec<TableName>,
    /// As of when: an instant, or a date, which is the start of that day in the manifest's zone
    #[arg(long, value_name = "INSTANT|DATE")]
    pub now: Option<Moment>,
    /// The day that ages are counted back from: the name that --now has in an older tool
    #[arg(long, value_name = "DATE", conflicts_with = "now")]
    pub cutoff_day: Option<Moment>,
    /// Only what begins at or after this goes
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Only what ends at or before this goes
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Option<Moment>,
}

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "\
With -f and without --cluster, only the file is looked at.

Examples:
  clusterkeep retention check -f examples/weather.yaml
  clusterkeep retention check -f examples/weather.yaml \\
      --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention check -f examples/weather.yaml --format json")]
pub struct CheckArgs {
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
}

/// What to acknowledge.
#[derive(Debug, Args)]
#[command(after_help = "\
A table that a pattern or a tag has begun to match is refused until somebody has said that it may go.

Examples:
  clusterkeep retention acknowledge observations -f examples/weather.yaml \\
      --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention acknowledge observations -f examples/weather.yaml \\
      --cluster sqlite://clusterkeep-demo/weather.db --format json
  clusterkeep retention acknowledge observations --manifest weather \\
      --cluster sqlite://clusterkeep-demo/weather.db")]
pub struct AcknowledgeArgs {
    /// The tables
    #[arg(required = true, value_name = "TABLE")]
    pub names: Vec<TableName>,
    /// Which manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
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
