//! A process of this machine.

use std::fmt;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Process, some_text, text};

/// A process, and what it is given.
///
/// ```
/// use clusterkeep_scheduler::target::Command;
/// let dump = Command::exec(["pg_dump", "weather"]);
/// let clean = Command::shell("find /tmp -name '*.part' -delete");
/// assert_eq!(clean.program.to_string(), "find /tmp -name '*.part' -delete");
/// # let _ = dump;
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Command {
    /// What is run: `command` or `exec`.
    #[serde(flatten)]
    pub program: Program,
    /// What it reads from its standard input; without, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Its surroundings.
    #[serde(flatten)]
    pub process: Process,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Program {
    /// A line for `/bin/sh -c`.
    #[serde(rename = "command")]
    Shell(String),
    /// A program and its arguments, as they are; a name without a slash is looked for in PATH.
    #[serde(rename = "exec")]
    Exec(Vec<String>),
}

impl Command {
    /// A line for the shell.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::of(Program::Shell(line.into()))
    }

    /// A program and its arguments, without a shell.
    pub fn exec<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self::of(Program::Exec(words.into_iter().map(Into::into).collect()))
    }

    fn of(program: Program) -> Self {
        Self { program, stdin: None, process: Process::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.program {
            Program::Shell(line) => some_text("the command", line)?,
            Program::Exec(words) => {
                if words.first().is_none_or(|program| program.trim().is_empty()) {
                    return Err(Error::input("`exec` names no program")
                        .with_hint("write the program and its arguments, such as `exec: [pg_dump, weather]`"));
                }
                words.iter().try_for_each(|word| text("a word of `exec`", word))?;
            }
        }
        self.process.check()
    }
}

/// As it could be typed; words are quoted where they need it.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Exec(words) => {
                let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                f.write_str(&quoted.join(" "))
            }
        }
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
