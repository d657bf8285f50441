//! An audit in a table of the state.
//!
//! Where the database has transactions, a record and the head of its chain are written in one, and an outcome commits
//! with the work that it tells of. Where it has none (CrateDB), the head is set by compare-and-set and carries the newest
//! records until they are in the table.

mod compared;
mod rows;
mod transacted;

use std::sync::Arc;

use async_trait::async_trait;

use self::compared::Compared;
use self::rows::Rows;
use self::transacted::Transacted;
use super::{Entry, Head, Record, Sink};
use crate::error::Result;
use crate::sql::Session;
use crate::state::State;

/// An audit in the table `jobs_log` of the state schema.
#[derive(Debug, Clone)]
pub struct TableAudit(Arc<dyn Sink>);

impl TableAudit {
    /// The chain `chain` of `state`; the state schema must be there before the first record is written.
    pub fn new(state: State, chain: impl Into<String>) -> Self {
        let transactions = state.db().capabilities().transactions;
        let rows = Rows::new(state, chain.into());
        Self(if transactions { Arc::new(Transacted::new(rows)) } else { Arc::new(Compared::new(rows)) })
    }
}

#[async_trait]
impl Sink for TableAudit {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        self.0.append(entries).await
    }

    async fn append_within(&self, session: &mut dyn Session, entries: &[Entry]) -> Result<bool> {
        self.0.append_within(session, entries).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        self.0.read(from, limit).await
    }

    async fn head(&self) -> Result<Option<Head>> {
        self.0.head().await
    }
}
