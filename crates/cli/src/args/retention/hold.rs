//! The command line of `retention hold`.

use chrono_tz::Tz;
use clap::{Args, Subcommand};
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::model::Tag;

use super::StateArgs;
use crate::args::Moment;

/// What can be done about holds.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Keep a table, a part of one, or the tables of a tag, whatever policies say
    Add(AddHoldArgs),
    /// List the holds that nobody has released
    List(ListHoldsArgs),
    /// End a hold
    Release(ReleaseHoldArgs),
}

/// What is to be held, and why.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("scope").args(["table", "tag", "from", "until", "everything"]).required(true).multiple(true)),
    override_usage = "clusterkeep retention hold add --reason <TEXT> <--table|--tag|--from|--until|--everything>",
    after_help = "\
All that is named must fit. A hold on a part of a partition keeps all of it.

Examples:
  clusterkeep retention hold add --cluster sqlite://clusterkeep-demo/weather.db \\
      --table observations --reason 'lawsuit 12/7' --owner legal@example.org
  clusterkeep retention hold add --cluster sqlite://clusterkeep-demo/weather.db \\
      --table observations --from 2013-07-01 --until 2013-08-01 --reason 'study of a storm'
  clusterkeep retention hold add --cluster sqlite://clusterkeep-demo/weather.db \\
      --tag acme --expires 2030-01-01 --reason 'the contract ends then'"
)]
pub struct AddHoldArgs {
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// This table
    #[arg(long, value_name = "TABLE")]
    pub table: Option<TableName>,
    /// All tables of this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<Tag>,
    /// Only what has something at or after this
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Only what has something before this
    #[arg(long, value_name = "INSTANT|DATE")]
    pub until: Option<Moment>,
    /// Everything: nothing goes while it is there
    #[arg(long, conflicts_with_all = ["table", "tag", "from", "until"])]
    pub everything: bool,
    /// When it ends by itself; what it holds still stays for the run that finds that out
    #[arg(long, value_name = "INSTANT|DATE")]
    pub expires: Option<Moment>,
    /// The zone of dates
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    pub zone: Tz,
    /// Why it must stay
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who answers for it; who runs this, where nobody is named
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
}

fn zone(text: &str) -> Result<Tz, String> {
    clusterkeep_core::civil::zone(text).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}

/// Which holds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention hold list --cluster sqlite://clusterkeep-demo/weather.db
  clusterkeep retention hold list --cluster sqlite://clusterkeep-demo/weather.db --format json
  clusterkeep retention hold list --cluster sqlite://clusterkeep-demo/weather.db --format csv")]
pub struct ListHoldsArgs {
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
}

/// Which hold ends, and why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep retention hold release 1 --cluster sqlite://clusterkeep-demo/weather.db \\
      --reason 'the study is done'
  clusterkeep retention hold release 2 --cluster sqlite://clusterkeep-demo/weather.db \\
      --reason 'settled' --format json
  clusterkeep retention hold release 3 --cluster sqlite://clusterkeep-demo/weather.db \\
      --reason 'the contract has ended'")]
pub struct ReleaseHoldArgs {
    /// Its number, as `hold list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where.
    #[command(flatten)]
    pub place: StateArgs,
    /// Why it may end
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
