//! What is known of one cluster: who holds it, and what somebody still owes it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A cluster as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterKey {
    /// The API that keeps it.
    pub endpoint: String,
    /// Its id; none yet for one that is about to be created.
    pub id: Option<Uuid>,
    /// Its name.
    pub name: String,
}

/// What made a cluster run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// It was suspended, and a guard resumed it.
    Resumed,
    /// It was not there, and a guard created it.
    Created,
    /// It was running, and a guard was told to suspend it all the same.
    Asked,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resumed => "resumed",
            Self::Created => "created",
            Self::Asked => "to be suspended",
        })
    }
}

/// That a cluster is to be suspended when nobody holds it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// Its own id.
    pub id: Uuid,
    /// What it comes from.
    pub cause: Cause,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The process that took it on.
    pub session: Uuid,
    /// When the suspension that it asks for was accepted; from then on only its success is to be seen to.
    pub accepted: Option<DateTime<Utc>>,
    /// A digest of who did it, by which callers of one API are told apart.
    #[serde(default)]
    pub caller: String,
}

/// That a guard of a process relies on the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Its own id.
    pub id: Uuid,
    /// The process.
    pub session: Uuid,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What the registry knows of one cluster; one file each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The cluster.
    pub cluster: ClusterKey,
    /// That it is to be suspended in the end, and why; each guard takes that on for itself.
    pub obligations: Vec<Obligation>,
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// Who is suspending it just now, as the last one out.
    pub leaving: Option<Holder>,
}

impl Record {
    /// A cluster that nobody holds and nobody owes anything.
    pub(super) const fn new(cluster: ClusterKey) -> Self {
        Self { cluster, obligations: Vec::new(), holders: Vec::new(), leaving: None }
    }

    /// Whether there is nothing left to know.
    pub(super) const fn is_settled(&self) -> bool {
        self.obligations.is_empty() && self.holders.is_empty() && self.leaving.is_none()
    }

    /// What is owed to it and was not asked for yet.
    #[must_use]
    pub fn open(&self) -> Option<&Obligation> {
        self.obligations.iter().find(|owed| owed.accepted.is_none())
    }

    /// Forgets the processes that are gone.
    pub(super) fn forget_dead(&mut self, is_alive: impl Fn(Uuid) -> bool) {
        self.holders.retain(|holder| is_alive(holder.session));
        if self.leaving.as_ref().is_some_and(|leaving| !is_alive(leaving.session)) {
            self.leaving = None;
        }
    }
}
