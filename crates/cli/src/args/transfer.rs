//! The command lines of `schedule import` and `schedule export`: jobs from other schedulers, and back.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::Args;
use clusterkeep_core::address::SecretRef;
use clusterkeep_core::sql::TableName;
use clusterkeep_scheduler::{export, import};

use super::Moment;
use super::schedule::StoreArgs;

/// Whose jobs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Text.
    Text(import::Format),
    /// The table of an `APScheduler` 3 job store.
    Apscheduler,
}

/// What jobs are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Timetables, as they are.
    Timetable,
    /// What another scheduler reads.
    Other(export::Format),
}

/// Which jobs of another scheduler.
#[derive(Debug, Args)]
#[command(after_help = "\
The timetable goes to the standard output, what can't be said and the comparison of fires to the standard error. Nothing
is run, loaded or looked up: of APScheduler's pickles the triggers are read as data. Exit code 7 says that some of the
entries are no jobs now, 1 that none is.

Examples:
  crontab -l | clusterkeep schedule import crontab - --zone Europe/Berlin > timetable.yaml
  clusterkeep schedule import kubernetes cronjobs.yaml --report --output timetable.yaml
  clusterkeep schedule import apscheduler sqlite://jobs.db")]
pub struct ImportScheduleArgs {
    /// What is read: crontab, system-crontab (with a column of users), systemd, kubernetes, supertask, quartz, or
    /// apscheduler
    #[arg(value_name = "FORMAT", value_parser = origin)]
    pub origin: Origin,
    /// The files, `-` for the standard input; of apscheduler the address of the database
    #[arg(value_name = "FILE", default_value = "-")]
    pub sources: Vec<String>,
    /// The namespace of the timetable; else the one that its source names, and without one the file has one of its own
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The zone that the other scheduler runs in, where it does not say so itself
    #[arg(long, value_name = "ZONE", value_parser = super::fires::zone)]
    pub zone: Option<Tz>,
    /// From when on ten years of fires are compared; by default from today
    #[arg(long, value_name = "INSTANT|DATE")]
    pub from: Option<Moment>,
    /// Write the timetable to this file, which must not be there yet
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show the comparison of each job, and the fires that differ
    #[arg(long)]
    pub report: bool,
    /// Of crontab: the server by which what runs print is mailed to whom MAILTO names: smtps://USER@HOST, or
    /// smtp://USER@HOST
    #[arg(long, value_name = "SERVER", requires = "mail_from", help_heading = "Mail")]
    pub mail: Option<String>,
    /// From whom it comes, where no MAILFROM says it
    #[arg(long, value_name = "ADDRESS", requires = "mail", help_heading = "Mail")]
    pub mail_from: Option<String>,
    /// Where the password of the server's user is: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", requires = "mail", help_heading = "Mail")]
    pub mail_password: Option<SecretRef>,
    /// Of apscheduler: the table of the job store
    #[arg(long, value_name = "TABLE", default_value = "apscheduler_jobs")]
    pub table: TableName,
}

/// Which jobs go where.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --file the jobs are those of the store. What can't be said there is named on the standard error, and makes the
exit code 7; 1, if it is said of every job. A timetable says everything, and can be applied to another store.

Examples:
  clusterkeep schedule export --namespace weather > weather.yaml
  clusterkeep schedule export systemd -f timetable.yaml --job nightly
  clusterkeep schedule export kubernetes -f timetable.yaml > cronjobs.yaml")]
pub struct ExportScheduleArgs {
    /// What is written: timetable, crontab, system-crontab, systemd, or kubernetes
    #[arg(value_name = "FORMAT", value_parser = target, default_value = "timetable")]
    pub target: Destination,
    /// Where schedules are kept, where no file is named
    #[command(flatten)]
    pub store: StoreArgs,
    /// The file with the timetable, in the place of a store; several are taken together
    #[arg(long = "file", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only this namespace; else all of them
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only this job
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
}

fn origin(name: &str) -> Result<Origin, String> {
    if name == "apscheduler" {
        return Ok(Origin::Apscheduler);
    }
    name.parse().map(Origin::Text).map_err(|_| {
        let known = import::Format::ALL.map(import::Format::as_str).join(", ");
        format!("known are {known} and apscheduler")
    })
}

fn target(name: &str) -> Result<Destination, String> {
    if name == "timetable" {
        return Ok(Destination::Timetable);
    }
    let known = || format!("known are timetable, {}", export::Format::ALL.map(export::Format::as_str).join(", "));
    name.parse().map(Destination::Other).map_err(|_| known())
}
