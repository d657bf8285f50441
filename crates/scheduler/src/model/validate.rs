//! All that is wrong with the timetables of a text, not only the first mistake; and what may not be meant.
//!
//! What a text means is decided by reading it as any other program does: where that finds nothing wrong, its jobs are
//! read. Reading it again as a tree says what else is wrong, and where.

use std::collections::BTreeMap;

use clusterkeep_core::Error;
use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::tree::{Position, Tree, Value, trees};
use clusterkeep_core::manifest::{Located, read_str};

use super::timetable::OWN_NAME;
use super::{JobSpec, SinkSpec, Target, Timetable, secret};

/// An action that a program has: its name, and what it is given.
#[derive(Debug, Clone, Copy)]
pub struct KnownAction {
    /// Its name.
    pub name: &'static str,
    /// Its arguments as a job writes them, for hints: `keep: 90 days`.
    pub arguments: &'static str,
    /// All that is wrong with arguments, which messages say to be in this file.
    pub wrong: fn(&Tree, &str) -> Vec<Error>,
}

impl KnownAction {
    /// How a file says it, for hints.
    #[must_use]
    pub fn example(&self) -> String {
        format!("write `run: {{ action: {}, {} }}`", self.name, self.arguments)
    }
}

/// What was found in a text.
#[derive(Debug, Default)]
pub struct Findings {
    /// The timetables, where nothing is wrong with them.
    pub documents: Vec<Located<Timetable>>,
    /// What is wrong, each with its place.
    pub errors: Vec<Error>,
    /// Actions that jobs name and that the program does not have: wrong where it is to run these jobs.
    pub unknown: Vec<Error>,
    /// What may not be meant, each with its place.
    pub warnings: Vec<Error>,
}

/// Reads the timetables of `text`, which messages call `file`, and looks for all that is wrong in them; `actions` are those
/// that jobs can run, where they are known.
///
/// ```
/// let text = "kind: Timetable\njobs:\n- {name: a, when: '61 * * * *', zone: Mars, run: {action: x}}\n";
/// let found = clusterkeep_scheduler::validate(text, "jobs.yaml", None);
/// assert_eq!(found.errors.len(), 2, "{:?}", found.errors);
/// assert!(found.errors[0].to_string().starts_with("jobs.yaml:3:19: "), "{}", found.errors[0]);
/// ```
#[must_use]
pub fn validate(text: &str, file: &str, actions: Option<&[KnownAction]>) -> Findings {
    let strict = read_str::<Timetable>(text, file);
    let trees = match trees::<Timetable>(text, file) {
        Ok(trees) => trees,
        // It is no YAML, so that there is nothing more to be said.
        Err(error) => return Findings { errors: vec![error], ..Findings::default() },
    };
    let Looked { misread, mut findings } = Looked::at(&trees, file, actions);
    match strict {
        Ok(documents) if findings.errors.is_empty() => findings.documents = documents,
        Ok(_) => {}
        Err(error) if misread.is_empty() && findings.errors.is_empty() => findings.errors.push(error),
        Err(_) => findings.errors.extend(misread),
    }
    findings.errors.sort_by_key(position);
    findings
}

/// What may not be meant in a text that was read before, and the actions in it that are not among these.
#[must_use]
pub fn remarks(text: &str, file: &str, actions: Option<&[KnownAction]>) -> Findings {
    let trees = trees::<Timetable>(text, file).unwrap_or_default();
    Looked::at(&trees, file, actions).findings
}

/// Where an error stands in its file.
fn position(error: &Error) -> Option<Position> {
    match error {
        Error::Input { place: Some(place), .. } => place.position,
        _ => None,
    }
}

/// What a look at trees has found.
#[derive(Default)]
struct Looked {
    /// What could not be read; whether it counts is for reading the text itself to say.
    misread: Vec<Error>,
    findings: Findings,
}

type Names = BTreeMap<(Option<String>, String), Position>;

impl Looked {
    fn at(trees: &[Tree], file: &str, actions: Option<&[KnownAction]>) -> Self {
        let (mut looked, mut names) = (Self::default(), Names::new());
        for tree in trees {
            looked.document(tree, file, actions, &mut names);
        }
        let hint = "`clusterkeep schema timetable` says what goes where";
        let hinted = |error: Error| if error.hint().is_some() { error } else { error.with_hint(hint) };
        looked.misread = looked.misread.into_iter().map(hinted).collect();
        looked.findings.warnings.sort_by_key(position);
        looked
    }

    fn document(&mut self, tree: &Tree, file: &str, actions: Option<&[KnownAction]>, names: &mut Names) {
        self.misread.extend(rest(tree).read::<Timetable>(file).err().unwrap_or_default());
        self.misread.extend(sinks(tree, file));
        let namespace = tree.get("namespace").and_then(Tree::text).map(str::to_owned);
        for job in tree.get("jobs").map(Tree::items).unwrap_or_default() {
            match job.read::<JobSpec>(file).map(JobSpec::checked) {
                Err(errors) => self.misread.extend(errors.into_iter().map(|error| nearer(error, job, file))),
                Ok(Err(error)) => self.misread.push(nearer(error, job, file)),
                Ok(Ok(spec)) => {
                    let position = job.get("when").map_or(job.at, |when| when.at);
                    let warnings = spec.when.warnings().unwrap_or_default();
                    let warnings = warnings.iter().map(|warning| at(Error::input(warning.to_string()), file, position));
                    self.findings.warnings.extend(warnings);
                }
            }
            if let (Some(run), Some(actions)) = (job.get("run"), actions) {
                self.action(run, file, actions);
            }
            let Some(name) = job.get("name").filter(|name| name.text().is_some()) else { continue };
            let key = (namespace.clone(), name.text().unwrap_or_default().to_owned());
            if let Some((line, _)) = names.get(&key) {
                let error = Error::input(format!("job `{}` is there already, in line {line}", key.1.escape_debug()));
                self.findings.errors.push(at(error.with_hint(OWN_NAME), file, name.at));
            } else {
                names.insert(key, name.at);
            }
        }
        tree.texts(&mut |key, text, position| {
            if let Some(what) = secret::reveals(key, text) {
                let warning = Error::input(format!("{what}, under `{}`", key.escape_debug()))
                    .with_hint("write where it is, and not what it is: `env:NAME` or `file:PATH`");
                self.findings.warnings.push(at(warning, file, position));
            }
        });
    }

    /// Looks at the action that a job runs, where it runs one.
    fn action(&mut self, run: &Tree, file: &str, actions: &[KnownAction]) {
        let Some((name, place)) = run.get("action").and_then(|action| Some((action.text()?, action.at))) else {
            return;
        };
        let Some(known) = actions.iter().find(|known| known.name == name) else {
            let known: Vec<String> = actions.iter().map(|known| format!("`{}`", known.name)).collect();
            let error = Error::input(format!("there is no action `{}`", name.escape_debug()))
                .with_hint(format!("there is {}", known.join(", ")));
            self.findings.unknown.push(at(error, file, place));
            return;
        };
        // What else is wrong with it is said already.
        if run.read::<Target>(file).is_ok() {
            let hint = known.example();
            let wrong = (known.wrong)(&run.without("action"), file).into_iter();
            let hinted = |error: Error| if error.hint().is_some() { error } else { error.with_hint(&hint) };
            self.findings.errors.extend(wrong.map(hinted));
        }
    }
}

fn at(error: Error, file: &str, position: Position) -> Error {
    error.at(Place { file: file.to_owned(), position: Some(position) })
}

/// The same error, where it is about a job or what that runs as a whole: at the key without which nothing would be wrong.
pub(crate) fn nearer(error: Error, job: &Tree, file: &str) -> Error {
    if let (None, Value::Map(entries)) = (position(&error), &job.value) {
        let sound = |job: &Tree| job.read::<JobSpec>(file).is_ok_and(|spec| spec.checked().is_ok());
        let culprit = entries.iter().find(|entry| sound(&job.without(&entry.key))).map(|entry| &entry.value);
        return at(error, file, culprit.or(job.get("when")).map_or(job.at, |value| value.at));
    }
    let Some(run) = job.get("run").filter(|run| position(&error) == Some(run.at)) else { return error };
    let Value::Map(entries) = &run.value else { return error };
    match entries.iter().find(|entry| run.without(&entry.key).read::<Target>(file).is_ok()) {
        Some(entry) => at(error, file, entry.value.at),
        None => error,
    }
}

/// All that is wrong with each sink, but for what only follows from that.
fn sinks(tree: &Tree, file: &str) -> Vec<Error> {
    let Some(Value::Map(sinks)) = tree.get("sinks").map(|sinks| &sinks.value) else { return Vec::new() };
    let of = |sink: &Tree| {
        let mut wrong = sink.read::<SinkSpec>(file).err().unwrap_or_default().into_iter();
        // Without a key that was wrong the whole may be none.
        let first = wrong.next();
        first.into_iter().chain(wrong.filter(|error| position(error) != Some(sink.at))).collect::<Vec<_>>()
    };
    sinks.iter().flat_map(|entry| of(&entry.value)).collect()
}

/// The document without its jobs and sinks, which are looked at one by one; where they are none they stay, to be refused.
fn rest(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    if let Value::Map(entries) = &mut tree.value {
        for entry in entries {
            match (entry.key.as_str(), &mut entry.value.value) {
                ("jobs", Value::List(jobs)) => jobs.clear(),
                ("sinks", Value::Map(sinks)) => sinks.clear(),
                _ => {}
            }
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [KnownAction; 1] = [KnownAction { name: "tidy", arguments: "keep: 3", wrong: keep }];

    fn keep(args: &Tree, file: &str) -> Vec<Error> {
        args.read::<BTreeMap<String, u8>>(file).err().unwrap_or_default()
    }

    fn texts(errors: &[Error]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    fn of(jobs: &str) -> Findings {
        validate(&format!("kind: Timetable\nnamespace: n\n{jobs}"), "f.yaml", Some(&ACTIONS))
    }

    #[test]
    fn arguments_of_an_action_are_refused_at_their_place() {
        let found = of("jobs:\n- { name: a, when: '@daily', run: { action: tidy, keep: x } }\n");
        assert_eq!(texts(&found.errors), ["f.yaml:4:57: invalid type: string \"x\", expected u8"]);
        assert_eq!(found.errors[0].hint().as_deref(), Some("write `run: { action: tidy, keep: 3 }`"));
        assert!(found.documents.is_empty(), "{found:?}");
        let other = of("jobs:\n- { name: a, when: '@daily', run: { action: other, keep: x } }\n");
        assert_eq!(texts(&other.unknown), ["f.yaml:4:45: there is no action `other`"]);
        assert!(other.errors.is_empty() && other.documents.len() == 1, "somebody may have it: {other:?}");
    }

    #[test]
    fn what_is_wrong_with_a_target_stands_at_its_key() {
        let found = of("jobs:\n- name: a\n  when: '@daily'\n  run:\n    http: https://example.org\n    expect: 900\n");
        assert_eq!(
            texts(&found.errors),
            ["f.yaml:8:13: `run` of a request: invalid type: integer `900`, expected a sequence"]
        );
        assert!(found.errors[0].hint().is_some(), "{found:?}");
        let bare = of("jobs:\n- { name: a, when: '@daily', run: { http: 'ftp://x' } }\n");
        assert!(texts(&bare.errors)[0].starts_with("f.yaml:4:35: `ftp://x` is no URL"), "{bare:?}");
        assert!(bare.errors[0].hint().is_some(), "{bare:?}");
    }

    #[test]
    fn what_is_wrong_with_a_job_as_a_whole_stands_at_a_key_of_it() {
        let found = of("jobs:\n- name: a\n  when: '@daily'\n  run: { action: tidy }\n  timeout: 1 month\n\
                        - name: b\n  when: '@reboot'\n  count: 3\n  run: { action: tidy }\n");
        let said = texts(&found.errors);
        assert!(said[0].starts_with("f.yaml:7:12: interval `1 month` has no fixed length"), "{said:?}");
        assert!(said[1].starts_with("f.yaml:10:10: job `b`: `@reboot` has no fires"), "{said:?}");
        assert!(!found.errors[0].hint().unwrap().contains("cron"), "{found:?}");
    }

    #[test]
    fn steps_that_do_not_divide_their_field_are_warned_about() {
        let found = of("jobs:\n- name: a\n  when: { any: ['*/45 * * * *', '0 3 * * *'] }\n  run: { action: tidy }\n");
        let said = texts(&found.warnings);
        assert!(said[0].starts_with("f.yaml:5:9: ") && said[0].contains("not every 45 minutes"), "{said:?}");
        assert_eq!((said.len(), found.errors.len(), found.documents.len()), (1, 0, 1), "{found:?}");
    }

    #[test]
    fn each_bad_sink_is_told() {
        let found = of("sinks:\n  a: { webhook: 'https://x.example.org' }\n  b: { pager: x }\n  c: { command: x }\n  \
                        d: { command: [x], timeout: 5 }\njobs: []\n");
        let said = texts(&found.errors);
        assert_eq!(said.len(), 4, "{said:?}");
        for (line, text) in (4..).zip(&said) {
            assert!(text.starts_with(&format!("f.yaml:{line}:")), "{said:?}");
        }
        assert!(found.errors.iter().all(|error| error.hint().is_some()), "{found:?}");
    }

    #[test]
    fn a_name_that_is_there_twice_is_told_where_it_is() {
        let job = "- name: a\n  when: '@daily'\n  run: { action: tidy }\n";
        let found = of(&format!("jobs:\n{job}{job}"));
        assert_eq!(texts(&found.errors), ["f.yaml:7:9: job `a` is there already, in line 4"]);
        let error = read_str::<Timetable>(&format!("kind: Timetable\njobs:\n{job}{job}"), "f.yaml").unwrap_err();
        assert_eq!(error.to_string(), "f.yaml:6:3: job `a` is there twice");
        assert_eq!(error.hint(), found.errors[0].hint());
    }
}
