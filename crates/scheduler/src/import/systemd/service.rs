//! What a timer starts: the command of a service.

use std::collections::BTreeMap;

use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::super::collect::{At, Collector};
use super::super::{NoteLevel, secret};
use super::unit::Unit;
use super::words::{quoted, words};

/// What of a service is carried over, or means nothing here.
const KNOWN: [&str; 12] = [
    "Type",
    "ExecStart",
    "ExecStartPre",
    "User",
    "Environment",
    "WorkingDirectory",
    "TimeoutStartSec",
    "TimeoutSec",
    "RuntimeMaxSec",
    "StandardOutput",
    "StandardError",
    "SyslogIdentifier",
];

/// What a service runs, as a file of ours says it.
pub(super) fn run(name: &str, unit: &Unit, at: &At, collector: &mut Collector) -> Result<Value> {
    let mut commands = Vec::new();
    for key in ["ExecStartPre", "ExecStart"] {
        for entry in unit.all("Service", key) {
            commands.push(command(&entry.value, name, at, collector)?);
        }
    }
    let mut run = Map::new();
    match commands.as_slice() {
        [] => return Err(Error::input(format!("`{name}` has no ExecStart"))),
        [Words { words, expand: false }] => drop(run.insert("exec".into(), json!(words))),
        several => {
            let lines: Vec<String> = several.iter().map(Words::line).collect();
            run.insert("command".into(), json!(lines.join(" && ")));
        }
    }
    if let Some(user) = unit.last("Service", "User") {
        run.insert("user".into(), json!(specified(user, name)?));
    }
    match unit.last("Service", "WorkingDirectory").map(|folder| folder.trim_start_matches('-')) {
        Some("~") => collector.note(at, NoteLevel::Lost, "WorkingDirectory=~ is not looked up: write `cwd`"),
        Some(folder) => drop(run.insert("cwd".into(), json!(specified(folder, name)?))),
        None => drop(run.insert("cwd".into(), json!("/"))),
    }
    let env = environment(name, unit, at, collector)?;
    if !env.is_empty() {
        run.insert("env".into(), json!(env));
    }
    run.insert("environment".into(), json!("clean"));
    let others = unit.others("Service", &KNOWN);
    if !others.is_empty() {
        collector.note(at, NoteLevel::Lost, format!("of `{name}` not carried over: {}", others.join(", ")));
    }
    if unit.last("Unit", "OnFailure").is_some() {
        collector.note(
            at,
            NoteLevel::Lost,
            format!("OnFailure of `{name}` is not carried over; `notify` tells of failures"),
        );
    }
    Ok(run.into())
}

/// The words of a command.
struct Words {
    words: Vec<String>,
    /// Whether variables in them have to be replaced.
    expand: bool,
}

impl Words {
    fn line(&self) -> String {
        self.words.iter().map(|word| quoted(word, self.expand)).collect::<Vec<_>>().join(" ")
    }
}

fn command(line: &str, unit: &str, at: &At, collector: &mut Collector) -> Result<Words> {
    let bare = line.trim_start_matches(['-', '@', ':', '+', '!']);
    let prefix = &line[..line.len() - bare.len()];
    if prefix.contains('@') {
        return Err(Error::input(format!("`{line}`: another name for the program can't be said here")));
    }
    if prefix.contains('-') {
        collector.note(
            at,
            NoteLevel::Differs,
            format!("`{line}`: its failure counted as success there, and is a failure here"),
        );
    }
    if prefix.contains(['+', '!']) {
        collector.note(at, NoteLevel::Lost, format!("`{line}` ran with other rights there"));
    }
    let mut words = words(bare)?;
    for word in &mut words {
        *word = specified(word, unit)?;
    }
    if words.iter().any(|word| word == ";") {
        return Err(Error::input(format!("`{line}` holds several commands: give each an ExecStart of its own")));
    }
    let expand = !prefix.contains(':') && words.iter().any(|word| word.replace("$$", "").contains('$'));
    if !expand {
        for word in &mut words {
            *word = word.replace("$$", "$");
        }
    } else if words.iter().any(|word| word.contains("$$")) {
        return Err(Error::input(format!("`{line}` has `$$` beside a variable, which is not read")));
    }
    Ok(Words { words, expand })
}

/// A word with its specifiers replaced, as far as they are known from the unit's name alone.
fn specified(word: &str, unit: &str) -> Result<String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut text = String::new();
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => text.push('%'),
            Some('n') => text.push_str(unit),
            Some('N') => text.push_str(stem),
            Some('p') => text.push_str(prefix),
            Some('i') => text.push_str(instance),
            other => {
                let what = other.map(String::from).unwrap_or_default();
                return Err(Error::input(format!("the specifier `%{what}` of `{unit}` is not known here"))
                    .with_hint("write what it stands for into the unit before it is read"));
            }
        }
    }
    Ok(text)
}

fn environment(service: &str, unit: &Unit, at: &At, collector: &mut Collector) -> Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    for entry in unit.all("Service", "Environment") {
        for assignment in words(&entry.value)? {
            let assignment = specified(&assignment, service)?;
            let Some((name, value)) = assignment.split_once('=') else {
                return Err(Error::input(format!("`{assignment}` is no assignment")));
            };
            if secret::is_secret(name) {
                collector.note(at, NoteLevel::Differs, secret::remark(name));
                env.insert(name.to_owned(), secret::reference(name));
            } else if value.starts_with("env:") || value.starts_with("file:") {
                collector.note(
                    at,
                    NoteLevel::Lost,
                    format!("`{name}`: its value would be a reference here, and was left out"),
                );
            } else {
                env.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    Ok(env)
}
