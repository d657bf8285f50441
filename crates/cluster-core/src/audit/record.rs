//! What an audit record says.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A plan was made.
    Planned,
    /// Something was refused before it began.
    Refused,
    /// A plan was approved and its apply began.
    Began,
    /// A step is about to run.
    Intent,
    /// What became of objects of a step.
    Outcome,
    /// An apply ended.
    Ended,
    /// Somebody holds something, so that it stays.
    HoldPlaced,
    /// A hold was released.
    HoldReleased,
    /// A run found that a hold had expired.
    HoldExpired,
    /// Somebody agreed that tables may be cleared.
    Acknowledged,
    /// A policy was put into a store, or replaced there.
    PolicyPut,
    /// A policy was taken out of a store.
    PolicyRemoved,
}

/// What is to be recorded; the sink adds number and hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When, by the clock that the run goes by.
    pub at: DateTime<Utc>,
    /// Who: user and host, or the scheduler's run.
    pub actor: String,
    /// What happened.
    pub event: Event,
    /// What it is about, such as `retention:weather`.
    pub subject: String,
    /// The plan's hash.
    pub plan: String,
    /// The instant that the plan was made for.
    pub as_of: DateTime<Utc>,
    /// The number of the step, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Everything else, by event.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
}

/// The number and hash of the newest record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; the first record is 1.
    pub number: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.number, &self.hash[..self.hash.len().min(16)])
    }
}

/// A record as it stands in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The chain.
    pub chain: String,
    /// Its number in the chain; the first is 1.
    pub number: u64,
    /// The entry as the JSON text that the hash covers.
    pub body: String,
    /// The hash of the record before; empty in the first.
    pub prev: String,
    /// The hash of chain, number, `prev` and `body`.
    pub hash: String,
}

impl Record {
    /// The record that follows `head`.
    pub(super) fn following(chain: &str, head: Option<&Head>, entry: &Entry) -> serde_json::Result<Self> {
        let number = head.map_or(1, |head| head.number + 1);
        let prev = head.map(|head| head.hash.clone()).unwrap_or_default();
        let body = serde_json::to_string(entry)?;
        let hash = digest(chain, number, &prev, &body);
        Ok(Self { chain: chain.to_owned(), number, body, prev, hash })
    }

    /// The head of a chain that ends with this record.
    pub(super) fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash.clone() }
    }

    /// The hash that this record must have.
    pub(super) fn expected_hash(&self) -> String {
        digest(&self.chain, self.number, &self.prev, &self.body)
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// The body was written by a version that this one can't read.
    pub fn entry(&self) -> serde_json::Result<Entry> {
        serde_json::from_str(&self.body)
    }
}

/// The records that follow `head`, one after the other.
pub(super) fn chain_up(chain: &str, head: Option<Head>, entries: &[Entry]) -> serde_json::Result<Vec<Record>> {
    let mut head = head;
    let mut records = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = Record::following(chain, head.as_ref(), entry)?;
        head = Some(record.head());
        records.push(record);
    }
    Ok(records)
}

fn digest(chain: &str, number: u64, prev: &str, body: &str) -> String {
    let mut sha = Sha256::new();
    for field in [chain, &number.to_string(), prev, body] {
        sha.update((field.len() as u64).to_le_bytes());
        sha.update(field.as_bytes());
    }
    hex::digits(&sha.finalize())
}
