//! What is known of a cluster: from its keeper, and from its database.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// Who keeps a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Keeper {
    /// CrateDB Cloud.
    Cloud,
    /// This machine: Clusterkeep started it as processes of its own.
    Local,
    /// Somebody else: all that is known of it is its address.
    Standalone,
}

impl std::fmt::Display for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cloud => "CrateDB Cloud",
            Self::Local => "this machine",
            Self::Standalone => "standalone",
        })
    }
}

/// What a cluster is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// There is no such cluster.
    Absent,
    /// It is there, and does not run.
    Suspended,
    /// It runs, as far as its keeper knows.
    Running,
    /// Its keeper is changing it; how, in the keeper's word.
    Changing(String),
    /// Nobody keeps it who could say.
    Unknown,
}

impl std::fmt::Display for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Suspended => f.write_str("suspended"),
            Self::Running => f.write_str("running"),
            Self::Changing(what) => write!(f, "changing ({what})"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What there is to say of a cluster in general.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// Its name.
    pub name: String,
    /// What to say to `--cluster` to mean it.
    pub address: String,
    /// Who keeps it.
    pub keeper: Keeper,
    /// What it is doing.
    pub state: RunState,
    /// The engine, or the product of the Cloud and its tier.
    pub product: Option<String>,
    /// The version of the database, where its keeper knows it.
    pub version: Option<String>,
    /// Where it is: a region, or a folder.
    pub place: Option<String>,
    /// The address of its database, without a password.
    pub url: Option<String>,
    /// Whether it can be suspended.
    pub can_suspend: bool,
}

/// How a cluster is, in the words that CrateDB uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Status {
    /// All is well.
    Green,
    /// All data is there, not all of it as often as it should be.
    Yellow,
    /// Data is missing.
    Red,
    /// Nobody answers.
    Unreachable,
    /// It is suspended.
    Suspended,
    /// Whoever should know does not.
    Unknown,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
            Self::Unreachable => "UNREACHABLE",
            Self::Suspended => "SUSPENDED",
            Self::Unknown => "UNKNOWN",
        })
    }
}

impl Status {
    /// The status that `word` means, in any case; an unknown word is [`Unknown`](Self::Unknown).
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "GREEN" => Self::Green,
            "YELLOW" => Self::Yellow,
            "RED" => Self::Red,
            "UNREACHABLE" => Self::Unreachable,
            "SUSPENDED" => Self::Suspended,
            _ => Self::Unknown,
        }
    }
}

/// What the keeper of a cluster says of its health.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct KeeperHealth {
    /// How it is.
    pub status: Status,
    /// What it is doing.
    pub state: RunState,
    /// The last thing that was done to it.
    pub last_operation: Option<LastOperation>,
    /// When the keeper last heard of it.
    pub last_seen: Option<DateTime<Utc>>,
}

/// The last thing that was done to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct LastOperation {
    /// What it was, in the keeper's word.
    pub kind: String,
    /// How it stands, in the keeper's word.
    pub status: String,
    /// When it began.
    pub began: Option<DateTime<Utc>>,
    /// When it ended or last moved.
    pub ended: Option<DateTime<Utc>>,
}

/// What the database of a cluster says of its health.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DatabaseHealth {
    /// How it is.
    pub status: Status,
    /// The product and its version.
    pub server: Option<String>,
    /// How many nodes it has.
    pub nodes: Option<u64>,
    /// How many shards it has.
    pub shards: Option<u64>,
    /// The tables, or partitions of tables, that are not well.
    pub unwell: Vec<TableHealth>,
    /// Why it can't be asked, where that is so.
    pub error: Option<String>,
}

/// A table, or a partition of one, that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TableHealth {
    /// Schema and table.
    pub table: String,
    /// The partition, by the database's own id.
    pub partition: Option<String>,
    /// How it is.
    pub status: Status,
    /// How many of its shards are missing; none where that is unknown.
    pub missing_shards: Option<u64>,
    /// How many of its shards there are not as often as there should be; none where that is unknown.
    pub underreplicated_shards: Option<u64>,
}

/// How a cluster is, from both sides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Health {
    /// What its keeper says, where it has one.
    pub keeper: Option<KeeperHealth>,
    /// What its database says.
    pub database: DatabaseHealth,
}

impl Health {
    /// Whether it can be worked with: all data is there, and the database answers.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self.database.status, Status::Green | Status::Yellow)
    }
}

/// What became of a cluster when its guard left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Left {
    /// It is suspended now, its data kept.
    Suspended,
    /// It was gone or suspended already.
    AlreadySuspended,
    /// It was found running and runs on.
    Running,
    /// Others on this machine hold it; the last one out suspends it.
    Held {
        /// How many.
        others: usize,
    },
    /// Its product can't be suspended, so it runs on.
    CannotSuspend,
    /// It was a scratch cluster, and nothing of it is left.
    Removed,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Suspended => f.write_str("suspended"),
            Self::AlreadySuspended => f.write_str("suspended already"),
            Self::Running => f.write_str("left running, as it was found"),
            Self::Held { others: 1 } => f.write_str("left running: another guard on this machine holds it"),
            Self::Held { others } => write!(f, "left running: {others} other guards on this machine hold it"),
            Self::CannotSuspend => f.write_str("left running: its product can't be suspended"),
            Self::Removed => f.write_str("removed"),
        }
    }
}
