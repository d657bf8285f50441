//! Who said that a plan may be applied, and how.

use std::fmt;
use std::str::FromStr;

use super::PlanHash;
use crate::error::{Error, Result};

/// The approval that `apply` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// The plan with this hash; any other is drift.
    Hash(HashPrefix),
    /// Whatever the plan is, as long as no guard rail stops it: what a schedule says.
    WithinGuards,
}

impl From<PlanHash> for Approval {
    fn from(hash: PlanHash) -> Self {
        Self::Hash(HashPrefix(hash.to_string()))
    }
}

/// The hash of a plan as a person gives it: eight digits or more, or all 64.
///
/// ```
/// use clusterkeep_core::plan::HashPrefix;
/// assert!("5f1c9ad2".parse::<HashPrefix>().is_ok());
/// assert!("5f1c".parse::<HashPrefix>().is_err(), "too short to mean one plan");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashPrefix(String);

impl HashPrefix {
    /// The digits, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HashPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim().to_ascii_lowercase();
        if (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(digits))
        } else {
            Err(Error::input(format!("`{text}` is no plan hash"))
                .with_hint("copy the hash that `plan` prints: 8 to 64 hexadecimal digits"))
        }
    }
}
