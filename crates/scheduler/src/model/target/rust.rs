//! A Rust file.

use std::path::Path;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Process, some_text, text};

/// A Rust file that says in its frontmatter what it depends on ("cargo script", RFC 3502): it is built by cargo, and run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rust {
    /// The file; its name ends in `.rs`.
    pub rust: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its surroundings.
    #[serde(flatten)]
    pub process: Process,
}

impl Rust {
    /// This file, without arguments.
    pub fn of(file: impl Into<String>) -> Self {
        Self { rust: file.into(), args: Vec::new(), process: Process::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        some_text("the Rust file", &self.rust)?;
        if self.rust.starts_with('-') || Path::new(&self.rust).extension().is_none_or(|extension| extension != "rs") {
            return Err(Error::input(format!("`{}` is no Rust file", self.rust)).with_hint("its name ends in .rs"));
        }
        if self.process.user.is_some() {
            return Err(Error::input(
                "a Rust file is built in the scheduler's own cache, so that no other `user` runs it",
            )
            .with_hint("build it before, and run the program by `exec`"));
        }
        self.args.iter().try_for_each(|word| text("an argument", word))?;
        self.process.check()
    }
}
