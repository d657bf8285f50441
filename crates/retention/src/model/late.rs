//! Rows that come late: how long buckets wait for them, and what becomes of those that come later still.

use clusterkeep_core::age::Age;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How late rows may come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// How long after its end a bucket waits before it is made, and so how long raw data stays beyond it at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Age>,
    /// What becomes of rows that come after the source of their bucket was dropped.
    #[serde(default)]
    pub rows: LateRows,
}

/// What becomes of rows that come after the source of their bucket was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateRows {
    /// They stay where they are and are reported; the bucket stays as it is.
    #[default]
    Reject,
    /// They are added to what is kept of their bucket, and deleted, in one transaction.
    Merge,
}
