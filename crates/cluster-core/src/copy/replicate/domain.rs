//! What a plan to replicate speaks of.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::show::counted;
use crate::plan::{self, Class, Decide};
use crate::sql::{Ident, TableName};

/// Plans of the kind `replicate`.
#[derive(Debug, Clone)]
pub struct Domain;

impl plan::Domain for Domain {
    const KIND: &'static str = "replicate";
    type Object = Object;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// What a verdict is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The publication at the source.
    Publication(Ident),
    /// The subscription at the target.
    Subscription(Ident),
    /// A table.
    Table(TableName),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publication(name) => write!(f, "publication {name}"),
            Self::Subscription(name) => write!(f, "subscription {name}"),
            Self::Table(table) => write!(f, "table {table}"),
        }
    }
}

crate::object_as_text!(Object, "`publication NAME`, `subscription NAME` or `table NAME`");

/// What is decided of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// It is made.
    Create,
    /// It is made at the target, and follows the source.
    Follow,
    /// It is dropped.
    Drop,
    /// It follows the source no more.
    Release,
    /// It stays as it is.
    Keep,
    /// It can't be.
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Keep => Class::Keep,
            Self::Refuse => Class::Refuse,
            _ => Class::Act,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Follow => "follow",
            Self::Drop => "drop",
            Self::Release => "release",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        })
    }
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It is not there yet.
    Absent,
    /// It is not there: there is nothing to end.
    Gone,
    /// It is there already, as it is to be.
    AsWanted,
    /// The tables that are published are named one by one.
    Publishes {
        /// How many.
        tables: u64,
    },
    /// The target makes the table, copies its rows and takes no writes to it until the replication ends.
    Followed {
        /// The rows at the source.
        rows: u64,
    },
    /// There is one of this name, of other tables.
    OtherTables {
        /// Those that it has.
        tables: Vec<String>,
    },
    /// There is one of this name, of another publication.
    OtherPublication {
        /// Those that it follows.
        publications: Vec<String>,
    },
    /// The target has a table of this name.
    Occupied {
        /// Its rows.
        rows: u64,
    },
    /// It is no table.
    NotATable {
        /// What it is.
        kind: String,
    },
    /// The target runs an earlier version than the source.
    OlderTarget {
        /// The source's.
        source: String,
        /// The target's.
        target: String,
    },
    /// Source and target are the same database.
    Itself,
    /// What follows it stops.
    Stops,
    /// It stays with its rows, and can be written to; what comes to the source from then on does not come here.
    Stays {
        /// The operations that it is behind by, where that is known.
        behind: Option<u64>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not there yet"),
            Self::Gone => f.write_str("there is none"),
            Self::AsWanted => f.write_str("it is so already"),
            Self::Publishes { tables } => {
                write!(f, "publishes {}, and none that is made later", counted(*tables, "table"))
            }
            Self::Followed { rows } => {
                write!(
                    f,
                    "its {} are copied, then it follows; it can't be written to at the target",
                    counted(*rows, "row")
                )
            }
            Self::OtherTables { tables } => write!(f, "there is one of this name, of {}", tables.join(", ")),
            Self::OtherPublication { publications } => {
                write!(f, "there is one of this name, which follows {}", publications.join(", "))
            }
            Self::Occupied { rows } => write!(f, "the target has a table of this name, with {}", counted(*rows, "row")),
            Self::NotATable { kind } => write!(f, "a {kind}, no table"),
            Self::OlderTarget { source, target } => write!(f, "the target runs {target}, which is older than {source}"),
            Self::Itself => f.write_str("source and target are the same database"),
            Self::Stops => f.write_str("the target stops following"),
            Self::Stays { behind: Some(0) } => f.write_str("stays as it is, up to date, and can be written to"),
            Self::Stays { behind: Some(behind) } => {
                write!(
                    f,
                    "stays as it is, {} behind, which never come; can be written to",
                    counted(*behind, "operation")
                )
            }
            Self::Stays { behind: None } => f.write_str("stays as it is, and can be written to"),
        }
    }
}

/// What a plan to replicate adds to a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// The rows at the source, counted when the plan was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The rows at the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_rows: Option<u64>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Makes the publication at the source.
    Publish {
        /// Its name.
        name: Ident,
        /// Its tables.
        tables: Vec<TableName>,
    },
    /// Makes the subscription at the target, and waits until the tables are there.
    Subscribe {
        /// Its name.
        name: Ident,
        /// The tables that come by it.
        tables: Vec<TableName>,
    },
    /// Drops the subscription at the target.
    Unsubscribe {
        /// Its name.
        name: Ident,
    },
    /// Drops the publication at the source.
    Unpublish {
        /// Its name.
        name: Ident,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { name, tables } => {
                write!(f, "publish {} as {name}", counted(tables.len() as u64, "table"))
            }
            Self::Subscribe { name, .. } => write!(f, "subscribe to {name}"),
            Self::Unsubscribe { name } => write!(f, "drop subscription {name}"),
            Self::Unpublish { name } => write!(f, "drop publication {name}"),
        }
    }
}
