//! The command line as types: what can be said, and the help for it. Nothing here does anything.

mod audit;
mod cluster;
mod demo;
mod dev;
mod fires;
mod hand;
mod oneoff;
mod query;
mod retention;
mod schedule;
mod timetable;
mod transfer;
mod values;

use clap::{ArgAction, Args, Parser, Subcommand};

pub use audit::{AuditCommand, AuditSource, ListArgs, VerifyArgs};
pub use cluster::{
    AllowArgs, ApprovalArgs, ClusterCommand, Compression, CopyArgs, CreateArgs, DataFormat, DeleteArgs, ExportArgs,
    HealthArgs, ImportArgs, InfoArgs, JobsArgs, ListClustersArgs, LocalEngine, OperationsArgs, PingArgs, ProtectArgs,
    Protection, RestoreArgs, ScaleArgs, SecretPlace, ShellArgs, Size, SnapshotsArgs, StartArgs, StopArgs, StorageArgs,
    SweepArgs, UpgradeArgs, WaitArgs,
};
pub use demo::DemoArgs;
pub use dev::{DevCloudArgs, DevCommand};
pub use fires::{ExplainScheduleArgs, ExpressionArgs, Grammar, LintArgs, NextArgs, ReadingArgs, SimulateArgs, Span};
pub use hand::{
    BackfillArgs, CancelArgs, DoctorArgs, JobArgs, LedgerArgs, LogsArgs, PauseArgs, ResumeArgs, RetryArgs,
    ShowScheduleArgs,
};
pub use oneoff::OneOffArgs;
pub use query::QueryArgs;
pub use retention::{
    AcknowledgeArgs, AddHoldArgs, AddPoliciesArgs, ApplyArgs, ArchiveCommand, CheckArgs, DiffPoliciesArgs, ExplainArgs,
    HoldCommand, ImportPoliciesArgs, ListArchivesArgs, ListHoldsArgs, ListPoliciesArgs, ManifestArgs, ModelArgs,
    PlanArgs, PoliciesCommand, ReleaseHoldArgs, RemovePolicyArgs, RestorePartitionArgs, RetentionCommand,
    ShowArchiveArgs, ShowPolicyArgs, StateArgs, StoreOf,
};
pub use schedule::{HistoryArgs, ListSchedulesArgs, Listen, RunArgs, ScheduleCommand, StoreArgs, TriggerArgs};
pub use timetable::{
    ApplyTimetableArgs, DiffTimetableArgs, NamespacesArgs, PlanTimetableArgs, TimetableArgs, ValidateArgs,
};
pub use transfer::{Destination, ExportScheduleArgs, ImportScheduleArgs, Origin};
pub use values::{Moment, Timeout};

use crate::output::Format;

/// Keeps database clusters: expires and thins their data, on plans that can be trusted, on schedule.
#[derive(Debug, Parser)]
#[command(
    name = "clusterkeep",
    version,
    after_help = EXAMPLES,
    after_long_help = long_help(),
    arg_required_else_help = true,
    infer_long_args = false,
    max_term_width = 110
)]
pub struct Cli {
    /// How the output looks.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  clusterkeep query --cluster sqlite://clusterkeep-demo/weather.db \\
      'SELECT count(*) FROM observations'
  clusterkeep retention plan --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep schedule next '30 3 * * *' --zone America/New_York";

fn long_help() -> String {
    format!(
        "{EXAMPLES}\n\n\
         Exit codes:\n  \
         0  done, or nothing to do\n  \
         1  nothing was done and something failed; or the answer of a check is no\n  \
         2  bad input: usage, file, address, unknown table or cluster\n  \
         3  changes are pending (plan --exit-code)\n  \
         4  refused by a guard rail or policy\n  \
         5  what the plan rests on has moved since\n  \
         6  locked by another run\n  \
         7  some done, some not\n  \
         130  interrupted\n\n\
         Environment:\n{}",
        clusterkeep_core::env::help()
    )
}

/// How the output looks.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// How data is written to the standard output
    #[arg(long, value_enum, global = true, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub format: Format,
    /// Say nothing but the data and errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Log what is done; twice for more
    #[arg(long, short, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the main job on real data, in a folder of its own
    Demo(DemoArgs),
    /// Ask a database something: one statement that only reads, unless --write is given
    Query(QueryArgs),
    /// Keep clusters: in CrateDB Cloud, on this machine, or anywhere by their address
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep cluster list
  clusterkeep cluster health --cluster staging
  clusterkeep cluster shell --cluster sqlite://clusterkeep-demo/weather.db"
    )]
    Cluster(Box<ClusterCommand>),
    /// Expire and downsample data, as a manifest says
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep retention plan --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep retention apply --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --now 2014-01-15T00:00:00Z --expect-plan 289bd999
  clusterkeep retention explain --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml observations"
    )]
    Retention(RetentionCommand),
    /// Look at schedules and their runs, and run a job at once
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep schedule next '30 3 * * *' --zone America/New_York
  clusterkeep schedule list
  clusterkeep schedule history nightly --namespace weather"
    )]
    Schedule(ScheduleCommand),
    /// Run the jobs of timetables, in the foreground, until it is stopped
    Run(RunArgs),
    /// Read and check the record of what was done
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep audit list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep audit verify --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep audit list --plans"
    )]
    Audit(AuditCommand),
    /// Try things out: a CrateDB Cloud API on this machine
    #[command(
        subcommand,
        after_help = "\
Examples:
  clusterkeep dev cloud
  clusterkeep dev cloud --suspended staging
  clusterkeep dev cloud --listen 127.0.0.1:4444 --operation-time 10s"
    )]
    Dev(DevCommand),
    /// Print the JSON schema of a kind of document
    #[command(after_help = "\
Examples:
  clusterkeep schema retention > schemas/retention.json
  clusterkeep schema timetable
  clusterkeep schema plan | jq .properties")]
    Schema {
        /// The kind of document
        #[arg(value_enum)]
        kind: crate::schema::Kind,
    },
    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  clusterkeep completions bash > /etc/bash_completion.d/clusterkeep
  clusterkeep completions zsh > ~/.zfunc/_clusterkeep
  clusterkeep completions fish > ~/.config/fish/completions/clusterkeep.fish")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Which cluster is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ClusterArgs {
    /// The cluster: a URL (sqlite://, postgres://, mariadb://, mysql://, crate://, https://), the id or name of a
    /// CrateDB Cloud cluster, or `local:NAME` for one of this machine. It beats the environment, and the
    /// environment beats the file .env
    #[arg(long, value_name = "ADDRESS", help_heading = "Cluster")]
    pub cluster: Option<String>,
    /// Allow a password to be sent to this host in plain text
    #[arg(long, value_name = "HOST", help_heading = "Cluster")]
    pub allow_plaintext: Vec<String>,
}
