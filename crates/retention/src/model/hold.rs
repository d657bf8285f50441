//! Holds: what must stay, whatever policies say, until somebody lets it go.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::TableName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tag;

/// What must stay, who said so, why, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its number, by which it is released.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// What it is about.
    pub scope: HoldScope,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When it ends by itself; it never does where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When a run first found it expired; what it holds stays for that run, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<DateTime<Utc>>,
}

/// What a hold is about: all that is named must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldScope {
    /// A table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableName>,
    /// All tables of a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Only what has something at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Only what has something before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Hold {
    /// Whether it is in force at `now`: not expired, or expired and no run has noticed that yet.
    #[must_use]
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.noticed_at.is_none() || self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether it has expired by `now`.
    #[must_use]
    pub fn expired_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
