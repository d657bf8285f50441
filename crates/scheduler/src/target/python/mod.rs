//! Python files and entry points, by uv where it is there and by the interpreter otherwise.
//!
//! A function is called by a small script that this program brings along; its arguments travel as JSON on the standard
//! input, so that no value ever becomes code. What the function returns is the last line of output, as JSON.

mod metadata;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};
use serde_json::{Value, json};

use self::metadata::Metadata;
use super::process::{self, Echo, Start};
use super::programs::{Programs, settings};
use super::{Python, PythonIsolation, Runner, Target};
use crate::run::Run;

/// The script that calls a function.
const CALL: &str = include_str!("call.py");

/// Runs Python.
#[derive(Debug, Clone, Default)]
pub struct PythonRunner {
    programs: Programs,
    echo: Echo,
}

settings!(PythonRunner, "`uv`, `python3` and `python`");

impl PythonRunner {
    /// Runs it by what PATH has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The words that begin an interpreter; they end before what it is to run.
    fn interpreter(&self, python: &Python) -> Result<Vec<OsString>> {
        let (source, function) = python.parts();
        let path = python.process.cwd.as_ref().map_or_else(|| PathBuf::from(source), |cwd| Path::new(cwd).join(source));
        let needs = if python.is_file() { Metadata::read(&path)? } else { Metadata::default() };
        let uv = match python.isolation {
            Some(PythonIsolation::Interpreter) => None,
            Some(PythonIsolation::Uv) => Some(self.programs.find("uv").ok_or_else(|| {
                Error::failed("the job is to run by uv, which is not in PATH")
                    .with_hint("install uv, or say `isolation: interpreter`")
            })?),
            None => self.programs.find("uv"),
        };
        if let Some(uv) = uv {
            let words = |all: &[&str]| all.iter().map(OsString::from).collect::<Vec<_>>();
            let mut command = vec![uv.into_os_string()];
            command.extend(words(&["run", "--quiet"]));
            match (python.is_file(), function) {
                // The file itself says what it needs.
                (true, None) => command.extend(words(&["--script"])),
                (true, Some(_)) => {
                    command.extend(words(&["--no-project", "--with-requirements"]));
                    command.push(source.into());
                    if let Some(version) = &needs.requires_python {
                        command.extend(words(&["--python", version]));
                    }
                    command.extend(words(&["python"]));
                }
                // A module is one of the project around it.
                (false, _) => command.extend(words(&["python"])),
            }
            return Ok(command);
        }
        if needs.has_dependencies && python.isolation.is_none() {
            return Err(Error::failed(format!(
                "`{source}` says what it depends on, and uv, which installs it, is not in PATH"
            ))
            .with_hint("install uv, or say `isolation: interpreter` to run it with what is installed"));
        }
        let found = self.programs.find("python3").or_else(|| self.programs.find("python"));
        let found = found.ok_or_else(|| Error::failed("there is neither `python3` nor `python` in PATH"))?;
        Ok(vec![found.into_os_string()])
    }
}

#[async_trait]
impl Runner for PythonRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Python(python) = run.target() else {
            return Err(Error::input(format!("job `{}` runs no Python", run.job())));
        };
        let mut words = self.interpreter(python)?;
        let (source, function) = python.parts();
        let mut stdin = None;
        if let Some(function) = function {
            words.extend(["-c", CALL, source, function].map(OsString::from));
            let kwargs = run.args_by_hand().unwrap_or(&python.kwargs);
            stdin = Some(json!({ "args": python.args, "kwargs": kwargs }).to_string().into_bytes());
        } else {
            words.push(source.into());
            words.extend(python.args.iter().map(word));
        }
        let mut process = python.process.clone();
        // What it writes is seen when it writes it.
        process.env.entry("PYTHONUNBUFFERED".to_owned()).or_insert_with(|| "1".to_owned());
        process::run(&Start { words, stdin, process }, &run, &self.echo).await
    }
}

/// An argument as a word of a command line.
fn word(value: &Value) -> OsString {
    match value {
        Value::String(text) => text.into(),
        value => value.to_string().into(),
    }
}
