//! A Python file or entry point.

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Process, some_text};

/// A Python file, a function of one, or a function of a module.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Python {
    /// `file.py`, `file.py:function` or `module:function`.
    pub python: String,
    /// The arguments: of a function JSON values, of a file its words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<serde_json::Value>,
    /// The keyword arguments of a function.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub kwargs: serde_json::Map<String, serde_json::Value>,
    /// What it runs in; without, `uv` where it is there, else the interpreter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<PythonIsolation>,
    /// Its surroundings.
    #[serde(flatten)]
    pub process: Process,
}

/// What a Python target runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PythonIsolation {
    /// An environment that uv makes of what the file says that it needs (PEP 723).
    Uv,
    /// The interpreter that PATH has, with what is installed there.
    Interpreter,
}

impl Python {
    /// This file or entry point, without arguments.
    pub fn of(python: impl Into<String>) -> Self {
        Self {
            python: python.into(),
            args: Vec::new(),
            kwargs: serde_json::Map::new(),
            isolation: None,
            process: Process::default(),
        }
    }

    /// The file or module, and the function of it where one is named.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.python.rsplit_once(':') {
            // `C:\x.py` has no function.
            Some((file, function)) if !function.contains(['/', '\\']) => (file, Some(function)),
            _ => (&self.python, None),
        }
    }

    /// Whether the first of [`parts`](Self::parts) is a file, and not a module.
    #[must_use]
    pub fn is_file(&self) -> bool {
        let path = self.parts().0;
        std::path::Path::new(path).extension().is_some_and(|extension| extension == "py")
    }

    pub(super) fn check(&self) -> Result<()> {
        some_text("the Python target", &self.python)?;
        let wrong = || {
            Error::input(format!("`{}` is no Python file or entry point", self.python))
                .with_hint("write `file.py`, `file.py:function` or `module:function`")
        };
        let name = |text: &str| {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            !text.is_empty() && text.chars().all(word) && !text.starts_with(|c: char| c.is_numeric())
        };
        let (source, function) = self.parts();
        if function.is_some_and(|function| !function.split('.').all(name)) {
            return Err(wrong());
        }
        if !self.is_file() && !(function.is_some() && source.split('.').all(name)) {
            return Err(wrong());
        }
        if source.starts_with('-') {
            return Err(wrong());
        }
        if function.is_none() && !self.kwargs.is_empty() {
            return Err(Error::input(format!(
                "`{}` names no function, and keyword arguments are for one",
                self.python
            ))
            .with_hint("write `file.py:function`, or give words as `args`"));
        }
        self.process.check()
    }
}
