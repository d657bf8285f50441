//! The command lines of what is asked about expressions: `schedule next`, `lint`, `explain` and `simulate`.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{ArgGroup, Args};
use clusterkeep_scheduler::{Dialect, Fold, Gap};

use super::schedule::StoreArgs;
use super::{Moment, Timeout};

/// An expression or a job, and what it is to be read by.
#[derive(Debug, Args)]
pub struct ExpressionArgs {
    /// A cron expression, `@every 6h` or the like; with -f, --state or --namespace, the name of a job
    pub what: String,
    /// How it is read; that of the job, or by crontab
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// How an expression is read.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("jobs").args(["files", "state", "namespace"]).multiple(true))]
pub struct ReadingArgs {
    /// The file with the timetable that the job is in
    #[arg(long = "file", short, value_name = "FILE", conflicts_with = "state")]
    pub files: Vec<PathBuf>,
    /// Where the job is kept, as for `schedule show`
    #[command(flatten)]
    pub store: StoreArgs,
    /// The namespace of the stored job; without --state it is looked for in the user's state directory
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    pub namespace: Option<String>,
    /// Whose rules the expression is read by: crontab, quartz (and the crate `cron`), kubernetes, or calendar (systemd)
    #[arg(long, value_name = "DIALECT", conflicts_with = "jobs", value_parser = grammar)]
    pub dialect: Option<Grammar>,
    /// The zone whose civil time is meant; that of the job, or UTC
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub zone: Option<Tz>,
    /// What happens to times that do not come: skip, run-after, shift; else run-after for fixed times, skip for intervals
    #[arg(long, value_name = "POLICY", value_parser = gap)]
    pub gap: Option<Gap>,
    /// What happens to times that come twice: first, second, both; else first for fixed times, both for intervals
    #[arg(long, value_name = "POLICY", value_parser = fold)]
    pub fold: Option<Fold>,
}

impl ReadingArgs {
    /// Whether jobs of a store are meant.
    #[must_use]
    pub const fn of_store(&self) -> bool {
        self.store.state.is_some() || self.namespace.is_some()
    }
}

/// How an expression without `@` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// As a cron expression.
    Cron(Dialect),
    /// As a calendar expression of systemd.
    Calendar,
}

/// Which fires.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule next '30 3 * * *' --zone America/New_York
  clusterkeep schedule next '30 1 * * *' --zone America/New_York --count 3 \\
      --after 2026-10-31T00:00:00-04:00
  clusterkeep schedule next nightly --state sqlite://clusterkeep-demo/jobs.db")]
pub struct NextArgs {
    /// What is asked about.
    #[command(flatten)]
    pub expression: ExpressionArgs,
    /// The first one later than this; by default than now
    #[arg(long, value_name = "INSTANT|DATE")]
    pub after: Option<Moment>,
    /// How many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
}

/// Which expression.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep schedule explain '*/15 9-17 * * MON-FRI'
  clusterkeep schedule explain '0 0 0 ? * 1' --dialect quartz
  clusterkeep schedule explain nightly -f examples/weather.yaml")]
pub struct ExplainScheduleArgs {
    /// What is asked about.
    #[command(flatten)]
    pub expression: ExpressionArgs,
}

/// What is looked through.
#[derive(Debug, Args)]
#[command(after_help = "\
A warning is about the expression itself; a note says what another program would make of it. Something that
can't be read ends with exit code 2, and with --strict a warning ends with 1.

Examples:
  clusterkeep schedule lint '0 0 13 * 5'
  clusterkeep schedule lint '0 0 0 ? * 1' --dialect quartz
  clusterkeep schedule lint -f examples/weather.yaml --strict")]
pub struct LintArgs {
    /// A cron expression; with -f, --state or --namespace, the name of a job, and all of them where none is named
    #[arg(required_unless_present = "jobs")]
    pub what: Option<String>,
    /// How it is read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// End with exit code 1 where there is a warning
    #[arg(long)]
    pub strict: bool,
}

/// Which period.
#[derive(Debug, Args)]
#[command(after_help = "\
It tells what would fire, and runs nothing. With --expect-fires, --expect-runs or --expect it is a test: the answer `no`
ends with exit code 1.

Examples:
  clusterkeep schedule simulate '30 1 * * *' --zone America/New_York \\
      --from 2026-10-31 --until 2026-11-03
  clusterkeep schedule simulate -f examples/weather.yaml --from 2014-01-15 --until 2014-01-29 \\
      --expect-fires 14
  clusterkeep schedule simulate nightly -f examples/weather.yaml --from 2014-01-15 \\
      --until 2014-01-29 --takes 5min --down 2014-01-17..2014-01-20 --expect-runs 12")]
pub struct SimulateArgs {
    /// A cron expression; with -f, --state or --namespace, the name of a job, and all of them where none is named
    #[arg(required_unless_present = "jobs")]
    pub what: Option<String>,
    /// How it is read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Where the period begins: the first instant in it
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Moment,
    /// Where the period ends: the first instant behind it
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Moment,
    /// Exit code 1 unless it has so many fires
    #[arg(long, value_name = "N")]
    pub expect_fires: Option<usize>,
    /// Exit code 1 unless it has the fires of this file, which `--format json` has written
    #[arg(long, value_name = "FILE", conflicts_with_all = ["takes", "down"])]
    pub expect: Option<PathBuf>,
    /// Of jobs: how long each run is taken to take; shows what the jobs' overlap and misfire policies make of it
    #[arg(long, value_name = "DURATION", requires = "jobs")]
    pub takes: Option<Timeout>,
    /// Of jobs: a time without a scheduler; it may be given several times
    #[arg(long, value_name = "FROM..UNTIL", requires = "jobs", value_parser = span)]
    pub down: Vec<Span>,
    /// With --takes or --down: exit code 1 unless so many fires run
    #[arg(long, value_name = "N", requires = "jobs")]
    pub expect_runs: Option<u64>,
}

/// A time from one moment, which is in it, to another one, which is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Moment, pub Moment);

fn span(text: &str) -> Result<Span, String> {
    let (from, until) = text.split_once("..").ok_or("write FROM..UNTIL, such as 2026-01-01..2026-01-03")?;
    let moment = |text: &str| text.parse().map_err(str::to_owned);
    Ok(Span(moment(from)?, moment(until)?))
}

pub(super) fn zone(name: &str) -> Result<Tz, String> {
    clusterkeep_core::civil::zone(name).map_err(|error| with_hint(&error))
}

fn grammar(name: &str) -> Result<Grammar, String> {
    if name == "calendar" {
        return Ok(Grammar::Calendar);
    }
    name.parse().map(Grammar::Cron).map_err(|_| "known are crontab, quartz, kubernetes and calendar".to_owned())
}

fn gap(name: &str) -> Result<Gap, String> {
    match name {
        "skip" => Ok(Gap::Skip),
        "run-after" => Ok(Gap::RunAfter),
        "shift" => Ok(Gap::Shift),
        _ => Err("known are skip, run-after and shift".to_owned()),
    }
}

fn fold(name: &str) -> Result<Fold, String> {
    match name {
        "first" => Ok(Fold::First),
        "second" => Ok(Fold::Second),
        "both" => Ok(Fold::Both),
        _ => Err("known are first, second and both".to_owned()),
    }
}

fn with_hint(error: &clusterkeep_core::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}
