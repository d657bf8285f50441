//! What a plan to change a cluster speaks of: its objects, decisions and actions.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::reason::Reason;
use crate::plan::show::size;
use crate::plan::{self, Class, Decide};

/// Plans of the kind `cluster`.
#[derive(Debug, Clone)]
pub struct ClusterChange;

impl plan::Domain for ClusterChange {
    const KIND: &'static str = "cluster";
    type Object = Object;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// What a verdict is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The cluster, by name.
    Cluster(String),
    /// A network that may reach it, or may not.
    Network(String),
    /// A table in it.
    Table(String),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "cluster {name}"),
            Self::Network(network) => write!(f, "network {network}"),
            // A name out of somebody's database must not steer the terminal that it is shown on.
            Self::Table(table) => write!(f, "table {}", table.escape_debug()),
        }
    }
}

crate::object_as_text!(Object, "`cluster NAME`, `network CIDR` or `table NAME`");

/// What is decided of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// It is made.
    Create,
    /// It goes.
    Delete,
    /// It becomes another.
    Change,
    /// It is let in.
    Add,
    /// It is let in no more.
    Remove,
    /// It is brought back.
    Restore,
    /// It stays as it is.
    Keep,
    /// It can't be.
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Keep => Class::Keep,
            Self::Refuse => Class::Refuse,
            _ => Class::Act,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Change => "change",
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Restore => "restore",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        })
    }
}

/// What a plan to change a cluster adds to a verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Detail {
    /// What it is now, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it would be, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What the cluster costs a month as it is, in the account's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month_now: Option<f64>,
    /// What the cluster would cost a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month_then: Option<f64>,
    /// What is being done to the cluster, which apply waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Creates a cluster.
    Create {
        /// Its name.
        name: String,
        /// Its product.
        product: String,
        /// The organization that it is for.
        organization: Uuid,
    },
    /// Deletes a cluster with its backups.
    Delete {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
    },
    /// Moves it on its product's scale.
    Scale {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The step.
        unit: u32,
    },
    /// Moves it to another product.
    ChangeProduct {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The product.
        product: String,
    },
    /// Gives it another version.
    Upgrade {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The version.
        version: String,
    },
    /// Gives each node a larger disk.
    ExpandStorage {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The size, in bytes.
        bytes: u64,
    },
    /// Replaces the list of networks that may reach it.
    Allow {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The whole list; none listed means that all may.
        networks: Vec<String>,
    },
    /// Makes the service refuse to delete it, or not refuse it.
    Protect {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// Whether it is refused.
        on: bool,
    },
    /// Restores a snapshot into it.
    Restore {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
        /// The snapshot.
        snapshot: String,
    },
    /// Suspends it.
    Suspend {
        /// Its name.
        name: String,
        /// Which.
        cluster: Uuid,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { name, product, .. } => write!(f, "create {name} ({product})"),
            Self::Delete { name, .. } => write!(f, "delete {name}"),
            Self::Scale { name, unit, .. } => write!(f, "scale {name} to unit {unit}"),
            Self::ChangeProduct { name, product, .. } => write!(f, "move {name} to {product}"),
            Self::Upgrade { name, version, .. } => write!(f, "upgrade {name} to {version}"),
            Self::ExpandStorage { name, bytes, .. } => write!(f, "give {name} disks of {}", size(*bytes)),
            Self::Allow { name, .. } => write!(f, "replace the allow list of {name}"),
            Self::Protect { name, on: true, .. } => write!(f, "protect {name} from being deleted"),
            Self::Protect { name, .. } => write!(f, "stop protecting {name} from being deleted"),
            Self::Restore { name, snapshot, .. } => write!(f, "restore snapshot {snapshot} into {name}"),
            Self::Suspend { name, .. } => write!(f, "suspend {name}"),
        }
    }
}
