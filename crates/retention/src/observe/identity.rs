//! What a partition of an engine is called: its identity, by which it is found again.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use clusterkeep_core::sql::{Ident, TableName, Value};

/// One of an engine's own partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionId {
    /// A table of its own (PostgreSQL).
    Table(Arc<TableName>),
    /// A name within its table (MariaDB/MySQL).
    Name(Arc<Ident>),
    /// The values of the columns that the table is partitioned by (CrateDB).
    Key(Arc<PartitionKey>),
}

/// The values of the columns that a table is partitioned by.
#[derive(Debug, Clone)]
pub struct PartitionKey {
    /// The server's own name for them.
    pub ident: String,
    /// Each column with its value, in the order in which the table names them; exactly what the catalogue says.
    pub values: Vec<(Ident, Value)>,
}

impl PartialEq for PartitionKey {
    fn eq(&self, other: &Self) -> bool {
        self.ident == other.ident
    }
}

impl Eq for PartitionKey {}

impl PartialOrd for PartitionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PartitionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ident.cmp(&other.ident)
    }
}

impl Hash for PartitionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ident.hash(state);
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "{name}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Key(key) => {
                for (nth, (column, value)) in key.values.iter().enumerate() {
                    let comma = if nth > 0 { "," } else { "" };
                    // A value is shown as JSON would: no text of it can pass for another partition's.
                    match value {
                        Value::Null => write!(f, "{comma}{column}=null")?,
                        Value::Text(text) => write!(f, "{comma}{column}={text:?}")?,
                        value => write!(f, "{comma}{column}={value}")?,
                    }
                }
                Ok(())
            }
        }
    }
}
