//! Python and Rust files as jobs: `run --file task.py`, with what their inline metadata says.

use std::path::{Path, PathBuf};

use clusterkeep_core::Result;
use clusterkeep_scheduler::target::{Python, Rust};
use clusterkeep_scheduler::{JobSpec, Target};

use crate::files;
use crate::output::Printer;
use crate::source::{self, Text};

/// What a file is to do.
pub(super) enum Task {
    /// The file itself; it says nothing about when.
    Target(Box<Target>),
    /// What its metadata says, and the namespace that it is in.
    Job(Box<JobSpec>, String),
}

/// The file of a command line that names one such file and nothing else.
pub(super) fn meant(files: &[PathBuf]) -> Option<&Path> {
    match files {
        [file] if files::is_task(&file.display().to_string()) => Some(file),
        _ => None,
    }
}

/// Reads it. Nothing of it is run.
pub(super) fn read(file: &Path, zone: Option<&str>, printer: &Printer) -> Result<Task> {
    let name = file.display().to_string();
    if name.contains("://") {
        // It is refused for what it is, before anything is fetched.
        files::task("", &name)?;
    }
    let text = source::local(&[file.to_path_buf()])?.pop().map(|read| read.text).unwrap_or_default();
    let Some(found) = files::task(&text, &name)? else {
        let rust = file.extension().is_some_and(|extension| extension == "rs");
        return Ok(Task::Target(Box::new(if rust { Rust::of(name).into() } else { Python::of(name).into() })));
    };
    let namespace = found.namespace.unwrap_or_else(|| files::ephemeral(&name));
    source::warn(&[Text { name, text }], files::Unknown::Refused, printer);
    let mut job = found.job;
    if let Some(zone) = zone {
        job.zone = zone.parse()?;
    }
    Ok(Task::Job(Box::new(job), namespace))
}
