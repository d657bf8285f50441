//! All that is wrong with the timetables of a text, not only the first mistake; and what may not be meant.
//!
//! What a text means is decided by reading it as any other command does: where that finds nothing wrong, nothing is.

use std::collections::BTreeMap;

use clusterkeep_core::Error;
use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::read_str;
use clusterkeep_core::manifest::tree::{Position, Tree, Value, trees};

use super::{JobSpec, Timetable, secret};

/// What was found in a text.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is wrong, each with its place.
    pub errors: Vec<Error>,
    /// What may not be meant, each with its place.
    pub warnings: Vec<Error>,
}

/// Looks for all that is wrong in the timetables of `text`, which messages call `file`; `actions` are the names of those
/// that jobs can run, where they are known.
///
/// ```
/// let text = "kind: Timetable\njobs:\n- {name: a, when: '61 * * * *', zone: Mars, run: {action: x}}\n";
/// let found = clusterkeep_scheduler::validate(text, "jobs.yaml", None);
/// assert_eq!(found.errors.len(), 2, "{:?}", found.errors);
/// assert!(found.errors[0].to_string().starts_with("jobs.yaml:3:19: "), "{}", found.errors[0]);
/// ```
#[must_use]
pub fn validate(text: &str, file: &str, actions: Option<&[&str]>) -> Findings {
    let strict = read_str::<Timetable>(text, file);
    let trees = match trees::<Timetable>(text, file) {
        Ok(trees) => trees,
        // It is no YAML, so that there is nothing more to be said.
        Err(error) => return Findings { errors: vec![error], warnings: Vec::new() },
    };
    let mut found = Findings::default();
    let mut names = BTreeMap::new();
    for tree in &trees {
        document(tree, file, actions, &mut names, &mut found);
    }
    match strict {
        Err(error) if found.errors.is_empty() => found.errors.push(error),
        Ok(documents) if documents.is_empty() => found.errors.push(
            Error::input("there is no document of kind Timetable")
                .at(Place { file: file.to_owned(), position: None })
                .with_hint("begin one with `kind: Timetable`"),
        ),
        _ => {}
    }
    let line = |error: &Error| match error {
        Error::Input { place: Some(Place { position, .. }), .. } => *position,
        _ => None,
    };
    found.errors.sort_by_key(line);
    found.warnings.sort_by_key(line);
    found
}

type Names = BTreeMap<(Option<String>, String), Position>;

fn document(tree: &Tree, file: &str, actions: Option<&[&str]>, names: &mut Names, found: &mut Findings) {
    found.errors.extend(empty(tree).read::<Timetable>(file).err().unwrap_or_default());
    let namespace = tree.get("namespace").and_then(Tree::text).map(str::to_owned);
    for job in tree.get("jobs").map(Tree::items).unwrap_or_default() {
        let at = |error: Error, position| error.at(Place { file: file.to_owned(), position: Some(position) });
        match job.read::<JobSpec>(file) {
            Err(errors) => found.errors.extend(errors),
            Ok(spec) => found.errors.extend(spec.checked().err().map(|error| at(error, job.at))),
        }
        let action = job.get("run").and_then(|run| run.get("action"));
        if let (Some(action), Some(known)) = (action, actions)
            && let Some(name) = action.text().filter(|name| !known.contains(name))
        {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let error = Error::input(format!("there is no action `{}`", name.escape_debug()))
                .with_hint(format!("there is {}", known.join(", ")));
            found.errors.push(at(error, action.at));
        }
        let Some(name) = job.get("name").filter(|name| name.text().is_some()) else { continue };
        let key = (namespace.clone(), name.text().unwrap_or_default().to_owned());
        if let Some((line, _)) = names.get(&key) {
            let error = Error::input(format!("job `{}` is there already, in line {line}", key.1.escape_debug()))
                .with_hint("give each job of a namespace a name of its own");
            found.errors.push(at(error, name.at));
        } else {
            names.insert(key, name.at);
        }
    }
    tree.texts(&mut |key, text, position| {
        if let Some(what) = secret::reveals(key, text) {
            let warning = Error::input(format!("{what}, under `{}`", key.escape_debug()))
                .with_hint("write where it is, and not what it is: `env:NAME` or `file:PATH`");
            found.warnings.push(warning.at(Place { file: file.to_owned(), position: Some(position) }));
        }
    });
}

/// The document without its jobs, which are looked at one by one; where they are no list they stay, to be refused.
fn empty(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    if let Value::Map(entries) = &mut tree.value {
        for entry in entries.iter_mut().filter(|entry| entry.key == "jobs") {
            if let Value::List(jobs) = &mut entry.value.value {
                jobs.clear();
            }
        }
    }
    tree
}

/// What in documents may not be meant, for commands that go on with them.
#[must_use]
pub fn secrets_in(text: &str, file: &str) -> Vec<Error> {
    let mut found = Findings::default();
    for tree in trees::<Timetable>(text, file).unwrap_or_default() {
        document(&tree, file, None, &mut BTreeMap::new(), &mut found);
    }
    found.warnings
}
