//! What `-f` files hold: the manifest that is meant, and the jobs of timetables.
//!
//! A timetable that names no namespace gets one of this host, this user and its file, so that two files never share one
//! by chance.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::tree::{Tree, trees};
use clusterkeep_core::manifest::{self, Located};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::model::Manifest;
use clusterkeep_scheduler::import::{Source, TaskFile, task_file};
use clusterkeep_scheduler::{Broken, Timetable, check_chains, ephemeral_namespace, validate};

use crate::compose::ACTIONS;
use crate::output::Printer;
use crate::source::{self, Text};

/// All documents of one kind, in the order of the texts.
fn read<T: manifest::Manifest>(texts: &[Text]) -> Result<Vec<Located<T>>> {
    let mut found = Vec::new();
    for Text { name, text } in texts.iter().filter(|text| !is_task(&text.name)) {
        found.extend(manifest::read_str::<T>(text, name)?);
    }
    Ok(found)
}

/// Refuses texts with no document of the kind that is looked for.
fn some<T: manifest::Manifest>(found: Vec<Located<T>>, texts: &[Text]) -> Result<Vec<Located<T>>> {
    if found.is_empty() {
        let names: Vec<_> = texts.iter().map(|text| text.name.as_str()).collect();
        return Err(Error::input(format!("{}: there is no document of kind {}", names.join(", "), T::KIND))
            .with_hint(format!("begin one with `kind: {}`, or name another file with -f", T::KIND)));
    }
    Ok(found)
}

/// Every manifest of the files, each checked against its own rules.
pub(crate) fn manifests(texts: &[Text]) -> Result<Vec<Located<Manifest>>> {
    let found = read::<Manifest>(texts)?;
    let mut names: BTreeMap<&str, &Place> = BTreeMap::new();
    for manifest in &found {
        manifest.value.check().map_err(|error| error.at(manifest.place.clone()))?;
        if let Some(other) = names.insert(&manifest.value.name, &manifest.place) {
            return Err(Error::input(format!("manifest `{}` is in {other} already", manifest.value.name))
                .at(manifest.place.clone())
                .with_hint("give each manifest a name of its own"));
        }
    }
    Ok(found)
}

/// The manifest of this name; without a name the only one.
pub(crate) fn manifest(files: &[PathBuf], name: Option<&str>) -> Result<Located<Manifest>> {
    let texts = source::local(files)?;
    let found = some(manifests(&texts)?, &texts)?;
    let names = found.iter().map(|manifest| format!("`{}`", manifest.value.name)).collect::<Vec<_>>().join(", ");
    let mut wanted = found.into_iter().filter(|manifest| name.is_none_or(|name| manifest.value.name == name));
    match (wanted.next(), wanted.next(), name) {
        (Some(manifest), None, _) => Ok(manifest),
        (Some(_), Some(_), _) => Err(Error::input("the files hold more than one manifest")
            .with_hint(format!("say which one with --manifest; there are {names}"))),
        (None, _, name) => Err(Error::input(format!("there is no manifest `{}`", name.unwrap_or_default()))
            .with_hint(format!("there are {names}"))),
    }
}

/// What becomes of a job whose action this program does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It is taken: who runs it may have the action.
    Taken,
    /// It is refused: it is to be run here.
    Refused,
}

/// The documents of timetables, of which there may be none. A task file is one with one job.
pub(crate) fn any_documents(texts: &[Text], unknown: Unknown) -> Result<Vec<Located<Timetable>>> {
    let mut found = Vec::new();
    for Text { name, text } in texts {
        if !is_task(name) {
            let read = validate(text, name, Some(&ACTIONS));
            let foreign = read.unknown.into_iter().filter(|_| unknown == Unknown::Refused);
            if let Some(error) = read.errors.into_iter().chain(foreign).next() {
                return Err(error);
            }
            found.extend(read.documents);
            continue;
        }
        let place = Place { file: name.clone(), position: None };
        let TaskFile { job, namespace, .. } = task(text, name)?.ok_or_else(|| {
            Error::input("it does not say when it runs").at(place.clone()).with_hint(
                "a Python file says it in a block `# /// task` with `when = \"@daily\"`, a Rust file in \
                 `[package.metadata.task]` of its frontmatter; or run it once: `run -f FILE --when once`",
            )
        })?;
        let value = Timetable { namespace, ..Timetable::of("", vec![job]) };
        found.push(Located { value, place });
    }
    Ok(found)
}

/// Whether a file is a Python or Rust file, and no YAML or JSON.
pub(crate) fn is_task(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "py" || extension == "rs")
}

/// What a task file says of its job; nothing where it says none, or is something else. Its job names it by its whole
/// path.
pub(crate) fn task(text: &str, name: &str) -> Result<Option<TaskFile>> {
    if !is_task(name) {
        return Ok(None);
    }
    if name.contains("://") {
        return Err(Error::input(format!("`{name}` is a task file, which is run where it lies"))
            .with_hint("fetch it, look at it, and name the file"));
    }
    task_file(&Source { name: name.to_owned(), text: text.to_owned() }, &resource(name))
}

/// The same, where there must be one.
pub(crate) fn documents(texts: &[Text], unknown: Unknown) -> Result<Vec<Located<Timetable>>> {
    some(any_documents(texts, unknown)?, texts)
}

/// The same error with the place of what the job runs, where it has none.
pub(crate) fn placed(error: Error, texts: &[Text], namespace: &str, job: &str) -> Error {
    if matches!(&error, Error::Input { place: Some(_), .. }) {
        return error;
    }
    for Text { name, text } in texts.iter().filter(|text| !is_task(&text.name)) {
        for tree in trees::<Timetable>(text, name).unwrap_or_default() {
            let of = tree.get("namespace").and_then(Tree::text).map_or_else(|| ephemeral(name), str::to_owned);
            let named = |known: &&Tree| known.get("name").and_then(Tree::text) == Some(job);
            let known = tree.get("jobs").and_then(|jobs| jobs.items().iter().find(named));
            if let Some(run) = known.filter(|_| of == namespace).and_then(|known| known.get("run")) {
                let at = run.get("action").unwrap_or(run).at;
                return error.at(Place { file: name.clone(), position: Some(at) });
            }
        }
    }
    error
}

/// The jobs of all timetables: one timetable for each namespace, in whose documents nothing is there twice.
pub(crate) fn timetables(files: &[PathBuf]) -> Result<Vec<Timetable>> {
    merged(&documents(&source::local(files)?, Unknown::Taken)?)
}

/// One timetable for each namespace; what a file says about itself is taken from the first that says anything.
pub(crate) fn merged(all: &[Located<Timetable>]) -> Result<Vec<Timetable>> {
    let Merged { timetables, wrong, elsewhere } = together(all);
    match wrong.into_iter().chain(elsewhere).next() {
        Some(error) => Err(error),
        None => Ok(timetables.into_values().collect()),
    }
}

/// The same for a store, which keeps with each job who is told of it, and no sinks: a timetable that has none of its own
/// names those of the machine that runs its jobs. The first of these comes with them, as what is wrong for `run -f`.
pub(crate) fn merged_for_store(all: &[Located<Timetable>]) -> Result<(Vec<Timetable>, Option<Error>)> {
    let Merged { mut timetables, wrong, elsewhere } = together(all);
    if let Some(error) = wrong.into_iter().next() {
        return Err(error);
    }
    for timetable in timetables.values_mut().filter(|timetable| !timetable.notify.is_empty()) {
        for job in timetable.jobs.iter_mut().filter(|job| job.notify.is_none()) {
            job.notify = Some(timetable.notify.clone());
        }
    }
    Ok((timetables.into_values().collect(), elsewhere.into_iter().next()))
}

/// All that is wrong with timetables only when they are taken together; and the sinks that some name which have none of
/// their own, as what is wrong for `run -f` alone.
pub(crate) fn wrong_together(all: &[Located<Timetable>]) -> (Vec<Error>, Vec<Error>) {
    let Merged { wrong, elsewhere, .. } = together(all);
    (wrong, elsewhere)
}

/// One timetable for each namespace, and what is wrong with them.
#[derive(Default)]
struct Merged {
    timetables: BTreeMap<String, Timetable>,
    wrong: Vec<Error>,
    /// Sinks that are named where none is said.
    elsewhere: Vec<Error>,
}

fn together(all: &[Located<Timetable>]) -> Merged {
    let mut merged = Merged::default();
    for found in all {
        let Located { value, place } = found;
        let timetable =
            merged.timetables.entry(named(found)).or_insert_with_key(|name| Timetable::of(name, Vec::new()));
        if timetable.meta.is_empty() {
            timetable.meta = value.meta.clone();
        }
        timetable.meta.origin.get_or_insert_with(|| resource(&place.file));
        timetable.prune |= value.prune;
        let mut twice =
            |what: String, hint: &str| merged.wrong.push(Error::input(what).at(place.clone()).with_hint(hint));
        for job in &value.jobs {
            if timetable.jobs.iter().any(|known| known.name == job.name) {
                twice(
                    format!("job `{}` of `{}` is there twice", job.name, timetable.namespace()),
                    "give each job of a namespace a name of its own",
                );
                continue;
            }
            timetable.jobs.push(job.clone());
        }
        for (name, sink) in &value.sinks {
            if timetable.sinks.insert(name.clone(), sink.clone()).is_some() {
                twice(
                    format!("sink `{name}` of `{}` is there twice", timetable.namespace()),
                    "one document is enough to say where a sink of a namespace is",
                );
            }
        }
        if !timetable.notify.is_empty() && !value.notify.is_empty() {
            twice(
                format!("two documents say who is told of all jobs of `{}`", timetable.namespace()),
                "say it in one of them",
            );
        }
        timetable.notify.extend(value.notify.iter().cloned());
    }
    for timetable in merged.timetables.values() {
        merged.wrong.extend(check_chains(&timetable.jobs).into_iter().map(|broken| located(broken, timetable, all)));
    }
    for found in all {
        if let Some(timetable) = merged.timetables.get(&named(found)) {
            let unknown = unknown_sinks(found, timetable);
            if timetable.sinks.is_empty() { &mut merged.elsewhere } else { &mut merged.wrong }.extend(unknown);
        }
    }
    merged
}

/// What is wrong with a chain, with its place.
fn located(broken: Broken, timetable: &Timetable, all: &[Located<Timetable>]) -> Error {
    let Broken { job, place, error } = broken;
    let of = |found: &&Located<Timetable>| {
        named(found) == timetable.namespace() && found.value.jobs.iter().any(|known| known.name.as_str() == job)
    };
    match all.iter().find(of) {
        Some(found) => error.at(Place { position: place.or(found.place.position), ..found.place.clone() }),
        None => error,
    }
}

/// The sinks that a document names and its namespace does not have, as errors with their places.
fn unknown_sinks(found: &Located<Timetable>, timetable: &Timetable) -> Vec<Error> {
    let Located { value, place } = found;
    let names: Vec<_> = timetable.sinks.keys().map(|name| format!("`{name}`")).collect();
    let said = if names.is_empty() { "no `sinks`".to_owned() } else { names.join(", ") };
    let unknown = value.named_sinks().filter(|(_, sink, _)| !timetable.sinks.contains_key(*sink));
    let error = |(_, sink, position): (_, &str, Option<(u64, u64)>)| {
        Error::input(format!("there is no sink `{sink}`"))
            .at(Place { position: position.or(place.position), ..place.clone() })
            .with_hint(format!("the timetable of `{}` has {said}", timetable.namespace()))
    };
    unknown.map(error).collect()
}

/// Says which of these timetables have a namespace that nobody has named.
pub(crate) fn say_ephemeral(found: &[Located<Timetable>], printer: &Printer) {
    for Located { place, .. } in found.iter().filter(|found| found.value.namespace.is_none()) {
        printer.note(&format!(
            "note: {} names no namespace, so it has one of this host, user and file: {}; other hosts and users have \
             another, so write `namespace:` where they share a store",
            place.file,
            ephemeral(&place.file)
        ));
    }
}

/// The namespace of a timetable, made up where it names none.
fn named(found: &Located<Timetable>) -> String {
    found.value.namespace.clone().unwrap_or_else(|| ephemeral(&found.place.file))
}

/// The namespace of a file that names none.
pub(crate) fn ephemeral(file: &str) -> String {
    ephemeral_of(&resource(file))
}

/// The namespace of this host, this user and what has no name.
pub(crate) fn ephemeral_of(resource: &str) -> String {
    let (host, user) = (whoami::hostname().unwrap_or_default(), whoami::username().unwrap_or_default());
    ephemeral_namespace(&host, &user, resource)
}

/// A file by its whole path, and anything else by its address.
fn resource(file: &str) -> String {
    match std::fs::canonicalize(file) {
        Ok(path) => path.display().to_string(),
        Err(_) => file.to_owned(),
    }
}

/// The timetable with the job of this name.
pub(crate) fn timetable_of(files: &[PathBuf], job: &str) -> Result<Timetable> {
    with_job(timetables(files)?, job)
}

/// The one of these with the job of this name.
pub(crate) fn with_job(all: Vec<Timetable>, job: &str) -> Result<Timetable> {
    let known: Vec<_> = all.iter().flat_map(|timetable| &timetable.jobs).map(|job| format!("`{}`", job.name)).collect();
    let has = |timetable: &Timetable| timetable.jobs.iter().any(|known| known.name.as_str() == job);
    let mut with: Vec<_> = all.into_iter().filter(has).collect();
    match (with.pop(), with.is_empty()) {
        (Some(timetable), true) => Ok(timetable),
        (Some(_), false) => Err(Error::input(format!("job `{job}` is in more than one namespace"))
            .with_hint("name the file of the one that is meant alone")),
        (None, _) => {
            Err(Error::input(format!("job `{job}` is unknown")).with_hint(format!("known are {}", known.join(", "))))
        }
    }
}
