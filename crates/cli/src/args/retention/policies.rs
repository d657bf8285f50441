//! The command line of `retention policies`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::model::Tag;

use super::StateArgs;

/// What can be done about the policies that are kept in the state.
#[derive(Debug, Subcommand)]
pub enum PoliciesCommand {
    /// List the policies that are kept, with their versions
    List(ListPoliciesArgs),
    /// Show one as it would stand in a file
    Show(ShowPolicyArgs),
    /// Put the policies of a file in, all or none
    Add(AddPoliciesArgs),
    /// Take a policy out
    Remove(RemovePolicyArgs),
    /// List the tags, and what has them
    #[command(after_help = "\
Examples:
  clusterkeep retention policies tags --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies tags --cluster sqlite://clusterkeep-demo/weather.db \\
      --format json
  clusterkeep retention policies tags --cluster sqlite://clusterkeep-demo/weather.db \\
      --manifest weather")]
    Tags(StoreOf),
    /// Check that all that is kept can be read, and obeys its rules
    #[command(after_help = "\
Examples:
  clusterkeep retention policies check --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies check --cluster sqlite://clusterkeep-demo/weather.db \\
      --manifest weather
  clusterkeep retention policies check --cluster sqlite://clusterkeep-demo/weather.db \\
      --quiet")]
    Check(StoreOf),
    /// Read the policies of CrateDB Toolkit, say what differs in meaning, and print or keep them
    Import(ImportPoliciesArgs),
    /// Print what is kept as a manifest
    #[command(after_help = "\
Examples:
  clusterkeep retention policies export --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies export --cluster sqlite://clusterkeep-demo/weather.db \\
      --manifest weather > weather.yaml
  clusterkeep retention policies export --cluster sqlite://clusterkeep-demo/weather.db \\
      --format json")]
    Export(StoreOf),
    /// Compare a file with what is kept; ends with 3 where they differ
    Diff(DiffPoliciesArgs),
}

/// Where policies are kept, and under which name.
#[derive(Debug, Clone, Args)]
pub struct StoreOf {
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// The name of the manifest, where more than one is kept
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
}

/// Which policies to list.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention policies list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies list --cluster sqlite://clusterkeep-demo/weather.db \\
      --tags acme
  clusterkeep retention policies list --cluster sqlite://clusterkeep-demo/weather.db \\
      --format json")]
pub struct ListPoliciesArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreOf,
    /// Only policies with all of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<Tag>,
}

/// Which policy to show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention policies show observations \\
      --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies show 4980342c --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies show observations --format json \\
      --cluster sqlite://clusterkeep-demo/weather.db")]
pub struct ShowPolicyArgs {
    /// Its table, or its id or the beginning of that
    #[arg(value_name = "TABLE|ID")]
    pub which: String,
    /// Which store.
    #[command(flatten)]
    pub store: StoreOf,
}

/// What to put in.
#[derive(Debug, Args)]
#[command(after_help = "\
What is kept already and says the same stays as it is.

Examples:
  clusterkeep retention policies add --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention policies add --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --replace
  clusterkeep retention policies add --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --replace --if-version 3")]
pub struct AddPoliciesArgs {
    /// The file with the manifest; it is kept under its name
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreOf,
    /// Replace what is kept and says something else
    #[arg(long)]
    pub replace: bool,
    /// Only where what is replaced has this version still
    #[arg(long, value_name = "N", requires = "replace")]
    pub if_version: Option<u64>,
}

/// What to take out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention policies remove observations \\
      --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies remove 4980342c --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention policies remove observations --if-version 1 \\
      --cluster sqlite://clusterkeep-demo/weather.db")]
pub struct RemovePolicyArgs {
    /// Its table, or its id or the beginning of that
    #[arg(value_name = "TABLE|ID")]
    pub which: String,
    /// Which store.
    #[command(flatten)]
    pub store: StoreOf,
    /// Only where it has this version still
    #[arg(long, value_name = "N")]
    pub if_version: Option<u64>,
}

/// What to import.
#[derive(Debug, Args)]
#[command(after_help = "\
The table of the other tool is read and never written. Each policy whose meaning differs here is named, and why.

Examples:
  clusterkeep retention policies import --cluster crate://localhost:4200 > imported.yaml
  clusterkeep retention policies import --cluster crate://localhost:4200 --into metrics
  clusterkeep retention policies import --cluster crate://localhost:4200 \\
      --source policies.retention_policy --format json")]
pub struct ImportPoliciesArgs {
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// The table that the other tool keeps its policies in
    #[arg(long, value_name = "TABLE", default_value = "ext.retention_policy")]
    pub source: TableName,
    /// Keep them in the state under this name, instead of printing a manifest
    #[arg(long, value_name = "NAME")]
    pub into: Option<String>,
}

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention policies diff --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention policies diff --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --format json
  clusterkeep retention policies diff --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --format csv")]
pub struct DiffPoliciesArgs {
    /// The file with the manifest
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreOf,
}
