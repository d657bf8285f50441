//! Crontabs, as Vixie's cron, Debian's cron and cronie read them (crontab(5)).

mod line;

use std::collections::BTreeMap;

use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

pub(crate) use self::line::without_large_steps;
use self::line::{Entry, Line, split};
use super::collect::{At, Collector, NO_LIMIT, job};
use super::old::{Old, vixie};
use super::{NoteLevel, Source, naming, secret};
use crate::civil::Zone;
use crate::model::{Misfire, Notify, Occasion, Overlap, When};
use crate::trigger::{Cron, Dialect};

/// What the lines so far have set.
#[derive(Default)]
struct Settings {
    env: BTreeMap<String, String>,
    shell: Option<String>,
    zone: Option<Zone>,
    /// Whom what runs print is mailed to.
    mail: Vec<String>,
    /// From whom, where the crontab says it.
    mail_from: Option<String>,
    /// Minutes by which cronie delays a start at most.
    delay: Option<u32>,
    /// The comment right above.
    comment: Option<String>,
}

/// Reads a crontab; with `system`, a user stands in front of each command.
pub(super) fn read(source: &Source, system: bool, collector: &mut Collector) {
    let mut settings = Settings::default();
    for (index, text) in source.text.lines().enumerate() {
        let at = At::line(&source.name, index + 1);
        match split(text, system) {
            Line::Blank => settings.comment = None,
            Line::Comment(comment) => settings.comment = comment,
            Line::Setting { name, value } => settings.set(&name, value, &at, collector),
            Line::Entry(entry) => {
                if let Err(error) = settings.entry(&entry, &at, collector) {
                    collector.refuse(&at, &error);
                }
                settings.comment = None;
            }
            Line::Wrong(why) => collector.refuse(&at, &Error::input(why)),
        }
    }
}

impl Settings {
    fn set(&mut self, name: &str, value: String, at: &At, collector: &mut Collector) {
        match name {
            "SHELL" => self.shell = Some(value).filter(|shell| shell != "/bin/sh"),
            "CRON_TZ" => match value.parse::<Zone>() {
                Ok(zone) => {
                    collector.once(
                        at,
                        NoteLevel::Differs,
                        "CRON_TZ is read as cronie does; Debian's own cron keeps to the machine's zone",
                    );
                    self.zone = Some(zone);
                }
                Err(error) => collector.refuse(at, &error),
            },
            "MAILTO" if value.is_empty() => {
                self.mail.clear();
                collector.once(at, NoteLevel::Hint, "no mail is sent here; what a run prints is kept in its history");
            }
            "MAILTO" => {
                self.mail = value.split(',').map(|address| address.trim().to_owned()).collect();
                if let Err(why) = self.sink(collector) {
                    self.mail.clear();
                    collector.note(
                        at,
                        NoteLevel::Lost,
                        format!("what a run prints is not mailed to `{value}` but kept in its history: {why}"),
                    );
                }
            }
            "MAILFROM" if collector.mails() => self.mail_from = Some(value).filter(|from| !from.is_empty()),
            "MAILFROM" | "CONTENT_TYPE" | "CONTENT_TRANSFER_ENCODING" => {
                collector.note(at, NoteLevel::Lost, format!("`{name}` is about mail, which is not sent"));
            }
            "RANDOM_DELAY" => self.delay = value.parse().ok().filter(|minutes| *minutes > 0),
            _ => {
                if name == "TZ" {
                    collector.once(
                        at,
                        NoteLevel::Hint,
                        "TZ is for the commands alone: like cron, it does not move when they run",
                    );
                }
                let value = if secret::is_secret(name) {
                    collector.note(at, NoteLevel::Differs, secret::remark(name));
                    secret::reference(name)
                } else if value.starts_with("env:") || value.starts_with("file:") {
                    collector.note(
                        at,
                        NoteLevel::Lost,
                        format!("`{name}`: its value would be a reference here, and was left out"),
                    );
                    self.env.remove(name);
                    return;
                } else {
                    value
                };
                self.env.insert(name.to_owned(), value);
            }
        }
    }

    /// The sink of whom mail goes to, or why there is none.
    fn sink(&self, collector: &mut Collector) -> Result<String, String> {
        let sink = collector.mail(&self.mail, self.mail_from.as_deref());
        match sink.map_err(|error| error.to_string())? {
            Some(name) => Ok(name),
            None => Err("give the server of mail with --mail, or say `notify` of the jobs".to_owned()),
        }
    }

    fn entry(&self, entry: &Entry, at: &At, collector: &mut Collector) -> Result<()> {
        if entry.command.trim().is_empty() {
            return Err(Error::input("there is no command"));
        }
        let zone = self.zone.clone().unwrap_or_else(|| collector.zone(at));
        let name = collector.name(&naming::of_command(&entry.command));
        let of_job = at.job(&name);
        let when = if entry.when.eq_ignore_ascii_case("@reboot") {
            collector.note(
                &of_job,
                NoteLevel::Differs,
                "`@reboot` means whenever the scheduler starts, not the machine",
            );
            When::Startup
        } else {
            cron(&entry.when, &of_job, collector)?
        };
        let mut job = job(&name, &when, &self.run(entry))?;
        job.description.clone_from(&self.comment);
        job.zone = zone;
        job.misfire = Misfire::Skip;
        if !self.mail.is_empty() {
            let sink = self.sink(collector).map_err(Error::input)?;
            let rule = Notify::on([Occasion::Output]).to(sink).subject("Cron {{ job }}")?.text("{{ output }}")?;
            job.notify = Some(vec![rule]);
        }
        if let Some(delay) = self.delay
            && when != When::Startup
        {
            job.jitter = Some(format!("{delay} min").parse()?);
            collector.note(
                &of_job,
                NoteLevel::Differs,
                "RANDOM_DELAY is drawn anew for each fire here, and once per job there",
            );
        }
        if when != When::Startup {
            job.overlap = at_once(NO_LIMIT);
            collector.once(
                &At::source(at.place.split(':').next().unwrap_or_default()),
                NoteLevel::Hint,
                "cron starts a run beside one that is still going, and so does `overlap: {allow: ..}`; `overlap: skip` would not",
            );
        }
        let old = vixie::read(&entry.when).map(Old::Civil);
        if let (Err(why), true) = (&old, when != When::Startup) {
            collector.note(
                &of_job,
                NoteLevel::Differs,
                format!("cron itself refuses this line ({why}): there is nothing to compare with"),
            );
        }
        collector.add(at, job, old.ok().as_ref());
        Ok(())
    }

    /// What a job runs, as a file says it.
    fn run(&self, entry: &Entry) -> Value {
        let mut run = Map::new();
        match &self.shell {
            Some(shell) => run.insert("exec".into(), json!([shell, "-c", entry.command])),
            None => run.insert("command".into(), json!(entry.command)),
        };
        if let Some(stdin) = &entry.stdin {
            run.insert("stdin".into(), json!(stdin));
        }
        if let Some(user) = &entry.user {
            run.insert("user".into(), json!(user));
        }
        if let Some(home) = self.env.get("HOME") {
            run.insert("cwd".into(), json!(home));
        }
        if !self.env.is_empty() {
            run.insert("env".into(), json!(self.env));
        }
        // Cron gives its commands next to nothing of its own environment.
        run.insert("environment".into(), json!("clean"));
        // What cron leaves running in the background goes on.
        if leaves_running(&entry.command) {
            run.insert("leftover".into(), json!("stay"));
        }
        Value::Object(run)
    }
}

/// Whether a command ends with `&`, so that what it has started outlives it.
fn leaves_running(command: &str) -> bool {
    command.trim_end().strip_suffix('&').is_some_and(|before| !before.ends_with(['&', '\\', '>', '<', '|']))
}

/// Runs beside one another.
pub(super) fn at_once(most: u32) -> Overlap {
    std::num::NonZeroU32::new(most).filter(|most| most.get() > 1).map_or(Overlap::Skip, Overlap::Allow)
}

/// An expression of cron, written anew where this crate's dialect refuses what cron takes.
pub(super) fn cron(text: &str, at: &At, collector: &mut Collector) -> Result<When> {
    let text = match text.to_ascii_lowercase().as_str() {
        "@every_minute" => "* * * * *".to_owned(),
        _ => text.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
    };
    let error = match Cron::parse_as(&text, Dialect::Crontab, "") {
        Ok(_) => return Ok(When::Cron { text, dialect: Dialect::Crontab }),
        Err(error) => error,
    };
    let written = without_large_steps(&text);
    if written != text && Cron::parse_as(&written, Dialect::Crontab, "").is_ok() {
        collector.note(
            at,
            NoteLevel::Hint,
            format!("`{text}` has a step larger than its field: it is written `{written}`"),
        );
        return Ok(When::Cron { text: written, dialect: Dialect::Crontab });
    }
    Err(error)
}
