//! What a query gives: columns and rows, to iterate, deserialise or render.

use std::sync::Arc;

use super::Value;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the engine names it.
    pub type_name: String,
}

/// A row, with the columns that all rows of its result share.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Arc<[Column]>,
    values: Vec<Value>,
}

/// The rows of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    columns: Arc<[Column]>,
    rows: Vec<Vec<Value>>,
}
