//! A JavaScript or TypeScript file.

use std::path::Path;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Process, some_text, text};

/// A file for Node.js.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Node {
    /// The file: `.js`, `.mjs`, `.cjs`, `.ts`, `.mts` or `.cts`.
    pub node: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its surroundings.
    #[serde(flatten)]
    pub process: Process,
}

impl Node {
    /// This file, without arguments.
    pub fn of(file: impl Into<String>) -> Self {
        Self { node: file.into(), args: Vec::new(), process: Process::default() }
    }

    /// Whether it is TypeScript.
    #[must_use]
    pub fn is_typescript(&self) -> bool {
        matches!(self.extension(), "ts" | "mts" | "cts")
    }

    fn extension(&self) -> &str {
        Path::new(&self.node).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }

    pub(super) fn check(&self) -> Result<()> {
        some_text("the file for node", &self.node)?;
        if self.node.starts_with('-') || !matches!(self.extension(), "js" | "mjs" | "cjs" | "ts" | "mts" | "cts") {
            return Err(Error::input(format!("`{}` is no JavaScript or TypeScript file", self.node))
                .with_hint("its name ends in .js, .mjs, .cjs, .ts, .mts or .cts"));
        }
        self.args.iter().try_for_each(|word| text("an argument", word))?;
        self.process.check()
    }
}
