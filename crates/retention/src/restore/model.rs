//! The words of a restore: which copy, what is decided of it, and why.

use std::fmt;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Class, Decide, Domain};
use schemars::JsonSchema;
use serde::Serialize;

/// Restores, as a kind of plan.
#[derive(Debug, Clone)]
pub enum Restoring {}

impl Domain for Restoring {
    const KIND: &'static str = "restore";
    type Object = CopyName;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// A copy of a partition, by where it is and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyName {
    /// The repository, or the place for files.
    pub place: String,
    /// The snapshot or archive.
    pub name: String,
}

clusterkeep_core::object_as_text!(CopyName, "a copy of a partition: its repository or place, and its name there");

impl fmt::Display for CopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place, self.name)
    }
}

/// What is decided of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It comes back.
    Restore,
    /// What it holds is there already.
    Keep,
    /// It can't come back there.
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Restore => Class::Act,
            Self::Keep => Class::Keep,
            Self::Refuse => Class::Refuse,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restore => "restore",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        })
    }
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing of it is in the table.
    Absent {
        /// Whether the table has to be made first.
        creates: bool,
    },
    /// These very rows are there.
    Present,
    /// It is not whole, does not fit, or something else is where it would go.
    Unfit {
        /// What is in the way.
        what: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { creates: false } => f.write_str("none of it is in the table"),
            Self::Absent { creates: true } => f.write_str("there is no such table: it is made first"),
            Self::Present => f.write_str("these very rows are there already"),
            Self::Unfit { what } => f.write_str(what),
        }
    }
}

/// What else a verdict says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// The table that the rows are of.
    pub table: String,
    /// The table that they come into.
    pub into: String,
    /// The first instant that can be in it, where that was known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many rows were archived.
    pub rows: u64,
    /// How large the file of them is; none of snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Brings rows back into a table.
    Restore {
        /// Which table.
        into: String,
        /// How many rows.
        rows: u64,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restore { into, rows } => write!(f, "restore {} rows into {into}", crate::text::grouped(*rows)),
        }
    }
}
