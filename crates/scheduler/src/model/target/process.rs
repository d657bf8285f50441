//! The surroundings of a process: where it runs, as whom, with which environment and limits.

use std::collections::BTreeMap;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, some_text, text};
use crate::model::when::fixed;

/// The surroundings of a process. Whatever they are, it is in a process group of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its working directory; without, the scheduler's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables that it is given. A value `env:NAME` or `file:PATH` is fetched from there when it is started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Which other variables it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub environment: Environment,
    /// The account that it runs under, by its name; only a scheduler that is root can change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it may use; on Linux.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// What becomes of processes that it has left running when it ends by itself. Where a run is cut off or cancelled they
    /// end in any case.
    #[serde(default, skip_serializing_if = "is_default")]
    pub leftover: Leftover,
    /// How long it has between being asked to end and being killed; 5 seconds, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Age>,
}

/// Which variables a process has, beside those that it is given by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Those of the scheduler, with all that they may hold.
    #[default]
    Inherit,
    /// PATH, HOME, USER, LOGNAME, SHELL, LANG and TZ alone, as cron has it.
    Clean,
}

/// What becomes of processes that another one has left running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leftover {
    /// They are ended.
    #[default]
    End,
    /// They go on, and nobody looks after them or hears them any more.
    Stay,
}

/// What each process of a job may use; what is not said is as the scheduler has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Time on a processor, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Age>,
    /// Address space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Processes of the account that it runs under, those of other jobs included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// The size of a file that it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Size>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Process {
    /// The names of its fields, which stand beside those of what is run.
    pub(super) const FIELDS: [&'static str; 7] = ["cwd", "env", "environment", "user", "limits", "leftover", "grace"];

    pub(super) fn check(&self) -> Result<()> {
        if let Some(cwd) = &self.cwd {
            some_text("the working directory", cwd)?;
        }
        if let Some(user) = &self.user {
            some_text("the user", user)?;
        }
        variables(&self.env)?;
        self.grace.map(fixed).transpose()?;
        if let Some(cpu) = self.limits.cpu.map(fixed).transpose()?
            && cpu.num_seconds() == 0
        {
            return Err(Error::input("the limit of time on a processor is less than a second"));
        }
        Ok(())
    }
}

/// Checks names and values of variables.
pub(super) fn variables(env: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Error::input(format!("{name:?} is no name of a variable")));
        }
        text(&format!("variable `{name}`"), value)?;
    }
    Ok(())
}
