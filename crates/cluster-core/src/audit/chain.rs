//! Checks that a chain is whole.

use std::fmt;

use super::{Head, Record};

/// The first place where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The number of the record.
    pub number: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} {}", self.number, self.what)
    }
}

/// Checks the next records of a chain, whose last checked record is `head`; returns the new head.
///
/// # Errors
///
/// The first record that was changed, or that does not follow the one before.
pub fn verify(head: Option<Head>, records: &[Record]) -> Result<Option<Head>, Break> {
    let mut head = head;
    for record in records {
        // The place in the chain, and not what the record says of itself, which may be what was changed.
        let number = head.as_ref().map_or(1, |head| head.number + 1);
        let broken = |what| Err(Break { number, what });
        if record.number != number {
            return broken("is missing: another one stands in its place");
        }
        if record.prev != head.as_ref().map(|head| head.hash.as_str()).unwrap_or_default() {
            return broken("names another record as the one before");
        }
        if record.hash != record.expected_hash() {
            return broken("was changed after it was written");
        }
        head = Some(record.head());
    }
    Ok(head)
}
