//! Task files: Python and Rust files whose inline metadata says when they run.
//!
//! A Python file says it in a block `# /// task` of its comments, a Rust file in `[package.metadata.task]` of its
//! frontmatter. `when` and what else a timetable says of a job mean there what they mean in a timetable; `cron` is
//! supertask's, and means what it means to it.

use std::path::Path;

use clusterkeep_core::error::Place;
use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::collect::{At, Collector};
use super::{Imported, Note, NoteLevel, Source, Surroundings, secret, supertask};
use crate::inline::{self, Block};
use crate::model::secret::reveals;
use crate::model::{JobSpec, namespace_is_named};

/// What a task file says.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFile {
    /// The namespace of its job, where it names one.
    pub namespace: Option<String>,
    /// The job, which runs the file.
    pub job: JobSpec,
    /// What is good to know about it.
    pub notes: Vec<Note>,
}

/// Reads what a Python or Rust file (its name ends in `.rs`) says about when it runs; `None` where it says nothing. The
/// job names it by `path`. Nothing of it is run.
///
/// ```
/// use clusterkeep_scheduler::import::{Source, task_file};
/// let text = "# /// task\n# when = \"@daily\"\n# [options]\n# days = 3\n# ///\ndef run(days): print(days)\n";
/// let task = task_file(&Source { name: "clean.py".into(), text: text.into() }, "/srv/clean.py")?.unwrap();
/// assert_eq!((task.job.name.as_str(), task.job.run.to_string()), ("clean", "python: /srv/clean.py:run".into()));
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
///
/// # Errors
///
/// Metadata that can't be read, or that says no job, with its place.
pub fn task_file(source: &Source, path: &str) -> Result<Option<TaskFile>> {
    let Some((block, table)) = metadata(source)? else { return Ok(None) };
    let around = Surroundings { zone: None, from: None, mail: None };
    let mut collector = Collector::new(&around);
    let namespace = read(source, path, &block, table, &mut collector)?;
    let Imported { jobs, notes, .. } = collector.done();
    let at = Place { file: source.name.clone(), position: Some((block.line, 1)) };
    match jobs.into_iter().next() {
        Some(job) => Ok(Some(TaskFile { namespace, job, notes })),
        None => {
            let why = notes.into_iter().find(|note| note.level == NoteLevel::Refused).map(|note| note.text);
            Err(Error::input(why.unwrap_or_else(|| "it can't be run as its metadata says".to_owned())).at(at))
        }
    }
}

/// Reads one as a part of an import.
pub(super) fn import(source: &Source, collector: &mut Collector) -> Result<()> {
    let Some((block, table)) = metadata(source)? else {
        return Err(Error::input("it does not say when it runs"));
    };
    if is_rust(&source.name) || source.name.ends_with(".py") {
        if let Some(namespace) = read(source, &source.name, &block, table, collector)? {
            let at = At::line(&source.name, usize::try_from(block.line).unwrap_or_default());
            collector.namespace(&at, &namespace);
        }
        return Ok(());
    }
    Err(Error::input("a task file has to be named, so that the job can name it")
        .with_hint("give its path instead of `-`"))
}

/// Whether a source is a task file, and no timetable.
pub(super) fn is_one(source: &Source) -> bool {
    is_rust(&source.name) || source.text.lines().any(|line| line.trim_end() == "# /// task")
}

fn is_rust(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// The block that says it, and what it says.
fn metadata(source: &Source) -> Result<Option<(Block, Map<String, Value>)>> {
    let Source { name, text } = source;
    let (block, table) = if is_rust(name) {
        let Some(block) = inline::rust(text, name)?.0 else { return Ok(None) };
        let mut table = block.table(name)?;
        let inner = |key: &str, table: &mut toml::Table| match table.remove(key) {
            Some(toml::Value::Table(inner)) => Some(inner),
            _ => None,
        };
        let metadata = inner("package", &mut table).and_then(|mut package| inner("metadata", &mut package));
        let Some(table) = metadata.and_then(|mut metadata| inner("task", &mut metadata)) else { return Ok(None) };
        (block, table)
    } else {
        let Some(block) = inline::python(text, "task", name)? else { return Ok(None) };
        let table = block.table(name)?;
        (block, table)
    };
    Ok(Some((block, table.into_iter().map(|(key, value)| (key, inline::json(value))).collect())))
}

/// Adds the job, and says in which namespace it is.
fn read(
    source: &Source,
    path: &str,
    block: &Block,
    mut table: Map<String, Value>,
    collector: &mut Collector,
) -> Result<Option<String>> {
    let at = Place { file: source.name.clone(), position: Some((block.line, 1)) };
    let wrong = |error: Error| match error {
        Error::Input { place: Some(_), .. } => error,
        error => error.at(at.clone()),
    };
    let stem = Path::new(&source.name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let namespace = match table.remove("namespace") {
        Some(Value::String(name)) => {
            namespace_is_named(&name).map_err(wrong)?;
            Some(name)
        }
        Some(_) => return Err(wrong(Error::input("its `namespace` is no text"))),
        None => None,
    };
    let place = At::line(&source.name, usize::try_from(block.line).unwrap_or_default());
    if table.contains_key("when") {
        own(&stem, path, is_rust(&source.name), table, &place, collector).map_err(wrong)?;
        return Ok(namespace);
    }
    let cron = table.get("cron").and_then(Value::as_str).ok_or_else(|| {
        wrong(
            Error::input("its metadata does not say when it runs")
                .with_hint("write `when = \"@daily\"`, or, as supertask has it, `cron = \"0 3 * * *\"`"),
        )
    })?;
    if is_rust(&source.name) {
        return Err(wrong(
            Error::input("`cron` is supertask's, which runs no Rust").with_hint(format!("write `when = \"{cron}\"`")),
        ));
    }
    let run = of_supertask(&stem, path, &table, &place, collector);
    supertask::schedule(&stem, cron, &[run], None, &place, collector).map_err(wrong)?;
    Ok(namespace)
}

/// What supertask says of a Python file: `[env]` and `[options]`.
fn of_supertask(stem: &str, path: &str, table: &Map<String, Value>, at: &At, collector: &mut Collector) -> Value {
    let fields = |key: &str| table.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut env = Map::new();
    for (name, value) in fields("env") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if secret::is_secret(&name) {
            collector.note(&at.job(stem), NoteLevel::Differs, secret::remark(&name));
            env.insert(name.clone(), json!(secret::reference(&name)));
        } else if value.starts_with("env:") || value.starts_with("file:") {
            let text = format!("`{name}`: its value would be a reference here, and was left out");
            collector.note(&at.job(stem), NoteLevel::Lost, text);
        } else {
            env.insert(name, json!(value));
        }
    }
    let mut run = Map::new();
    run.insert("python".into(), json!(format!("{path}:run")));
    for (key, fields) in [("kwargs", fields("options")), ("env", env)] {
        if !fields.is_empty() {
            run.insert(key.into(), fields.into());
        }
    }
    run.into()
}

/// A job as a timetable would say it, but for what it runs: that is the file.
fn own(
    stem: &str,
    path: &str,
    rust: bool,
    mut table: Map<String, Value>,
    at: &At,
    collector: &mut Collector,
) -> Result<()> {
    if table.contains_key("run") {
        return Err(Error::input("its metadata has `run`, and what runs is the file itself")
            .with_hint("say `args`, `options` (of a Python function), `env` and `cwd` beside `when`"));
    }
    let mut run = Map::new();
    let (key, target) = if rust { ("rust", path.to_owned()) } else { ("python", format!("{path}:run")) };
    run.insert(key.into(), target.into());
    if let Some(options) = table.remove("options") {
        if rust {
            return Err(
                Error::input("`options` are for a function of Python").with_hint("write `args = [\"--days\", \"3\"]`")
            );
        }
        run.insert("kwargs".into(), options);
    }
    for key in ["args", "env", "cwd", "environment", "user", "limits", "leftover", "grace", "isolation"] {
        run.extend(table.remove_entry(key));
    }
    for (name, value) in run.get("env").and_then(Value::as_object).into_iter().flatten() {
        if let Some(what) = value.as_str().and_then(|value| reveals(name, value)) {
            let text =
                format!("{what}, under `{name}`: write where it is, and not what it is: `env:NAME` or `file:PATH`");
            collector.note(&at.job(stem), NoteLevel::Differs, text);
        }
    }
    let mut job = table;
    job.entry("name").or_insert_with(|| stem.into());
    job.insert("run".into(), run.into());
    let job: JobSpec = super::collect::read(job.into())?;
    let job = job.checked()?;
    collector.add(at, job, None);
    Ok(())
}
