//! What a job does: one type per kind of target, as files and stores have them.
//!
//! Nothing here runs anything: [`target`](crate::target) does, where the program has said that it may.

mod action;
mod command;
mod container;
mod http;
mod node;
mod process;
mod python;
mod read;
mod rust;
mod size;
mod sql;

use std::fmt;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::without_passwords;

pub use self::action::Action;
pub use self::command::{Command, Program};
pub use self::container::{Container, ContainerEngine, Entry};
pub use self::http::{Http, Method};
pub use self::node::Node;
pub use self::process::{Environment, Leftover, Limits, Process};
pub use self::python::{Python, PythonIsolation};
pub use self::rust::Rust;
pub use self::size::Size;
pub use self::sql::{Sql, Statements};
use crate::named::by_name;

/// What a job does. The key that is there says which kind: `run: { command: "echo hello" }`.
///
/// ```
/// use clusterkeep_scheduler::{Target, TargetKind};
/// let target: Target = serde_json::from_str(r#"{"exec": ["pg_dump", "weather"], "cwd": "/var/backups"}"#).unwrap();
/// assert_eq!(target.kind(), TargetKind::Command);
/// assert!(serde_json::from_str::<Target>(r#"{"exec": ["x"], "sql": "SELECT 1"}"#).is_err(), "one or the other");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Target {
    /// A handler or action that the program has registered.
    Action(Action),
    /// A process of this machine.
    Command(Command),
    /// Statements on a database.
    Sql(Sql),
    /// A request.
    Http(Http),
    /// A Python file or entry point.
    Python(Python),
    /// A JavaScript or TypeScript file.
    Node(Node),
    /// A Rust file.
    Rust(Rust),
    /// A command in a container.
    Container(Container),
}

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetKind {
    /// A handler or action by its name.
    Action,
    /// A process of this machine.
    Command,
    /// Statements on a database.
    Sql,
    /// A request.
    Http,
    /// A Python file or entry point.
    Python,
    /// A JavaScript or TypeScript file.
    Node,
    /// A Rust file.
    Rust,
    /// A command in a container.
    Container,
}

impl TargetKind {
    /// All that there are.
    pub const ALL: [Self; 8] =
        [Self::Action, Self::Command, Self::Sql, Self::Http, Self::Python, Self::Node, Self::Rust, Self::Container];

    /// Its name, as files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Command => "command",
            Self::Sql => "sql",
            Self::Http => "http",
            Self::Python => "python",
            Self::Node => "node",
            Self::Rust => "rust",
            Self::Container => "container",
        }
    }
}

by_name!(TargetKind, "`{}` is no kind of target");

impl Target {
    /// Which kind it is of.
    #[must_use]
    pub const fn kind(&self) -> TargetKind {
        match self {
            Self::Action(_) => TargetKind::Action,
            Self::Command(_) => TargetKind::Command,
            Self::Sql(_) => TargetKind::Sql,
            Self::Http(_) => TargetKind::Http,
            Self::Python(_) => TargetKind::Python,
            Self::Node(_) => TargetKind::Node,
            Self::Rust(_) => TargetKind::Rust,
            Self::Container(_) => TargetKind::Container,
        }
    }

    /// The named action, where it is one.
    #[must_use]
    pub const fn as_action(&self) -> Option<&Action> {
        match self {
            Self::Action(action) => Some(action),
            _ => None,
        }
    }

    /// What can be seen to be wrong with it without looking at anything else.
    ///
    /// # Errors
    ///
    /// The first thing that is.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Action(action) => action.check(),
            Self::Command(command) => command.check(),
            Self::Sql(sql) => sql.check(),
            Self::Http(http) => http.check(),
            Self::Python(python) => python.check(),
            Self::Node(node) => node.check(),
            Self::Rust(rust) => rust.check(),
            Self::Container(container) => container.check(),
        }
    }
}

/// In short, on one line, for people.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Action(action) => return f.write_str(&action.action),
            Self::Command(command) => command.program.to_string(),
            Self::Sql(sql) => sql.sql.as_slice().join("; "),
            // A query or user part may hold a secret.
            Self::Http(http) => format!("{} {}", http.method, http.place()),
            Self::Python(python) => python.python.clone(),
            Self::Node(node) => node.node.clone(),
            Self::Rust(rust) => rust.rust.clone(),
            Self::Container(container) => container.container.clone(),
        };
        write!(f, "{}: {}", self.kind(), in_short(&without_passwords(&text)))
    }
}

/// The longest text of a target on a line.
const SHORT: usize = 100;

pub(crate) fn in_short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHORT {
        return line;
    }
    line.chars().take(SHORT).chain(['…']).collect()
}

/// Text that a process is given: without NUL, which ends it there.
fn text(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::input(format!("{what} holds the character NUL")));
    }
    Ok(())
}

/// Text of which there must be some.
fn some_text(what: &str, given: &str) -> Result<()> {
    if given.trim().is_empty() {
        return Err(
            Error::input(format!("{what} is empty")).with_hint(format!("say what {what} is, or leave the job out"))
        );
    }
    text(what, given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn each_kind_is_told_by_its_key_and_comes_back_as_it_was() {
        for (text, kind) in [
            (r#"{"action": "retention", "manifest": "w"}"#, TargetKind::Action),
            (r#"{"manifest": "w", "action": "retention"}"#, TargetKind::Action),
            (r#"{"command": "echo hello", "env": {"A": "b"}, "grace": "2 s", "stdin": "x"}"#, TargetKind::Command),
            (
                r#"{"cwd": "/", "exec": ["echo", "a b"], "limits": {"memory": "1 GiB", "cpu": "5 s"}}"#,
                TargetKind::Command,
            ),
            (r#"{"sql": "SELECT 1"}"#, TargetKind::Sql),
            (r#"{"sql": "SELECT 1", "cluster": "env:DATABASE"}"#, TargetKind::Sql),
            (r#"{"sql": "SELECT 1", "cluster": "file:/run/secrets/database"}"#, TargetKind::Sql),
            (r#"{"sql": "SELECT 1", "cluster": "local:scratch"}"#, TargetKind::Sql),
            (r#"{"sql": ["SELECT 1", "SELECT 2"], "cluster": "sqlite:///x.db", "write": false}"#, TargetKind::Sql),
            (
                r#"{"http": "https://example.org/x", "method": "POST", "body": {"a": 1}, "expect": [201]}"#,
                TargetKind::Http,
            ),
            (r#"{"python": "clean.py:main", "kwargs": {"days": 3}, "isolation": "uv"}"#, TargetKind::Python),
            (r#"{"node": "clean.ts", "args": ["a"]}"#, TargetKind::Node),
            (r#"{"rust": "clean.rs", "args": ["a"], "grace": "2 s"}"#, TargetKind::Rust),
            (r#"{"container": "alpine:3", "command": ["echo", "x"], "env": {"A": "b"}}"#, TargetKind::Container),
            (r#"{"container": "alpine:3", "command": "echo x"}"#, TargetKind::Container),
        ] {
            let target = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(target.kind(), kind, "{text}");
            let kept = serde_json::to_string(&target).unwrap();
            assert_eq!(read(&kept).unwrap(), target, "{kept}");
            assert_eq!(kind.as_str().parse::<TargetKind>().unwrap(), kind);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            (r#"{"command": "a", "exec": ["b"]}"#, "both `command` and `exec`"),
            (r#"{"sql": "a", "http": "b"}"#, "both `sql` and `http`"),
            (r#"{"action": "a", "command": "b"}"#, "both `action` and `command`"),
            (r#"{"cwd": "/"}"#, "says nothing to run"),
            (r#"{"comand": "x"}"#, "says nothing to run"),
            (r#"{"command": "x", "cwdd": "/"}"#, "unknown field `cwdd`"),
            (r#"{"sql": "x", "env": {}}"#, "unknown field `env`"),
            (r#"{"command": ["x"]}"#, "expected a string"),
            (r#"{"command": "x", "grace": "2"}"#, "has no unit"),
            (r#"{"command": "x", "limits": {"memory": "12"}}"#, "has no unit"),
            (r#"{"http": "x", "method": "FETCH"}"#, "FETCH"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        for (text, part) in [
            (r#"{"command": " "}"#, "is empty"),
            (r#"{"exec": []}"#, "names no program"),
            (r#"{"exec": ["a", "b\u0000"]}"#, "NUL"),
            (r#"{"command": "x", "env": {"A=B": "c"}}"#, "no name of a variable"),
            (r#"{"sql": []}"#, "no statement"),
            (r#"{"sql": "x", "cluster": "foo://x"}"#, "foo"),
            (r#"{"sql": "x", "cluster": "weather.db"}"#, "neither a URL nor the id or name"),
            (r#"{"sql": "x", "cluster": "env:"}"#, "neither a URL nor the id or name"),
            (r#"{"http": "ftp://example.org"}"#, "http://"),
            (r#"{"http": "http://example.org", "expect": [99]}"#, "no status"),
            (r#"{"http": "http://example.org", "headers": {"a b": "c"}}"#, "no name of a header"),
            (r#"{"http": "http://example.org", "headers": {"a": "c\r\nd: e"}}"#, "can't stand in a header"),
            (r#"{"python": "clean.py:"}"#, "entry point"),
            (r#"{"python": "-c"}"#, "entry point"),
            (r#"{"node": "clean.rb"}"#, "JavaScript"),
            (r#"{"rust": "clean.py"}"#, "no Rust file"),
            (r#"{"rust": "clean.rs", "user": "x"}"#, "no other `user`"),
            (r#"{"container": "--privileged"}"#, "no image"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
