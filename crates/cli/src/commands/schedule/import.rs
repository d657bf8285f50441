//! `schedule import`: jobs of other schedulers as a timetable, with what can't be said and with a comparison of fires.

use std::io::{Read as _, Write as _};
use std::path::Path;

use chrono::{NaiveTime, SecondsFormat, Utc};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::manifest;
use clusterkeep_core::sql::{ConnectOptions, Db, Row, SqlBuilder, TableName, Value};
use clusterkeep_core::{Error, ErrorClass, ExitCode, Result};
use clusterkeep_scheduler::import::{
    Equivalence, Imported, MailServer, Note, NoteLevel, Source, StoredJob, Surroundings, import as read,
    import_apscheduler,
};
use clusterkeep_scheduler::{SecretRef, Timetable, Zone};
use serde::Serialize;

use crate::args::{ImportScheduleArgs, Origin};
use crate::context::Context;
use crate::output::{Format, Printer};

/// The largest text that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What programs are given.
#[derive(Serialize)]
struct Document<'a> {
    timetable: &'a Timetable,
    notes: &'a [Note],
    fires: &'a [Equivalence],
}

pub(super) async fn import(args: ImportScheduleArgs, context: &Context) -> Result<ExitCode> {
    let today = SystemClock.now().date_naive().and_time(NaiveTime::MIN).and_utc();
    let mut around = Surroundings::from(args.from.map_or(today, |from| from.at(chrono_tz::UTC)));
    around.zone = args.zone.map(Zone::from);
    if let (Some(server), Some(from)) = (args.mail.clone(), args.mail_from.clone()) {
        around.mail = Some(MailServer { server, from, password: args.mail_password.clone().map(SecretRef::At) });
    }
    let imported = match args.origin {
        Origin::Text(format) => {
            let sources = args.sources.iter().map(|name| source(name)).collect::<Result<Vec<_>>>()?;
            read(format, &sources, &around)?
        }
        Origin::Apscheduler => import_apscheduler(&rows(&args, context).await?, &around),
    };
    let (sinks, namespace) = (imported.sinks.clone(), args.namespace.clone().or_else(|| imported.namespace.clone()));
    let timetable = Timetable { sinks, namespace, ..Timetable::of("", imported.jobs.clone()) };
    show(&args, &timetable, &imported, &context.printer)?;
    Ok(match (timetable.jobs.len(), imported.refused()) {
        (0, 0) => {
            context.printer.alert("there is nothing to import");
            ExitCode::Failed
        }
        (0, _) => ExitCode::Failed,
        (_, 0) => ExitCode::Done,
        _ => ExitCode::Partial,
    })
}

/// A file, or the standard input.
fn source(name: &str) -> Result<Source> {
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::Input {
        what: format!("read `{name}`"),
        place: None,
        hint: Some("is the path right, and may this user read the file?".into()),
        source: Some(error.into()),
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::input(format!("`{name}` is larger than 16 MiB")).with_hint("is it the right file?"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::input(format!("`{name}` is no UTF-8 text")).with_hint("save the file as UTF-8"))?;
    Ok(Source { name: if name == "-" { "stdin".to_owned() } else { name.to_owned() }, text })
}

/// The rows of a job store. The database is only read.
async fn rows(args: &ImportScheduleArgs, context: &Context) -> Result<Vec<StoredJob>> {
    let [address] = args.sources.as_slice() else {
        return Err(Error::input("a job store is one database").with_hint("name its address alone"));
    };
    if address == "-" {
        return Err(Error::input("a job store is a database, and no text")
            .with_hint("name its address: clusterkeep schedule import apscheduler sqlite://jobs.db"));
    }
    let db = context.connect_state(address, ConnectOptions::default().read_only().max_sessions(1)).await?;
    let rows = table(&db, &args.table).await;
    db.close().await;
    rows
}

async fn table(db: &Db, table: &TableName) -> Result<Vec<StoredJob>> {
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT ").join(", ", ["id", "next_run_time", "job_state"], |sql, column| {
        sql.name(column);
    });
    query.push(" FROM ").table(table).push(" ORDER BY ").name("id");
    let records = db.query(query.build()).await.map_err(|error| match error.class() {
        Some(ErrorClass::MissingRelation | ErrorClass::MissingColumn) => Error::Input {
            what: format!("`{table}` is no job store of APScheduler 3"),
            place: None,
            hint: Some("name its table with --table; by default it is apscheduler_jobs".into()),
            source: Some(error.into()),
        },
        _ => error,
    })?;
    records.rows().map(stored).collect()
}

fn stored(row: &Row) -> Result<StoredJob> {
    let state = match row.value("job_state")? {
        Value::Bytes(bytes) => bytes.clone(),
        // Where a database takes no bytes it is text.
        Value::Text(text) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.trim())
            .map_err(|error| Error::caused("read `job_state`", error))?,
        other => return Err(Error::input(format!("`job_state` is {other}, and no bytes"))),
    };
    Ok(StoredJob { id: row.get("id")?, next_run_time: row.get("next_run_time")?, state })
}

fn show(args: &ImportScheduleArgs, timetable: &Timetable, imported: &Imported, printer: &Printer) -> Result<()> {
    let text = match printer.format() {
        format @ (Format::Json | Format::Ndjson) => {
            format.document(&Document { timetable, notes: &imported.notes, fires: &imported.equivalences })?
        }
        Format::Table | Format::Yaml => file(timetable)?,
        Format::Csv | Format::Markdown | Format::Html => {
            return Err(Error::input("a timetable is no list of rows").with_hint("ask for it as yaml or json"));
        }
    };
    if !timetable.jobs.is_empty() {
        match &args.output {
            Some(path) => write(path, &text)?,
            None => printer.data(&text)?,
        }
    }
    for note in &imported.notes {
        let job = note.job.as_deref().map(|job| format!(" {job}:")).unwrap_or_default();
        printer.note(&format!("{}: {}:{job} {}", note.place, note.level.as_str(), note.text));
    }
    for fires in &imported.equivalences {
        if args.report || !fires.differences.is_empty() {
            printer.note(&compared(fires));
        }
        for difference in &fires.differences {
            printer.note(&format!("  {} {}", difference.count, difference.why.as_str()));
            if args.report {
                let instants = difference.fires.iter().map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
                let more = if (difference.fires.len() as u64) < difference.count { ", .." } else { "" };
                printer.note(&format!("    at {}{more}", instants.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    printer.note(&summary(timetable, imported));
    if let Some(path) = &args.output {
        printer.note(&format!("written to {}", path.display()));
    }
    Ok(())
}

/// The document, which reads as what was written.
fn file(timetable: &Timetable) -> Result<String> {
    let text = format!("kind: Timetable\n{}", Format::Yaml.document(timetable)?);
    if timetable.jobs.is_empty() {
        return Ok(text);
    }
    let again = manifest::read_str::<Timetable>(&text, "the timetable that was read")?;
    if again.len() != 1 || again.iter().any(|found| found.value != *timetable) {
        return Err(Error::input("the timetable can't be written so that it reads as the same")
            .with_hint("ask for it with --format json"));
    }
    Ok(text)
}

/// Never over what is there, and whole or not at all: the first half of a timetable is a timetable of fewer jobs.
fn write(path: &Path, text: &str) -> Result<()> {
    let there = || {
        Error::input(format!("`{}` is there already", path.display()))
            .with_hint("name another file, or move that one away")
    };
    if path.symlink_metadata().is_ok() {
        return Err(there());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let file = std::fs::File::options().write(true).create_new(true).open(&part);
    let mut file = file.map_err(|error| Error::io("create", &part, error))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let written = written.map_err(|error| Error::io("write", path, error)).and_then(|()| {
        // A name more, where there is none: unlike a change of name it takes nobody's place.
        std::fs::hard_link(&part, path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => there(),
            _ => Error::io("create", path, error),
        })
    });
    drop(std::fs::remove_file(&part));
    written
}

fn compared(fires: &Equivalence) -> String {
    let date = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let span = format!("from {} to {}", date(fires.from), date(fires.until));
    if fires.differences.is_empty() {
        let plural = if fires.there == 1 { "" } else { "s" };
        return format!("{}: {} fire{plural} {span}, there and here", fires.job, fires.there);
    }
    format!("{}: {} fires there {span}, {} here, {} the same", fires.job, fires.there, fires.here, fires.same)
}

fn summary(timetable: &Timetable, imported: &Imported) -> String {
    let count = |level| imported.notes.iter().filter(|note| note.level == level).count();
    let refused = match count(NoteLevel::Refused) {
        0 => String::new(),
        1 => ", 1 entry is none".to_owned(),
        n => format!(", {n} entries are none"),
    };
    let jobs = match timetable.jobs.len() {
        1 => "1 job".to_owned(),
        n => format!("{n} jobs"),
    };
    let there: u64 = imported.equivalences.iter().map(|fires| fires.there).sum();
    let here: u64 = imported.equivalences.iter().map(|fires| fires.here).sum();
    let same: u64 = imported.equivalences.iter().map(|fires| fires.same).sum();
    let explained =
        if imported.equivalences.iter().all(Equivalence::is_explained) { "" } else { ", some without a reason" };
    let fires = if there == same && here == same {
        format!("all {same} fires of ten years are the same")
    } else {
        format!("of {there} fires in ten years {same} are the same{explained}")
    };
    if imported.equivalences.is_empty() { format!("{jobs}{refused}") } else { format!("{jobs}{refused}; {fires}") }
}
