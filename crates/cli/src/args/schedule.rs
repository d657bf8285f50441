//! The command lines of `schedule` and `run`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clusterkeep_scheduler::{DEFAULT_NAMESPACE, RunState};

use super::{ClusterArgs, ExplainScheduleArgs, LintArgs, NextArgs, SimulateArgs, Timeout};

/// What can be done about schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List the schedules that a store knows, with their next fire and latest run
    List(ListSchedulesArgs),
    /// Show when an expression or a job fires next, and what the clock's changes do to it
    Next(NextArgs),
    /// Say in plain words when an expression or a job fires
    Explain(ExplainScheduleArgs),
    /// Say what in expressions may not be meant, and what other programs would make of them
    Lint(LintArgs),
    /// Show all fires of a period, without waiting and without running anything
    Simulate(SimulateArgs),
    /// Run a job at once, beside its schedule
    Trigger(TriggerArgs),
    /// Show what became of fires, the latest first
    History(HistoryArgs),
}

/// Where schedules and runs are kept.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Where schedules and runs are kept; by default a SQLite file in the user's state directory
    #[arg(long, value_name = "ADDRESS")]
    pub state: Option<String>,
}

/// Which schedules.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule list
  clusterkeep schedule list --namespace weather --format json
  clusterkeep schedule list --state sqlite://clusterkeep-demo/jobs.db")]
pub struct ListSchedulesArgs {
    /// Where they are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only those of this namespace
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// Which job.
#[derive(Debug, Args)]
#[command(after_help = "\
It runs here, or, where a scheduler is running on the store, there.

Examples:
  clusterkeep schedule trigger nightly --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep schedule trigger nightly --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --state sqlite://clusterkeep-demo/jobs.db
  clusterkeep schedule history nightly --namespace weather")]
pub struct TriggerArgs {
    /// The job
    pub job: String,
    /// The file with the timetable, and with what its jobs name; several are taken together
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The cluster that jobs work on.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Where runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Which runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule history
  clusterkeep schedule history nightly --namespace weather --limit 5
  clusterkeep schedule history --failed --format json")]
pub struct HistoryArgs {
    /// The job; all, where none is named
    pub job: Option<String>,
    /// Where runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The namespace of the job
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only runs that failed or were refused
    #[arg(long, conflicts_with = "in_state")]
    pub failed: bool,
    /// Only runs in this state: pending, running, succeeded, failed, refused, skipped, coalesced, missed
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub in_state: Vec<RunState>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
}

impl HistoryArgs {
    /// The namespace that a job is looked up in.
    #[must_use]
    pub fn namespace_of_job(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }
}

/// What is run.
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C or SIGTERM once: no new run starts, those that are going get their grace. Twice: at once.

Examples:
  clusterkeep run --cluster sqlite://clusterkeep-demo/weather.db -f examples/weather.yaml
  clusterkeep run --cluster sqlite://clusterkeep-demo/weather.db -f examples/weather.yaml \\
      --state sqlite://clusterkeep-demo/jobs.db --grace 5min
  CLUSTERKEEP_CLUSTER=sqlite://clusterkeep-demo/weather.db \\
      clusterkeep run -f examples/weather.yaml -v")]
pub struct RunArgs {
    /// The file with the timetable, and with what its jobs name; several are taken together
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The cluster that jobs work on.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Where schedules and runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How long runs may go on after it was asked to stop
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub grace: Timeout,
}

fn state(name: &str) -> Result<RunState, String> {
    name.parse().map_err(|error: clusterkeep_core::Error| error.to_string())
}
