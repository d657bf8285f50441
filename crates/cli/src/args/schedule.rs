//! The command lines of `schedule` and `run`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use clusterkeep_core::age::Age;
use clusterkeep_scheduler::RunState;

use super::{
    ApplyTimetableArgs, BackfillArgs, CancelArgs, ClusterArgs, DiffTimetableArgs, DoctorArgs, ExplainScheduleArgs,
    ExportScheduleArgs, ImportScheduleArgs, LedgerArgs, LintArgs, LogsArgs, Moment, NamespacesArgs, NextArgs,
    OneOffArgs, PauseArgs, PlanTimetableArgs, ResumeArgs, RetryArgs, ShowScheduleArgs, SimulateArgs, Timeout,
    ValidateArgs,
};

/// What can be done about schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List the schedules that a store knows, with their next fire and latest run
    List(ListSchedulesArgs),
    /// Show one schedule: its versions, its next fires and what it did last
    Show(ShowScheduleArgs),
    /// Show when an expression or a job fires next, and what the clock's changes do to it
    Next(NextArgs),
    /// Say in plain words when an expression or a job fires
    Explain(ExplainScheduleArgs),
    /// Say what in expressions may not be meant, and what other programs would make of them
    Lint(LintArgs),
    /// Show all fires of a period, without waiting and without running anything
    Simulate(SimulateArgs),
    /// Keep a job from firing, until it is resumed
    Pause(PauseArgs),
    /// Let a job fire again, and record what it has not run meanwhile
    Resume(ResumeArgs),
    /// Run a job at once, beside its schedule
    Trigger(TriggerArgs),
    /// Run a job for the fires of a past period that did not run
    Backfill(BackfillArgs),
    /// End runs that wait or are going
    Cancel(CancelArgs),
    /// Have runs tried anew that failed in all of their attempts
    Retry(RetryArgs),
    /// Show what became of fires, the latest first
    History(HistoryArgs),
    /// Show what runs have written, the latest last
    Logs(LogsArgs),
    /// Account for every fire of a period: fired, coalesced, skipped or missed
    Ledger(LedgerArgs),
    /// Look for what is wrong with a store and its schedulers
    Doctor(DoctorArgs),
    /// Read the jobs of another scheduler into a timetable, and compare ten years of fires
    Import(ImportScheduleArgs),
    /// Say all that is wrong with timetables, without a store
    Validate(ValidateArgs),
    /// Show what applying timetables to a store would create, change and remove
    Plan(PlanTimetableArgs),
    /// Show field by field what timetables say otherwise than a store
    Diff(DiffTimetableArgs),
    /// Apply timetables to a store, as a plan says
    Apply(ApplyTimetableArgs),
    /// Print what a store has as timetables, or for another scheduler
    Export(ExportScheduleArgs),
    /// List the namespaces of a store, and where their jobs come from
    Namespaces(NamespacesArgs),
}

/// Where schedules and runs are kept.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Where schedules and runs are kept: sqlite:, postgres: or crate:, or memory: for once; by default a SQLite file in
    /// the user's state directory
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
It runs here, or, where a scheduler is running on the store, there. Without -f it waits in the store for a
scheduler. With --key there is one run per key and window of time, whoever asks for it and how often.

Examples:
  clusterkeep schedule trigger nightly --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml
  clusterkeep schedule trigger nightly --cluster sqlite://clusterkeep-demo/weather.db \\
      -f examples/weather.yaml --state sqlite://clusterkeep-demo/jobs.db
  clusterkeep schedule trigger nightly --key import-17 --within 1h --args '{}'")]
pub struct TriggerArgs {
    /// The job
    pub job: String,
    /// The file with the timetable, and with what its jobs name; several are taken together
    #[arg(long = "file", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The cluster that jobs work on.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Where runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Without -f: the namespace of the job, where its name alone does not say it
    #[arg(long, short, value_name = "NAME", conflicts_with = "files")]
    pub namespace: Option<String>,
    /// Without -f: arguments that take the place of the job's own, a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "files", value_parser = object)]
    pub args: Option<Object>,
    /// Without -f: what makes this run the same as another one
    #[arg(long, value_name = "TEXT", conflicts_with = "files", requires = "within")]
    pub key: Option<String>,
    /// How long a key stands for one run
    #[arg(long, value_name = "DURATION", requires = "key")]
    pub within: Option<Age>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

type Object = serde_json::Map<String, serde_json::Value>;

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
    /// Only those of this namespace
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only runs that failed, are dead or were refused
    #[arg(long, conflicts_with = "in_state")]
    pub failed: bool,
    /// Only runs that failed in each of their attempts
    #[arg(long, conflicts_with_all = ["in_state", "failed"])]
    pub dead: bool,
    /// Only runs for instants before this one: the next page
    #[arg(long, value_name = "INSTANT|DATE")]
    pub before: Option<Moment>,
    /// Only runs in this state: pending, running, succeeded, failed, dead, cancelled, refused, skipped, coalesced, missed
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub in_state: Vec<RunState>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// Show what each of them has written, too
    #[arg(long)]
    pub output: bool,
}

/// What is run.
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C or SIGTERM once: no new run starts, those that are going get their grace. Twice: at once. SIGHUP reads the
files again; where they are not in order, the old ones stay valid. Several of these may run on one store.

With --namespace it also runs what `schedule apply` has put into the store, and what is put there later. Whoever can
write to the store decides what that is, so it runs named actions alone, but for what the file of --allow lists.

One job needs no timetable: its output is shown, and the exit code is 1 where it has failed.

Examples:
  clusterkeep run --cluster sqlite://clusterkeep-demo/weather.db -f examples/weather.yaml
  clusterkeep run --cluster sqlite://clusterkeep-demo/weather.db --namespace weather \\
      --allow permissions.yaml
  clusterkeep run --command 'echo hello' --when once")]
pub struct RunArgs {
    /// The file with the timetable, and with what its jobs name, or its URL (https://, http://, s3://, az://, gs://);
    /// several are taken together. A Python or Rust file with inline metadata is a timetable of one job
    ///
    /// [default: clusterkeep.yaml, where nothing else is said to be run]
    #[arg(long = "file", short, value_name = "FILE|URL")]
    pub files: Vec<PathBuf>,
    /// What must come from a URL: sha256: and 64 hexadecimal digits, once for each URL; or `#sha256=HEX` behind the URL
    #[arg(long, value_name = "sha256:HEX")]
    pub checksum: Vec<String>,
    /// Run the jobs that the store has of this namespace, too; may be given several times
    #[arg(long, short, value_name = "NAME", conflicts_with_all = ["command", "words"])]
    pub namespace: Vec<String>,
    /// The file that says what jobs out of the store may use, and which URLs need no checksum, kind: Permissions; by
    /// default permissions.yaml in the user's configuration directory
    #[arg(long, value_name = "FILE")]
    pub allow: Option<PathBuf>,
    /// What is run without a timetable.
    #[command(flatten)]
    pub one: OneOffArgs,
    /// The cluster that jobs work on.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Where schedules and runs are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How long runs may go on after it was asked to stop
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub grace: Timeout,
    /// How long runs stay this program's own while it does not get to the store
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    pub lease: Timeout,
    /// How many runs may go at once, of each namespace
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    pub at_once: u32,
    /// Answer /healthz, /readyz and /metrics (Prometheus) by HTTP, without encryption: on this port of 127.0.0.1, or on
    /// another address of this machine
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub listen: Option<Listen>,
}

/// Where to listen: loopback, unless an address is given.
///
/// ```
/// use clusterkeep::args::Listen;
/// assert_eq!("9464".parse::<Listen>().unwrap().0.to_string(), "127.0.0.1:9464");
/// assert_eq!("0.0.0.0:9464".parse::<Listen>().unwrap().0.to_string(), "0.0.0.0:9464");
/// assert!("somewhere".parse::<Listen>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(port) = text.trim_start_matches(':').parse() {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Self).map_err(|_| "write a port, such as 9464, or an address with one, such as 127.0.0.1:9464")
    }
}

fn object(text: &str) -> Result<Object, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}; write an object such as {{\"part\": 3}}"))
}

fn state(name: &str) -> Result<RunState, String> {
    name.parse().map_err(|error: clusterkeep_core::Error| error.to_string())
}
