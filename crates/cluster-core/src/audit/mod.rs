//! The audit: an append-only chain of records, each with the hash of the one before.
//!
//! A record is written by compare-and-set on (chain, number), so that two writers can't fork a chain; a changed or
//! missing record breaks the chain where it stands, and a cut tail shows by the head that every run prints.

mod chain;
mod jsonl;
mod memory;
mod record;
mod table;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use chain::{Break, verify};
pub use jsonl::JsonlAudit;
pub use memory::MemoryAudit;
pub use record::{Entry, Event, Head, Record};
pub use table::TableAudit;

use crate::error::{Error, Result};
use crate::sql::Session;

/// Where audit records go.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Appends entries to the chain, all or none, and returns the new head.
    async fn append(&self, entries: Vec<Entry>) -> Result<Head>;

    /// Appends entries within the transaction that `session` has open; `false`, and nothing done, where the audit is not
    /// kept in that database or it has no transactions.
    async fn append_within(&self, session: &mut dyn Session, entries: &[Entry]) -> Result<bool>;

    /// The records of the chain from number `from` on, oldest first, at most `limit`.
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>>;

    /// The newest record's number and hash.
    async fn head(&self) -> Result<Option<Head>>;

    /// The records from `since` on, newest first; the entries of a chain are in the order of their clock.
    async fn recent(&self, since: DateTime<Utc>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut until = self.head().await?.map_or(0, |head| head.number);
        while until > 0 {
            let from = until.saturating_sub(PAGE as u64 - 1).max(1);
            let page = self.read(from, PAGE).await?;
            for record in page.iter().rev().filter(|record| record.number <= until) {
                let entry = record.entry().map_err(|e| Error::caused("read the audit", e))?;
                if entry.at < since {
                    return Ok(entries);
                }
                entries.push(entry);
            }
            until = from - 1;
        }
        Ok(entries)
    }
}

/// How many records are read at once.
const PAGE: usize = 500;

/// A shared sink.
pub type Audit = Arc<dyn Sink>;
