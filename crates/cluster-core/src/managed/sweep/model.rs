//! The words of a sweep: what is looked at, what is decided of it, and why.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::plan::{Class, Decide, Domain};
use crate::registry::{Cause, ClusterKey};

/// Sweeps, as a kind of plan.
#[derive(Debug, Clone)]
pub enum Sweeping {}

impl Domain for Sweeping {
    const KIND: &'static str = "sweep";
    type Object = Leak;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// A cluster of which the registry has a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Leak {
    /// Its name.
    pub name: String,
    /// Its id; none for one whose creation was asked for and never answered.
    pub id: Option<Uuid>,
    /// The API that keeps it.
    pub endpoint: String,
}

impl From<&ClusterKey> for Leak {
    fn from(key: &ClusterKey) -> Self {
        Self { name: key.name.clone(), id: key.id, endpoint: key.endpoint.clone() }
    }
}

impl Leak {
    pub(super) fn key(&self) -> ClusterKey {
        ClusterKey { endpoint: self.endpoint.clone(), id: self.id, name: self.name.clone() }
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{} ({id})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What is decided of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is suspended.
    Suspend,
    /// The record goes; the cluster is left as it is.
    Forget,
    /// Both stay.
    Keep,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Suspend | Self::Forget => Class::Act,
            Self::Keep => Class::Keep,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suspend => "suspend",
            Self::Forget => "forget",
            Self::Keep => "keep",
        })
    }
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// A process that is gone made it run and did not suspend it.
    LeftRunning {
        /// What it did.
        cause: Cause,
    },
    /// It is suspended already.
    AlreadySuspended,
    /// It does not exist, or no more.
    Gone,
    /// Its suspension was accepted, and it runs all the same: somebody has resumed it since, or the suspension failed.
    RunsAfterSuspension {
        /// When the suspension was accepted.
        accepted: DateTime<Utc>,
    },
    /// Its keeper is changing it.
    Changing {
        /// How, in the keeper's word.
        what: String,
    },
    /// Processes that live hold it.
    Held {
        /// How many guards.
        guards: usize,
    },
    /// Nobody owes it anything.
    OwedNothing,
    /// Its product can't be suspended.
    CannotSuspend,
    /// Clusters have the name of one whose creation was never answered, and which of them it is can't be told.
    Uncertain {
        /// How many.
        clusters: usize,
    },
    /// It was suspended and resumed since: somebody else wants it to run.
    ResumedSince,
    /// Whoever asks may not see it, and it was somebody else who made it run.
    NotSeen,
    /// Another API keeps it than the one that is asked.
    OtherEndpoint,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftRunning { cause } => write!(f, "{cause} by a process that is gone"),
            Self::AlreadySuspended => f.write_str("suspended already"),
            Self::Gone => f.write_str("does not exist"),
            Self::RunsAfterSuspension { accepted } => write!(
                f,
                "its suspension was accepted at {}, and it runs: somebody may have resumed it since",
                accepted.format("%Y-%m-%d %H:%M UTC")
            ),
            Self::Changing { what } => write!(f, "being changed ({what}): sweep again when that is over"),
            Self::Held { guards: 1 } => f.write_str("held by a guard that lives"),
            Self::Held { guards } => write!(f, "held by {guards} guards that live"),
            Self::OwedNothing => f.write_str("nobody has to suspend it"),
            Self::CannotSuspend => f.write_str("its product can't be suspended"),
            Self::Uncertain { clusters } => {
                write!(f, "which of {clusters} with its name was created can't be told: suspend it by hand")
            }
            Self::ResumedSince => f.write_str("was suspended and resumed since"),
            Self::NotSeen => f.write_str("can't be seen with this API key: use the one that started it"),
            Self::OtherEndpoint => f.write_str("kept by another API than the one that is asked"),
        }
    }
}

/// What else a verdict says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// Since when somebody owes it to be suspended.
    pub since: Option<DateTime<Utc>>,
    /// The ids of what is owed, so that a later guard's is told from it.
    pub obligations: Vec<Uuid>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Suspends a cluster.
    Suspend {
        /// Its id.
        id: Uuid,
        /// Its name.
        name: String,
        /// What is owed to it.
        obligations: Vec<Uuid>,
    },
    /// Removes a record.
    Forget {
        /// The cluster's name.
        name: String,
        /// What was owed to it.
        obligations: Vec<Uuid>,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspend { name, .. } => write!(f, "suspend {name}"),
            Self::Forget { name, .. } => write!(f, "forget {name}"),
        }
    }
}
