//! Task files: Python and Rust files whose inline metadata says when they run.
//!
//! A Python file says it in a block `# /// task` of its comments, a Rust file in `[package.metadata.task]` of its
//! frontmatter. `when` and what else a timetable says of a job mean there what they mean in a timetable; `cron` is
//! supertask's, and means what it means to it.

use std::path::Path;

use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::tree::{Entry, Tree, Value};
use clusterkeep_core::{Error, Result};
use serde_json::Map;

use super::collect::{At, Collector};
use super::{Imported, Note, NoteLevel, Source, Surroundings, secret, supertask};
use crate::inline;
use crate::model::secret::reveals;
use crate::model::{JobSpec, namespace_is_named, nearer};

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
    let Some(metadata) = metadata(source)? else { return Ok(None) };
    let around = Surroundings { zone: None, from: None, mail: None };
    let mut collector = Collector::new(&around);
    let namespace = read(source, path, &metadata, &mut collector)?;
    let Imported { jobs, notes, .. } = collector.done();
    let at = Place { file: source.name.clone(), position: Some((metadata.line, 1)) };
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
    let Some(metadata) = metadata(source)? else {
        return Err(Error::input("it does not say when it runs"));
    };
    if is_rust(&source.name) || source.name.ends_with(".py") {
        if let Some(namespace) = read(source, &source.name, &metadata, collector)? {
            collector.namespace(&metadata.remark_at("namespace", source), &namespace);
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

/// What a file says about its job.
struct Metadata {
    /// The line that its block begins in.
    line: u64,
    /// What it says, with the place of each key.
    tree: Tree,
}

impl Metadata {
    /// The keys with their values.
    fn entries(&self) -> &[Entry] {
        match &self.tree.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Where the value under `key` stands; where there is none, where the block does.
    fn at(&self, key: &str, source: &Source) -> Place {
        let position = self.tree.get(key).map_or((self.line, 1), |value| value.at);
        Place { file: source.name.clone(), position: Some(position) }
    }

    /// The same as the place of a remark.
    fn remark_at(&self, key: &str, source: &Source) -> At {
        let line = self.tree.get(key).map_or(self.line, |value| value.at.0);
        At::line(&source.name, usize::try_from(line).unwrap_or_default())
    }
}

/// The metadata of a file, where it has some.
fn metadata(source: &Source) -> Result<Option<Metadata>> {
    let Source { name, text } = source;
    if is_rust(name) {
        let Some(block) = inline::rust(text, name)?.0 else { return Ok(None) };
        let table = block.tree(name)?;
        let task = ["package", "metadata", "task"].into_iter().try_fold(&table, |table, key| table.get(key));
        let Some(tree) = task.filter(|task| matches!(task.value, Value::Map(_))) else { return Ok(None) };
        return Ok(Some(Metadata { line: block.line, tree: tree.clone() }));
    }
    let Some(block) = inline::python(text, "task", name)? else { return Ok(None) };
    Ok(Some(Metadata { line: block.line, tree: block.tree(name)? }))
}

/// Adds the job, and says in which namespace it is.
fn read(source: &Source, path: &str, metadata: &Metadata, collector: &mut Collector) -> Result<Option<String>> {
    let wrong = |key: &'static str| {
        move |error: Error| match error {
            Error::Input { place: Some(_), .. } => error,
            error => error.at(metadata.at(key, source)),
        }
    };
    let stem = Path::new(&source.name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let namespace = match metadata.tree.get("namespace") {
        Some(Tree { value: Value::Text(name), .. }) => {
            namespace_is_named(name).map_err(wrong("namespace"))?;
            Some(name.clone())
        }
        Some(_) => return Err(wrong("namespace")(Error::input("its `namespace` is no text"))),
        None => None,
    };
    if metadata.tree.get("when").is_some() {
        own(&stem, path, source, metadata, collector).map_err(wrong("when"))?;
        return Ok(namespace);
    }
    let cron = metadata.tree.get("cron").and_then(Tree::text).ok_or_else(|| {
        wrong("cron")(
            Error::input("its metadata does not say when it runs")
                .with_hint("write `when = \"@daily\"`, or, as supertask has it, `cron = \"0 3 * * *\"`"),
        )
    })?;
    if is_rust(&source.name) {
        return Err(wrong("cron")(
            Error::input("`cron` is supertask's, which runs no Rust").with_hint(format!("write `when = \"{cron}\"`")),
        ));
    }
    let run = of_supertask(&stem, path, source, metadata, collector);
    let place = metadata.remark_at("cron", source);
    supertask::schedule(&stem, cron, &[run], None, &place, collector).map_err(wrong("cron"))?;
    Ok(namespace)
}

/// What supertask says of a Python file: `[env]` and `[options]`.
fn of_supertask(
    stem: &str,
    path: &str,
    source: &Source,
    metadata: &Metadata,
    collector: &mut Collector,
) -> serde_json::Value {
    let fields = |key: &str| match metadata.tree.get(key).map(json) {
        Some(serde_json::Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let at = metadata.remark_at("env", source).job(stem);
    let mut env = Map::new();
    for (name, value) in fields("env") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if secret::is_secret(&name) {
            collector.note(&at, NoteLevel::Differs, secret::remark(&name));
            env.insert(name.clone(), secret::reference(&name).into());
        } else if value.starts_with("env:") || value.starts_with("file:") {
            let text = format!("`{name}`: its value would be a reference here, and was left out");
            collector.note(&at, NoteLevel::Lost, text);
        } else {
            env.insert(name, value.into());
        }
    }
    let mut run = Map::new();
    run.insert("python".into(), format!("{path}:run").into());
    for (key, fields) in [("kwargs", fields("options")), ("env", env)] {
        if !fields.is_empty() {
            run.insert(key.into(), fields.into());
        }
    }
    run.into()
}

/// A value without its places.
fn json(tree: &Tree) -> serde_json::Value {
    match &tree.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(number) => i64::try_from(*number).unwrap_or_default().into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect())
        }
    }
}

/// What is said of the run, beside `options`.
const OF_RUN: [&str; 9] = ["args", "env", "cwd", "environment", "user", "limits", "leftover", "grace", "isolation"];

/// A job as a timetable would say it, but for what it runs: that is the file.
fn own(stem: &str, path: &str, source: &Source, metadata: &Metadata, collector: &mut Collector) -> Result<()> {
    let (tree, rust) = (&metadata.tree, is_rust(&source.name));
    if tree.get("run").is_some() {
        return Err(Error::input("its metadata has `run`, and what runs is the file itself")
            .at(metadata.at("run", source))
            .with_hint("say `args`, `options` (of a Python function), `env` and `cwd` beside `when`"));
    }
    if rust && tree.get("options").is_some() {
        return Err(Error::input("`options` are for a function of Python")
            .at(metadata.at("options", source))
            .with_hint("write `args = [\"--days\", \"3\"]`"));
    }
    let block = (metadata.line, 1);
    let said = |key: &str, value: Value| Entry { key: key.into(), at: block, value: Tree { value, at: block } };
    let target = if rust { path.to_owned() } else { format!("{path}:run") };
    let mut run = vec![said(if rust { "rust" } else { "python" }, Value::Text(target))];
    let mut job = Vec::new();
    if tree.get("name").is_none() {
        job.push(said("name", Value::Text(stem.to_owned())));
    }
    for entry in metadata.entries().iter().filter(|entry| entry.key != "namespace") {
        match entry.key.as_str() {
            "options" => run.push(Entry { key: "kwargs".into(), ..entry.clone() }),
            key if OF_RUN.contains(&key) => run.push(entry.clone()),
            _ => job.push(entry.clone()),
        }
    }
    if let Some(env) = tree.get("env") {
        env.texts(&mut |name, value, (line, _)| {
            if let Some(what) = reveals(name, value) {
                let text =
                    format!("{what}, under `{name}`: write where it is, and not what it is: `env:NAME` or `file:PATH`");
                let at = At::line(&source.name, usize::try_from(line).unwrap_or_default()).job(stem);
                collector.note(&at, NoteLevel::Differs, text);
            }
        });
    }
    job.push(said("run", Value::Map(run)));
    let job = Tree { value: Value::Map(job), at: block };
    let read = job.read::<JobSpec>(&source.name).map_err(|wrong| {
        let first = wrong.into_iter().next().map(|error| nearer(error, &job, &source.name));
        first.unwrap_or_else(|| Error::input("it can't be run as its metadata says"))
    });
    let job = read?.checked().map_err(|error| nearer(error, &job, &source.name))?;
    collector.add(&metadata.remark_at("when", source), job, None);
    Ok(())
}
