//! What is there on both sides, as plain data.

use chrono::{DateTime, Utc};

use super::ddl::Definition;
use crate::sql::{Engine, Ident, TableName};

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its engine.
    pub engine: Engine,
    /// Its address without a password.
    pub address: String,
}

/// What a relation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A table.
    Table,
    /// Something else, as the catalogue calls it.
    Other(String),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type, as the catalogue names it.
    pub type_name: String,
    /// What it is computed from, where it is: it is not written to then.
    pub generated: Option<String>,
}

/// A table of the source, and what there is of it on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The table.
    pub table: TableName,
    /// What it is.
    pub kind: Kind,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// How many rows it has, counted.
    pub rows: u64,
    /// How it was made, where both sides are CrateDB.
    pub definition: Option<Definition>,
    /// Its name on the other side.
    pub into: TableName,
    /// What is there under that name.
    pub target: Option<Target>,
    /// Whether an earlier run has left a half copy.
    pub left_over: bool,
    /// When it was copied before, and what was counted then.
    pub verified: Option<Verified>,
}

/// A table on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// How many rows it has, counted.
    pub rows: u64,
    /// How it was made, where it is in CrateDB.
    pub definition: Option<Definition>,
    /// Whether rights were granted on this very table, where that is known and matters.
    pub granted: bool,
    /// The storage engine that knows no transactions, where it is of one.
    pub without_transactions: Option<String>,
    /// The tables that its foreign keys refer to: their rows come first.
    pub references: Vec<TableName>,
}

/// What an earlier run recorded of a table that it copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// When.
    pub at: DateTime<Utc>,
    /// The rows on both sides.
    pub rows: u64,
}

/// What is there on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Where it is copied from.
    pub source: Place,
    /// Where it is copied to.
    pub target: Place,
    /// The tables, in the order of their names.
    pub tables: Vec<Source>,
}
