//! The command lines of timetables against a store: `schedule validate`, `plan`, `diff`, `apply` and `namespaces`.

use std::path::PathBuf;

use clap::Args;
use clusterkeep_core::plan::HashPrefix;

use super::schedule::StoreArgs;

/// Which timetables.
#[derive(Debug, Args)]
pub struct TimetableArgs {
    /// The file with the timetable, or its URL (https://, http://, s3://, az://, gs://); several are taken together
    #[arg(long = "file", short, value_name = "FILE|URL", required = true)]
    pub files: Vec<PathBuf>,
    /// What must come from the URL: sha256: and 64 hexadecimal digits, once for each URL; or `#sha256=HEX` behind the URL
    #[arg(long, value_name = "sha256:HEX")]
    pub checksum: Vec<String>,
    /// The file that says which URLs need no checksum, kind: Permissions; by default permissions.yaml in the user's
    /// configuration directory
    #[arg(long, value_name = "FILE")]
    pub allow: Option<PathBuf>,
}

/// What is checked.
#[derive(Debug, Args)]
#[command(after_help = "\
All that is wrong is said, each with line and column. It ends with 2 where something is wrong, and with 0 where
there is nothing but warnings.

Examples:
  clusterkeep schedule validate examples/weather.yaml
  clusterkeep schedule validate jobs.yaml more.yaml --format json
  clusterkeep schedule validate https://example.org/jobs.yaml --checksum sha256:9f86d0818..")]
pub struct ValidateArgs {
    /// Files with timetables, or their URLs
    #[arg(value_name = "FILE|URL", required = true)]
    pub files: Vec<PathBuf>,
    /// What must come from a URL: sha256: and 64 hexadecimal digits, once for each URL; or `#sha256=HEX` behind the URL
    #[arg(long, value_name = "sha256:HEX")]
    pub checksum: Vec<String>,
    /// The file that says which URLs need no checksum, kind: Permissions; by default permissions.yaml in the user's
    /// configuration directory
    #[arg(long, value_name = "FILE")]
    pub allow: Option<PathBuf>,
}

/// What is planned.
#[derive(Debug, Args)]
#[command(after_help = "\
It changes no job. A job that the file does not have stays, unless --delete or `prune: true` in the file says that
it goes; its runs stay in any case.

Examples:
  clusterkeep schedule plan -f examples/weather.yaml
  clusterkeep schedule plan -f examples/weather.yaml --state sqlite://clusterkeep-demo/jobs.db
  clusterkeep schedule plan -f jobs.yaml --state postgres://ops@db.example.org/jobs --delete --exit-code")]
pub struct PlanTimetableArgs {
    /// Which timetables.
    #[command(flatten)]
    pub timetables: TimetableArgs,
    /// Where schedules are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Remove the jobs of these namespaces that the files do not have
    #[arg(long)]
    pub delete: bool,
    /// End with 3 where there is something to do
    #[arg(long, help_heading = "Plan")]
    pub exit_code: bool,
}

/// What is compared.
#[derive(Debug, Args)]
#[command(after_help = "\
It ends with 3 where both do not say the same.

Examples:
  clusterkeep schedule diff -f examples/weather.yaml
  clusterkeep schedule diff -f examples/weather.yaml --state sqlite://clusterkeep-demo/jobs.db
  clusterkeep schedule diff -f examples/weather.yaml --format json")]
pub struct DiffTimetableArgs {
    /// Which timetables.
    #[command(flatten)]
    pub timetables: TimetableArgs,
    /// Where schedules are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// What is applied.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal it shows the plan and asks; in a script it wants the hash that `schedule plan` prints. Schedulers that
run with --namespace take it up by themselves.

Examples:
  clusterkeep schedule apply -f examples/weather.yaml
  clusterkeep schedule apply -f examples/weather.yaml --expect-plan 5f1c9ad2
  clusterkeep schedule apply -f jobs.yaml --state postgres://ops@db.example.org/jobs --delete \\
      --expect-plan 5f1c9ad2")]
pub struct ApplyTimetableArgs {
    /// Which timetables.
    #[command(flatten)]
    pub timetables: TimetableArgs,
    /// Where schedules are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Remove the jobs of these namespaces that the files do not have
    #[arg(long)]
    pub delete: bool,
    /// Do what the plan of this hash says, and no other
    #[arg(long, value_name = "HASH", value_parser = super::values::hash, help_heading = "Plan")]
    pub expect_plan: Option<HashPrefix>,
}

/// Which store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule namespaces
  clusterkeep schedule namespaces --format json
  clusterkeep schedule namespaces --state sqlite://clusterkeep-demo/jobs.db")]
pub struct NamespacesArgs {
    /// Where schedules are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}
