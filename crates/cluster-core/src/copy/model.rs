//! What is to be copied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::sql::{Ident, TableName};

/// Which tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tables {
    /// Every table of the users'; of all schemas on CrateDB, else of the one that the session looks in first.
    All,
    /// Every table of a schema.
    Schema(Ident),
    /// These.
    Named(Vec<TableName>),
}

/// What is to be copied, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which tables of the source.
    pub tables: Tables,
    /// The schema that they are copied into, where it is not the one that they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into_schema: Option<Ident>,
    /// The most rows that go in one statement.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// How many tables are copied at once.
    #[serde(default = "default_parallel")]
    pub parallel: usize,
}

const fn default_batch() -> usize {
    5_000
}

const fn default_parallel() -> usize {
    2
}

/// The most rows of a batch.
const MOST_BATCH: usize = 20_000;

impl Request {
    /// A request for `tables`.
    #[must_use]
    pub const fn of(tables: Tables) -> Self {
        Self { tables, into_schema: None, batch: default_batch(), parallel: default_parallel() }
    }

    /// Looks whether it makes sense.
    ///
    /// # Errors
    ///
    /// No table, one that is named twice, or numbers out of range.
    pub fn check(&self) -> Result<()> {
        if !(1..=MOST_BATCH).contains(&self.batch) {
            return Err(Error::input(format!("a batch of {} rows: it takes 1 to {MOST_BATCH}", self.batch)));
        }
        if !(1..=64).contains(&self.parallel) {
            return Err(Error::input(format!("{} tables at once: it takes 1 to 64", self.parallel)));
        }
        let Tables::Named(names) = &self.tables else { return Ok(()) };
        if names.is_empty() {
            return Err(Error::input("no table to copy is named"));
        }
        let mut sorted: Vec<_> = names.iter().collect();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::input(format!("table `{}` is named twice", pair[0]))),
            None => Ok(()),
        }
    }
}
