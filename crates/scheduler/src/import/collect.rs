//! Gathers what an import finds: jobs under names of their own, remarks, and the comparison of their fires.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use clusterkeep_core::age::{Age, Unit};
use clusterkeep_core::{Error, Result};
use serde_json::json;

use super::equivalence::{Equivalence, Years, compare};
use super::old::Old;
use super::{Imported, MailServer, Note, NoteLevel, Surroundings};
use crate::civil::Zone;
use crate::model::{JobSpec, Mail, SinkKind, SinkSpec, Sinks, When, namespace_is_named};

/// How many runs of one job may go at once, where the other scheduler has no limit.
pub(super) const NO_LIMIT: u32 = 1_000;

/// How many fires are compared in one import: some minutes of work.
const MOST_COMPARED: u64 = 500_000_000;

/// What is found, as it is found.
pub(super) struct Collector {
    /// The zone of what names none.
    zone: Option<Zone>,
    /// How mail is sent.
    mail: Option<MailServer>,
    /// What is compared; nothing where nothing is.
    years: Option<Years>,
    names: HashSet<String>,
    /// What was compared before: many a crontab says the same time on each line.
    compared: HashMap<String, Equivalence>,
    /// How many more fires are compared.
    fires: u64,
    imported: Imported,
}

/// Where something stands.
#[derive(Debug, Clone)]
pub(super) struct At {
    /// The source's name, with a line where it is known.
    pub(super) place: String,
    /// The job that is about.
    pub(super) job: Option<String>,
}

impl At {
    /// A line of a source, counted from 1.
    pub(super) fn line(source: &str, line: usize) -> Self {
        Self { place: format!("{source}:{line}"), job: None }
    }

    /// A source as a whole.
    pub(super) fn source(source: &str) -> Self {
        Self { place: source.to_owned(), job: None }
    }

    /// The same place, of a job.
    pub(super) fn job(&self, job: &str) -> Self {
        Self { place: self.place.clone(), job: Some(job.to_owned()) }
    }
}

impl Collector {
    pub(super) fn new(around: &Surroundings) -> Self {
        Self {
            zone: around.zone.clone(),
            mail: around.mail.clone(),
            years: around.from.map(Years::ten_from),
            names: HashSet::new(),
            compared: HashMap::new(),
            fires: MOST_COMPARED,
            imported: Imported {
                namespace: None,
                jobs: Vec::new(),
                sinks: Sinks::new(),
                notes: Vec::new(),
                equivalences: Vec::new(),
            },
        }
    }

    /// The zone of what names none; that it is not known is said once.
    pub(super) fn zone(&mut self, at: &At) -> Zone {
        self.zone.clone().unwrap_or_else(|| {
            self.once(
                &At { place: at.place.split(':').next().unwrap_or_default().to_owned(), job: None },
                NoteLevel::Differs,
                "it does not say in which zone it runs: UTC is taken; say the machine's with --zone",
            );
            Zone::utc()
        })
    }

    pub(super) fn note(&mut self, at: &At, level: NoteLevel, text: impl Into<String>) {
        let text = printable(&text.into());
        self.imported.notes.push(Note {
            place: printable(&at.place),
            job: at.job.as_deref().map(printable),
            level,
            text,
        });
    }

    /// A remark that is made once, however often there is a reason for it.
    pub(super) fn once(&mut self, at: &At, level: NoteLevel, text: &str) {
        if !self.imported.notes.iter().any(|note| note.text == text) {
            self.note(at, level, text);
        }
    }

    /// Whether mail is sent.
    pub(super) const fn mails(&self) -> bool {
        self.mail.is_some()
    }

    /// The sink that mails these addresses by the server that is known; nothing where none is.
    pub(super) fn mail(&mut self, to: &[String], from: Option<&str>) -> Result<Option<String>> {
        let Some(MailServer { server, from: usual, password }) = self.mail.clone() else { return Ok(None) };
        let from = from.map_or(usual, str::to_owned);
        let mail = Mail { mail: to.to_vec(), from, server, password, root_certificates: None };
        let sink = SinkSpec::new(SinkKind::Mail(mail));
        #[cfg(feature = "notify")]
        crate::notify::check_sink(&sink)?;
        if let Some((name, _)) = self.imported.sinks.iter().find(|(_, known)| **known == sink) {
            return Ok(Some(name.clone()));
        }
        let name = match self.imported.sinks.len() {
            0 => "mail".to_owned(),
            more => format!("mail-{}", more + 1),
        };
        self.imported.sinks.insert(name.clone(), sink);
        Ok(Some(name))
    }

    /// Takes the namespace that a source names, where it is the first that does.
    pub(super) fn namespace(&mut self, at: &At, name: &str) {
        if let Err(error) = namespace_is_named(name) {
            return self.note(at, NoteLevel::Lost, format!("the namespace is left out: {error}"));
        }
        match self.imported.namespace.as_deref() {
            None => self.imported.namespace = Some(name.to_owned()),
            Some(first) if first != name => {
                let text = format!("it was in the namespace `{name}`, and is in `{first}` now: import it by itself");
                self.note(at, NoteLevel::Differs, text);
            }
            Some(_) => {}
        }
    }

    /// A name like `wanted` that no other job has.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut count = 1_u32;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}-{count}");
        }
        name
    }

    /// Takes a job, with its rules for the clock's changes set to what they were there; or says why it is none.
    pub(super) fn add(&mut self, at: &At, mut job: JobSpec, old: Option<&Old>) -> bool {
        let at = at.job(job.name.as_str());
        if let Some((gap, fold)) = old.and_then(Old::policies)
            && job.zone != Zone::utc()
        {
            (job.gap, job.fold) = (Some(gap), Some(fold));
        }
        let compared = job.clone().checked().and_then(|_| old.map(|old| self.compare(&at, &job, old)).transpose());
        match compared {
            Ok(equivalence) => {
                self.imported.equivalences.extend(equivalence.flatten());
                for warning in job.when.warnings().unwrap_or_default() {
                    self.note(&at, NoteLevel::Hint, warning.to_string());
                }
                self.imported.jobs.push(job);
                true
            }
            Err(error) => {
                self.refuse(&at, &error);
                false
            }
        }
    }

    fn compare(&mut self, at: &At, job: &JobSpec, old: &Old) -> Result<Option<Equivalence>> {
        // Within one source the same times here come of the same times there.
        let key = format!("{:?} {} {:?} {:?} {:?} {:?}", job.when, job.zone, job.gap, job.fold, job.starts, job.ends);
        if let Some(known) = self.compared.get(&key) {
            return Ok(Some(Equivalence { job: job.name.clone(), ..known.clone() }));
        }
        let Some(years) = self.years else { return Ok(None) };
        if self.fires == 0 {
            self.once(at, NoteLevel::Hint, "there are too many fires to compare all of them: from here on none are");
            return Ok(None);
        }
        let equivalence = compare(job, old, years)?;
        self.fires = self.fires.saturating_sub(equivalence.there.max(equivalence.here));
        self.compared.insert(key, equivalence.clone());
        Ok(Some(equivalence))
    }

    /// Says that an entry is no job, and why.
    pub(super) fn refuse(&mut self, at: &At, error: &Error) {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.note(at, NoteLevel::Refused, format!("{error}{hint}"));
    }

    pub(super) fn done(self) -> Imported {
        self.imported
    }
}

/// A job that says no more than it must; `run` is as a file would say it.
pub(super) fn job(name: &str, when: &When, run: &serde_json::Value) -> Result<JobSpec> {
    read(json!({ "name": name, "when": when, "run": run }))
}

/// A job as a file would say it.
pub(super) fn read(job: serde_json::Value) -> Result<JobSpec> {
    serde_json::from_value(job).map_err(|error| {
        // A hint travels behind a mark that is no text.
        let text = error.to_string();
        let (what, hint) = text.split_once('\u{1f}').map_or((text.as_str(), None), |(what, hint)| (what, Some(hint)));
        let error = Error::input(what.to_owned());
        match hint {
            Some(hint) => error.with_hint(hint.to_owned()),
            None => error,
        }
    })
}

/// A length of time in the largest unit that it is whole in, days left out: those of a clock that changes have none.
pub(super) fn age(length: TimeDelta) -> Option<Age> {
    let (count, unit) = match (length.num_milliseconds(), length.num_seconds()) {
        (millis, seconds) if millis % 1_000 != 0 => (millis.max(seconds), Unit::Millisecond),
        (_, seconds) if seconds % 3_600 == 0 => (seconds / 3_600, Unit::Hour),
        (_, seconds) if seconds % 60 == 0 => (seconds / 60, Unit::Minute),
        (_, seconds) => (seconds, Unit::Second),
    };
    u32::try_from(count).ok().and_then(|count| Age::new(count, unit))
}

/// Text of somebody else's on one line, without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
