//! Python files as jobs: `run --file task.py`, with what their comments say (`# /// task`).

use std::path::Path;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::import::{Format, Source, Surroundings, import};
use clusterkeep_scheduler::target::Python;
use clusterkeep_scheduler::{JobSpec, Target};

use crate::output::Printer;

/// What a file is to do.
pub(super) enum Task {
    /// The file itself, or its function `run`; it says nothing about when.
    Target(Box<Target>),
    /// What its comments say.
    Job(Box<JobSpec>),
}

/// The file of a command line that names one Python file and nothing else.
pub(super) fn meant(files: &[std::path::PathBuf]) -> Option<&Path> {
    match files {
        [file] if file.extension().is_some_and(|extension| extension == "py") => Some(file),
        _ => None,
    }
}

/// Reads it. Nothing of it is run.
pub(super) fn read(file: &Path, zone: Option<&str>, printer: &Printer) -> Result<Task> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::Input {
        what: format!("read `{}`", file.display()),
        place: None,
        hint: Some("is the path right, and may this user read the file?".into()),
        source: Some(error.into()),
    })?;
    let name = file.display().to_string();
    if !text.lines().any(|line| line.trim_end() == "# /// task") {
        return Ok(Task::Target(Box::new(Python::of(name).into())));
    }
    let zone = zone.map(str::parse).transpose()?;
    let around = Surroundings { zone, from: SystemClock.now() };
    let imported = import(Format::Supertask, &[Source { name: name.clone(), text }], &around)?;
    for note in &imported.notes {
        printer.note(&format!("{}: {}", note.place, note.text));
    }
    let job = imported.jobs.into_iter().next();
    job.map(|job| Task::Job(Box::new(job)))
        .ok_or_else(|| Error::input(format!("`{name}` can't be run as its comments say")))
}
