//! An audit in memory, for tests and for programs that keep their own.

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::record::chain_up;
use super::{Entry, Head, Record, Sink};
use crate::error::{Error, Result};
use crate::sql::Session;

/// An audit that ends with the program.
#[derive(Debug, Default)]
pub struct MemoryAudit {
    records: Mutex<Vec<Record>>,
}

#[async_trait]
impl Sink for MemoryAudit {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        let mut records = self.records.lock().await;
        let head = records.last().map(Record::head);
        let new = chain_up("memory", head, &entries).map_err(|e| Error::caused("write the audit", e))?;
        records.extend(new);
        records.last().map(Record::head).ok_or_else(|| Error::failed("append nothing to an empty audit"))
    }

    async fn append_within(&self, _: &mut dyn Session, _: &[Entry]) -> Result<bool> {
        Ok(false)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        let records = self.records.lock().await;
        Ok(records.iter().filter(|record| record.number >= from).take(limit).cloned().collect())
    }

    async fn head(&self) -> Result<Option<Head>> {
        Ok(self.records.lock().await.last().map(Record::head))
    }
}
