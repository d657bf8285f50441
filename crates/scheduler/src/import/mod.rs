//! Jobs of other schedulers: what they run and when becomes jobs of a timetable, and what can't be said is named.
//!
//! Everything here is a pure function of text. Nothing is executed, looked up or loaded: no command, no import of a
//! Python module, no pickle, no zone of the machine. A job's `gap` and `fold` are set to what its source does where the
//! clock changes, and [`Equivalence`] holds the fires of ten years against each other.

mod aps;
mod collect;
mod crontab;
mod equivalence;
mod kubernetes;
mod naming;
mod old;
mod pickle;
mod quartz;
mod secret;
mod supertask;
mod systemd;
mod task;
mod yaml;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use serde::Serialize;

pub use aps::StoredJob;
pub(crate) use crontab::without_large_steps;
pub use equivalence::{Difference, Equivalence, Why};
pub use task::{TaskFile, task_file};

use crate::civil::Zone;
use crate::model::{JobSpec, SecretRef, Sinks};
use crate::named::by_name;
use collect::Collector;

/// Whose jobs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A user's crontab.
    Crontab,
    /// `/etc/crontab` and the files of `/etc/cron.d`, which have a user in front of the command.
    SystemCrontab,
    /// Timers and services of systemd, as `systemctl cat` prints them.
    Systemd,
    /// Objects of kind `CronJob` of Kubernetes, as YAML or JSON.
    Kubernetes,
    /// Timetables of supertask, as YAML, JSON, or Python files with inline metadata; Rust files with inline metadata, too.
    Supertask,
    /// Expressions of Quartz: lines of a name and an expression, or a file of properties.
    Quartz,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Crontab, Self::SystemCrontab, Self::Systemd, Self::Kubernetes, Self::Supertask, Self::Quartz];

    /// The name, as a command line writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crontab => "crontab",
            Self::SystemCrontab => "system-crontab",
            Self::Systemd => "systemd",
            Self::Kubernetes => "kubernetes",
            Self::Supertask => "supertask",
            Self::Quartz => "quartz",
        }
    }
}

by_name!(Format, "format `{}` is unknown");

/// What a text does not say itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Surroundings {
    /// The zone that the other scheduler runs in, where it is known; else UTC is taken, and said.
    pub zone: Option<Zone>,
    /// The instant from which on ten years are compared; nothing, where they are not.
    pub from: Option<DateTime<Utc>>,
    /// By which server mail is sent that the other scheduler sends, where it is to be.
    pub mail: Option<MailServer>,
}

impl Surroundings {
    /// Nothing is known, and ten years from this instant on are compared.
    #[must_use]
    pub const fn from(from: DateTime<Utc>) -> Self {
        Self { zone: None, from: Some(from), mail: None }
    }

    /// Says the zone that the other scheduler runs in.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Says by which server mail is sent.
    #[must_use]
    pub fn mail(mut self, server: MailServer) -> Self {
        self.mail = Some(server);
        self
    }
}

/// A server of mail, as a sink says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its address: `smtps://USER@HOST`, or `smtp://USER@HOST`.
    pub server: String,
    /// From whom mail comes where the source does not say it.
    pub from: String,
    /// The password of the user.
    pub password: Option<SecretRef>,
}

/// A text with the name that messages call it by, such as the path of its file.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What became of another scheduler's jobs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imported {
    /// The namespace of the jobs, where the source names one.
    pub namespace: Option<String>,
    /// The jobs, in the order of the source.
    pub jobs: Vec<JobSpec>,
    /// Where notifications of the jobs go, by the names that these call it.
    pub sinks: Sinks,
    /// What could not be said, or means something else here.
    pub notes: Vec<Note>,
    /// Their fires over ten years, there and here; nothing of jobs without fires that are known beforehand.
    pub equivalences: Vec<Equivalence>,
}

impl Imported {
    /// How many entries of the source are no job now.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.notes.iter().filter(|note| note.level == NoteLevel::Refused).count()
    }
}

/// A remark on an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where it is said: the name of the source, and the line, from 1 on, where it is known.
    pub place: String,
    /// The job that it is about; none, where it is about all of them.
    pub job: Option<String>,
    /// How much it matters.
    pub level: NoteLevel,
    /// The remark.
    pub text: String,
}

/// How much a remark on an import matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// An entry is no job now.
    Refused,
    /// Something that was said there is not said here.
    Lost,
    /// Something is said, and means something else.
    Differs,
    /// Something that is good to know.
    Hint,
}

impl NoteLevel {
    /// The name in texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Differs => "differs",
            Self::Hint => "hint",
        }
    }
}

/// Reads the jobs of another scheduler.
///
/// ```
/// use clusterkeep_scheduler::import::{Format, Source, Surroundings, import};
/// let source = Source { name: "crontab".into(), text: "30 2 * * * /usr/local/bin/backup --all\n".into() };
/// let around = Surroundings::from("2026-01-01T00:00:00Z".parse().unwrap()).zone("Europe/Berlin".parse()?);
/// let imported = import(Format::Crontab, &[source], &around)?;
/// assert_eq!(imported.jobs[0].name.as_str(), "backup");
/// assert_eq!(imported.equivalences[0].there, 3_652);
/// assert_eq!(imported.equivalences[0].same, 3_652);
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
///
/// # Errors
///
/// Text that is not of this format at all. An entry that can't be read is a note, and the others are read.
pub fn import(format: Format, sources: &[Source], around: &Surroundings) -> Result<Imported> {
    let mut collector = Collector::new(around);
    match format {
        Format::Crontab => sources.iter().for_each(|source| crontab::read(source, false, &mut collector)),
        Format::SystemCrontab => sources.iter().for_each(|source| crontab::read(source, true, &mut collector)),
        Format::Systemd => systemd::read(sources, &mut collector)?,
        Format::Kubernetes => {
            for source in sources {
                kubernetes::read(source, &mut collector)?;
            }
        }
        Format::Supertask => {
            for source in sources {
                supertask::read(source, &mut collector)?;
            }
        }
        Format::Quartz => sources.iter().for_each(|source| quartz::read(source, &mut collector)),
    }
    Ok(collector.done())
}

/// Reads the jobs of an `APScheduler` 3 job store: the rows of its table.
///
/// Their pickles are never loaded. A reader of its own takes them apart as data, knows the few classes that triggers are
/// made of, and refuses a row that names any other.
#[must_use]
pub fn import_apscheduler(jobs: &[StoredJob], around: &Surroundings) -> Imported {
    let mut collector = Collector::new(around);
    jobs.iter().for_each(|job| aps::read(job, &mut collector));
    collector.done()
}
