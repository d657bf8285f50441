//! The hash of a plan: what exactly is approved when a plan is approved.
//!
//! It covers the model, the cutoffs, the steps and the exact facts of the objects that the steps touch. Objects that are
//! kept, estimates, sizes and the instant of planning are left out, so that a table that is being written to does not
//! void its own plan.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::HashPrefix;

/// A SHA-256 over what a plan rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash([u8; 32]);

impl PlanHash {
    /// The first eight digits, as plans show it.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }

    /// Whether what somebody approved is this plan.
    #[must_use]
    pub fn matches(&self, approved: &HashPrefix) -> bool {
        self.to_string().starts_with(approved.as_str())
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanHash({})", self.short())
    }
}

impl Serialize for PlanHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for PlanHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PlanHash".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// Feeds a plan's hash; every field goes in with its length, so that no two sequences of fields read the same.
///
/// ```
/// use clusterkeep_core::plan::PlanHasher;
/// let mut one = PlanHasher::new("retention");
/// one.text("ab").text("c");
/// let mut other = PlanHasher::new("retention");
/// other.text("a").text("bc");
/// assert_ne!(one.finish(), other.finish());
/// ```
#[derive(Debug, Clone)]
pub struct PlanHasher {
    sha: Sha256,
    // Small fields are gathered, for the hash takes large pieces much faster.
    buffer: Vec<u8>,
}

const BUFFER: usize = 16 * 1024;

impl PlanHasher {
    /// A hasher for plans of `kind`.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut hasher = Self { sha: Sha256::new(), buffer: Vec::with_capacity(BUFFER + 256) };
        hasher.text(kind);
        hasher
    }

    /// Takes text in.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Takes bytes in.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        if bytes.len() > BUFFER {
            self.flush();
            self.sha.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self
    }

    /// Takes a number in.
    pub fn number(&mut self, number: u64) -> &mut Self {
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
        self.buffer.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// Takes an instant in, to the microsecond.
    pub fn instant(&mut self, instant: DateTime<Utc>) -> &mut Self {
        self.number(instant.timestamp_micros().cast_unsigned())
    }

    /// Takes something in that may be missing; missing is another thing than any value.
    pub fn optional<T>(&mut self, value: Option<T>, feed: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            feed(self, value);
        }
        self
    }

    /// The hash of all that was taken in.
    #[must_use]
    pub fn finish(mut self) -> PlanHash {
        self.flush();
        PlanHash(self.sha.finalize().into())
    }

    fn flush(&mut self) {
        self.sha.update(&self.buffer);
        self.buffer.clear();
    }
}
