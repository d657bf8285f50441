//! Whose turn it is where steps of one table would only wait for one another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use clusterkeep_core::sql::TableName;
use tokio::sync::OwnedMutexGuard;

/// One turn for each table.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<TableName, Arc<tokio::sync::Mutex<Turn>>>>);

/// What the last one leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whether somebody else held the table for longer than all attempts took.
    pub(super) was_hindered: bool,
}

impl Turns {
    /// The turn of `table`, as soon as it is given back.
    pub(super) async fn of(&self, table: &TableName) -> OwnedMutexGuard<Turn> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(table.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
