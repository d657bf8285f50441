//! What a plan to change a store's timetables speaks of: its objects, decisions and actions.

use std::fmt;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::show::counted;
use clusterkeep_core::plan::{Class, Decide, Domain};
use schemars::JsonSchema;
use serde::Serialize;

use super::reason::Reason;

/// Plans of the kind `timetable`.
#[derive(Debug, Clone)]
pub struct Deploying;

impl Domain for Deploying {
    const KIND: &'static str = "timetable";
    type Object = Object;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// A job of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub job: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both come out of files and databases, and must not steer the terminal that they are shown on.
        write!(f, "{}/{}", self.namespace.escape_debug(), self.job.escape_debug())
    }
}

clusterkeep_core::object_as_text!(Object, "`NAMESPACE/JOB`");

/// What is decided of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is made.
    Create,
    /// It becomes another version.
    Change,
    /// It goes; its runs stay.
    Remove,
    /// It is as wanted.
    Unchanged,
    /// The timetable does not have it, and it stays.
    Kept,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Create | Self::Change | Self::Remove => Class::Act,
            Self::Unchanged | Self::Kept => Class::Keep,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
        })
    }
}

/// What a plan of timetables adds to a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// The version that the store has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// When it fires, in the words of the file.
    pub when: String,
    /// The zone that this is in.
    pub zone: String,
    /// When it would fire first, as of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_fire: Option<DateTime<Utc>>,
    /// Why it does not fire: a pause outlives versions of its job, and its removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Who has changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

/// What a step does: it writes the jobs of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Action {
    /// The namespace.
    pub namespace: String,
    /// How many jobs it makes.
    pub create: usize,
    /// How many become another version.
    pub change: usize,
    /// How many go.
    pub remove: usize,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |verb: &str, count: usize| (count > 0).then(|| format!("{verb} {}", counted(count as u64, "job")));
        let parts = [part("create", self.create), part("change", self.change), part("remove", self.remove)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "{} of {}", parts.join(", "), self.namespace.escape_debug())
    }
}
