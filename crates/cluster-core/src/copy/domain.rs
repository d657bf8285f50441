//! What a plan to copy speaks of: its objects, decisions, reasons and actions.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::show::counted;
use crate::plan::{self, Class, Decide};
use crate::sql::{Ident, TableName};

/// Plans of the kind `copy`.
#[derive(Debug, Clone)]
pub struct Domain;

impl plan::Domain for Domain {
    const KIND: &'static str = "copy";
    type Object = Object;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// A table of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object(pub TableName);

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

crate::object_as_text!(Object, "a table of the source");

/// What is decided of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// It is copied.
    Copy,
    /// It stays as it is.
    Keep,
    /// It can't be copied.
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Copy => Class::Act,
            Self::Keep => Class::Keep,
            Self::Refuse => Class::Refuse,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Copy => "copy",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        })
    }
}

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where it is copied from.
    Source,
    /// Where it is copied to.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The target has none of this name.
    Absent {
        /// Whether a half copy of an earlier run is thrown away.
        again: bool,
    },
    /// The target has one with the same columns, and no rows in it.
    Empty {
        /// Whether a half copy of an earlier run is thrown away.
        again: bool,
    },
    /// It was copied before and verified, and the rows on both sides are as many as then.
    Copied {
        /// When.
        at: DateTime<Utc>,
        /// The rows.
        rows: u64,
    },
    /// The target has rows in it.
    HasRows {
        /// How many.
        rows: u64,
        /// How many the source has.
        source_rows: u64,
    },
    /// The target has none of this name, and it can't be made there.
    NoTable,
    /// It is no table.
    NotATable {
        /// On which side.
        side: Side,
        /// What it is.
        kind: String,
    },
    /// The columns have other names.
    ColumnsDiffer {
        /// Those that only the source has.
        source: Vec<Ident>,
        /// Those that only the target has.
        target: Vec<Ident>,
    },
    /// A column is of a type that can't travel.
    UnsupportedType {
        /// The column.
        column: Ident,
        /// The side whose type it is.
        side: Side,
        /// The type.
        type_name: String,
    },
    /// A generated column would get another value each time.
    Volatile {
        /// The column.
        column: Ident,
        /// What it is generated from.
        function: String,
    },
    /// A setting of the table keeps rows out.
    WriteBlocked {
        /// The setting.
        setting: String,
    },
    /// Rights that were granted on the table would be lost, for it is replaced by the copy.
    Granted,
    /// The name would be too long while it is copied.
    LongName,
    /// The target table's storage engine has no transactions, so that a half could stay.
    NoTransactions {
        /// The storage engine.
        storage: String,
    },
    /// Source and target are the same table.
    Itself,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |again: &bool| if *again { "; a half copy of an earlier run is thrown away" } else { "" };
        match self {
            Self::Absent { again: half } => write!(f, "not there yet; made as it is at the source{}", again(half)),
            Self::Empty { again: half } => write!(f, "there, empty, with the same columns{}", again(half)),
            Self::Copied { at, rows } => {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "copied on {at}; both sides still have {}", counted(*rows, "row"))
            }
            Self::HasRows { rows, source_rows } => {
                let (there, here) = (counted(*rows, "row"), counted(*source_rows, "row"));
                write!(f, "the target has {there} in it, the source {here}")
            }
            Self::NoTable => f.write_str("the target has no such table; make it there first"),
            Self::NotATable { side, kind } => write!(f, "a {kind} at the {side}, no table"),
            Self::ColumnsDiffer { source, target } => {
                let list = |names: &[Ident]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                match (source.is_empty(), target.is_empty()) {
                    (false, true) => write!(f, "only the source has the columns {}", list(source)),
                    (true, false) => write!(f, "only the target has the columns {}", list(target)),
                    _ => write!(f, "the source has {} where the target has {}", list(source), list(target)),
                }
            }
            Self::UnsupportedType { column, side, type_name } => {
                write!(f, "column {column} is of type {type_name} at the {side}, which can't travel")
            }
            Self::Volatile { column, function } => {
                write!(f, "column {column} is generated by {function}, which would give it other values")
            }
            Self::WriteBlocked { setting } => write!(f, "{setting} is set on it, and would keep the rows out"),
            Self::Granted => f.write_str("rights were granted on the table at the target, which a copy would lose"),
            Self::LongName => f.write_str("its name is too long to be lengthened while it is copied"),
            Self::NoTransactions { storage } => write!(f, "the target is kept by {storage}, without transactions"),
            Self::Itself => f.write_str("source and target are the same table"),
        }
    }
}

/// What a plan to copy adds to a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// Its name at the target.
    pub into: TableName,
    /// The rows at the source, counted when the plan was made.
    pub rows: u64,
    /// The rows at the target; missing where it has no such table.
    pub target_rows: Option<u64>,
}

/// How a table comes to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It is made under another name, and gets its own when it is verified.
    Create,
    /// It is made under another name, and takes the place of the empty one when it is verified.
    Replace,
    /// It is filled in one transaction, which is committed when it is verified.
    Fill,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Copies a table.
    Copy {
        /// What.
        table: TableName,
        /// To where.
        into: TableName,
        /// How.
        way: Way,
        /// Whether a half copy is thrown away first.
        again: bool,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { table, into, .. } if table == into => write!(f, "copy {table}"),
            Self::Copy { table, into, .. } => write!(f, "copy {table} into {into}"),
        }
    }
}
