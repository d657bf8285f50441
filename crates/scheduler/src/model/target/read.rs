//! Reading of a target: the key that is there says of which kind the rest is.

use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Action, Command, Node, Process, Program, Python, PythonIsolation, Rust, Target};

/// The keys that say what is run.
const KEYS: [&str; 9] = ["action", "command", "exec", "sql", "http", "python", "node", "rust", "container"];

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let target = of(Map::deserialize(deserializer)?).map_err(custom)?;
        // Here, so that the error stands where the target does.
        target.check().map_err(custom)?;
        Ok(target)
    }
}

fn of(map: Map<String, Value>) -> Result<Target> {
    // What a container runs is its command.
    let in_container = map.contains_key("container");
    let mut there = KEYS.into_iter().filter(|key| map.contains_key(*key) && !(in_container && *key == "command"));
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err(Error::input(format!("`run` has both `{one}` and `{other}`"))
            .with_hint("a job runs one thing; make a job of each")),
        (Some("action"), None) => whole("an action", map).map(Target::Action),
        (Some("sql"), None) => whole("SQL", map).map(Target::Sql),
        (Some("http"), None) => whole("a request", map).map(Target::Http),
        (Some("container"), None) => whole("a container", map).map(Target::Container),
        (Some("python"), None) => python(map).map(Target::Python),
        (Some("node"), None) => node(map).map(Target::Node),
        (Some("rust"), None) => rust(map).map(Target::Rust),
        (Some(_), None) => command(map).map(Target::Command),
        (None, _) => Err(Error::input("`run` says nothing to run")
            .with_hint(format!("it needs one of {}", KEYS.map(|key| format!("`{key}`")).join(", ")))),
    }
}

/// A target that is read as it stands.
fn whole<T: DeserializeOwned>(what: &str, map: Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(map)).map_err(|error| {
        // The hint of an error within travels behind a mark.
        let text = error.to_string();
        let (text, hint) = text.split_once('\u{1f}').map_or((text.as_str(), None), |(text, hint)| (text, Some(hint)));
        Error::input(format!("`run` of {what}: {text}"))
            .with_hint(hint.unwrap_or("`clusterkeep schema timetable` says what goes where"))
    })
}

/// Takes what is said about the process out of the rest.
fn process(what: &str, map: &mut Map<String, Value>) -> Result<Process> {
    whole(what, Process::FIELDS.into_iter().filter_map(|field| map.remove_entry(field)).collect())
}

fn command(mut map: Map<String, Value>) -> Result<Command> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rest {
        command: Option<String>,
        exec: Option<Vec<String>>,
        stdin: Option<String>,
    }
    let process = process("a command", &mut map)?;
    let Rest { command, exec, stdin } = whole("a command", map)?;
    let program = command.map(Program::Shell).or_else(|| exec.map(Program::Exec));
    let program = program.ok_or_else(|| Error::input("`run` of a command says nothing to run"))?;
    Ok(Command { program, stdin, process })
}

fn python(mut map: Map<String, Value>) -> Result<Python> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rest {
        python: String,
        #[serde(default)]
        args: Vec<Value>,
        #[serde(default)]
        kwargs: Map<String, Value>,
        isolation: Option<PythonIsolation>,
    }
    let process = process("Python", &mut map)?;
    let Rest { python, args, kwargs, isolation } = whole("Python", map)?;
    Ok(Python { python, args, kwargs, isolation, process })
}

fn node(mut map: Map<String, Value>) -> Result<Node> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rest {
        node: String,
        #[serde(default)]
        args: Vec<String>,
    }
    let process = process("node", &mut map)?;
    let Rest { node, args } = whole("node", map)?;
    Ok(Node { node, args, process })
}

fn rust(mut map: Map<String, Value>) -> Result<Rust> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rest {
        rust: String,
        #[serde(default)]
        args: Vec<String>,
    }
    let process = process("Rust", &mut map)?;
    let Rest { rust, args } = whole("Rust", map)?;
    Ok(Rust { rust, args, process })
}

impl From<Action> for Target {
    fn from(action: Action) -> Self {
        Self::Action(action)
    }
}

/// Each kind as a target.
macro_rules! into_target {
    ($($kind:ident),*) => {
        $(impl From<super::$kind> for Target {
            fn from(target: super::$kind) -> Self {
                Self::$kind(target)
            }
        })*
    };
}
into_target!(Command, Sql, Http, Python, Node, Rust, Container);
