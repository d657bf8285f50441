//! The command line of `run` for one job without a timetable.

use clap::Args;

use super::Timeout;

/// What is run without a timetable, and when.
#[derive(Debug, Clone, Default, Args)]
pub struct OneOffArgs {
    /// Run this line of the shell, instead of a timetable
    #[arg(long, value_name = "LINE", conflicts_with_all = ["files", "words"], help_heading = "One job")]
    pub command: Option<String>,
    /// When it runs: `once`, which is at once, or what a timetable's `when` takes: @daily, '30 3 * * *', '@every 90s'
    #[arg(long, value_name = "once|WHEN", help_heading = "One job")]
    pub when: Option<String>,
    /// The zone whose civil time --when means
    #[arg(long, value_name = "ZONE", requires = "when", help_heading = "One job")]
    pub zone: Option<String>,
    /// Run it again and again, so long after each end, and show what it writes, as watch(1) does
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["when", "files"], help_heading = "One job")]
    pub watch: Option<Timeout>,
    /// With --watch: count from beginning to beginning
    #[arg(long, requires = "watch", help_heading = "One job")]
    pub precise: bool,
    /// Run this, instead of a timetable: cmd:LINE, python:FILE, python:MODULE:FUNCTION, node:FILE, rust:FILE,
    /// sql:STATEMENT, http:URL or container:IMAGE, with its arguments; without such a prefix it is a command
    #[arg(last = true, value_name = "TARGET", conflicts_with = "files", help_heading = "One job")]
    pub words: Vec<String>,
}

impl OneOffArgs {
    /// Whether something else than a file is to be run.
    #[must_use]
    pub const fn is_meant(&self) -> bool {
        self.command.is_some() || !self.words.is_empty() || self.watch.is_some()
    }
}
