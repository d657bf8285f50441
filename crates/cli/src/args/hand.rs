//! The command lines of what is done to jobs and runs by hand, and of what is asked about them by name.

use clap::Args;

use super::schedule::StoreArgs;
use super::{Moment, Timeout};

/// A job that a store knows.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job
    pub job: String,
    /// Where schedules and runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The namespace of the job, where its name alone does not say it
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// Which job.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule show nightly
  clusterkeep schedule show nightly --namespace weather --format yaml
  clusterkeep schedule show nightly --state sqlite://clusterkeep-demo/jobs.db")]
pub struct ShowScheduleArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
}

/// Which job, and why.
#[derive(Debug, Args)]
#[command(after_help = "\
What is running goes on. What is due in between does not run: at the end of the pause it is recorded as skipped.

Examples:
  clusterkeep schedule pause nightly --note 'disk swap'
  clusterkeep schedule pause nightly --namespace weather
  clusterkeep schedule pause nightly --state sqlite://clusterkeep-demo/jobs.db --note 'disk swap'")]
pub struct PauseArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Which job.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule resume nightly
  clusterkeep schedule resume nightly --namespace weather
  clusterkeep schedule resume nightly --state sqlite://clusterkeep-demo/jobs.db --format json")]
pub struct ResumeArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Which fires.
#[derive(Debug, Args)]
#[command(after_help = "\
It asks first, with the number of runs; without a terminal it wants --yes. Fires that have run are left out, so
the same command may be given again.

Examples:
  clusterkeep schedule backfill nightly --from 2014-01-15 --until 2014-01-29
  clusterkeep schedule backfill nightly --from 2014-01-15 --until 2014-01-29 --yes
  clusterkeep schedule backfill nightly --namespace weather --from 2014-01-15T08:00:00Z \\
      --until 2014-01-16T08:00:00Z --most 10")]
pub struct BackfillArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Where the period begins: the first instant in it
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Moment,
    /// Where the period ends: the first instant behind it
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Moment,
    /// Refuse where there are more than so many
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub most: u32,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Which runs, and why.
#[derive(Debug, Args)]
#[command(after_help = "\
A run that waits ends at once, one that is going as soon as its scheduler has heard of it: within a second.

Examples:
  clusterkeep schedule cancel nightly
  clusterkeep schedule cancel nightly --run 2014-01-15T08:30:00Z --note 'wrong table'
  clusterkeep schedule cancel nightly --namespace weather --state sqlite://clusterkeep-demo/jobs.db")]
pub struct CancelArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Only the run for this instant, as `schedule history` shows it
    #[arg(long, value_name = "INSTANT")]
    pub run: Option<Moment>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Which runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --run these are the dead ones: those that failed in each of their attempts.

Examples:
  clusterkeep schedule retry nightly
  clusterkeep schedule retry nightly --run 2014-01-15T08:30:00Z
  clusterkeep schedule retry nightly --namespace weather --state sqlite://clusterkeep-demo/jobs.db")]
pub struct RetryArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// The run for this instant, also where it failed only once, was cancelled or was refused
    #[arg(long, value_name = "INSTANT")]
    pub run: Option<Moment>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Which runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Of much output the beginning and the end are kept. A run that is going writes it down every two seconds. Without a
job each line is behind the name of its job.

Examples:
  clusterkeep schedule logs nightly
  clusterkeep schedule logs --namespace weather --follow
  clusterkeep schedule logs nightly --run 2014-01-15T08:30:00Z --format json")]
pub struct LogsArgs {
    /// The job; all, where none is named
    pub job: Option<String>,
    /// Where runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only those of this namespace
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only the run for this instant, as `schedule history` shows it
    #[arg(long, value_name = "INSTANT", requires = "job")]
    pub run: Option<Moment>,
    /// Go on with what comes, until it is stopped
    #[arg(long, short)]
    pub follow: bool,
    /// Of the latest runs at most so many; by default 1 of a job, and 20 of all of them
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// Which fires.
#[derive(Debug, Args)]
#[command(after_help = "\
Each fire that the schedule says is looked for among the runs. Exit code 1 unless all are accounted for.

Examples:
  clusterkeep schedule ledger nightly --from 2014-01-15 --to 2014-01-29
  clusterkeep schedule ledger nightly --namespace weather --format json
  clusterkeep schedule ledger nightly --state sqlite://clusterkeep-demo/jobs.db --from 2014-01-15")]
pub struct LedgerArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Where the period begins: the first instant in it; by default when the job was first known
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Where the period ends: the first instant behind it; by default now
    #[arg(long, visible_alias = "until", value_name = "INSTANT|DATE")]
    pub to: Option<Moment>,
}

/// Which store.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 1 where something is wrong.

Examples:
  clusterkeep schedule doctor
  clusterkeep schedule doctor --namespace weather --format json
  clusterkeep schedule doctor --state sqlite://clusterkeep-demo/jobs.db")]
pub struct DoctorArgs {
    /// Where schedules and runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only what has to do with this namespace
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// From how much lateness on a schedule is overdue
    #[arg(long, value_name = "DURATION", default_value = "2min")]
    pub overdue: Timeout,
}
