//! What a retention plan speaks of: its objects, decisions, reasons and actions.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use clusterkeep_core::plan::{self, Class, Decide};
use clusterkeep_core::sql::TableName;
use schemars::JsonSchema;
use serde::Serialize;

use super::due::Due;
use super::reason::Reason;
use crate::observe::PartitionId;

/// Plans of the kind `retention`.
#[derive(Debug, Clone)]
pub struct Domain;

impl plan::Domain for Domain {
    const KIND: &'static str = "retention";
    type Object = Object;
    type Decision = Decision;
    type Reason = Reason;
    type Detail = Detail;
    type Action = Action;
}

/// A table, a partition, or a slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// The table.
    pub table: Arc<TableName>,
    /// What part of it.
    pub part: Part,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All of it.
    Whole,
    /// The rows of a half-open interval.
    Slice {
        /// The first instant that is in it.
        start: DateTime<Utc>,
        /// The first instant after it.
        end: DateTime<Utc>,
    },
    /// One of the engine's own partitions.
    Partition(PartitionId),
    /// A copy of one of them: the repository or place that it is in, and the name of the snapshot or archive.
    Archive(Arc<(String, String)>),
}

/// What it is called within its table; nothing for all of it.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rfc3339 = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        match self {
            Self::Whole => Ok(()),
            Self::Slice { start, end } => write!(f, "[{},{})", rfc3339(start), rfc3339(end)),
            Self::Partition(name) => write!(f, "{name}"),
            Self::Archive(place) => write!(f, "{}/{}", place.0, place.1),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match &self.part {
            Part::Whole | Part::Slice { .. } => "",
            Part::Partition(_) => "/",
            Part::Archive(_) => "@",
        };
        write!(f, "{}{between}{}", self.table, self.part)
    }
}

clusterkeep_core::object_as_text!(
    Object,
    "a table, `table/partition`, `table[start,end)` for a slice of a table without partitions, or `table@repository/snapshot` for a copy of a partition"
);

/// What is decided of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// It is taken out of its table, and stays as a table of its own.
    Detach,
    /// It gets another number of copies.
    SetReplicas,
    /// What is stored of it is made compact.
    Compact,
    /// It moves.
    Move,
    /// A copy of it is kept elsewhere.
    Archive,
    /// A copy of it that was kept elsewhere goes.
    Remove,
    /// Rows that came late are added to what is kept of their bucket, and go.
    Merge,
    /// Buckets of a rollup are made.
    Build,
    /// It would go, and a guard rail stops that.
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Keep => Class::Keep,
            Self::Drop | Self::Detach | Self::Merge | Self::Build => Class::Act,
            Self::SetReplicas | Self::Compact | Self::Move | Self::Archive | Self::Remove => Class::Act,
            Self::Refuse => Class::Refuse,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Detach => "detach",
            Self::SetReplicas => "replicas",
            Self::Compact => "compact",
            Self::Move => "move",
            Self::Archive => "archive",
            Self::Remove => "remove",
            Self::Merge => "merge",
            Self::Build => "build",
            Self::Refuse => "refuse",
        })
    }
}

/// What a retention plan adds to a verdict.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Detail {
    /// The table.
    #[schemars(with = "String")]
    pub table: Arc<TableName>,
    /// The partition's own name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub partition: Option<PartitionId>,
    /// The first instant that is in it; missing where it is not known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it; missing where it is not known.
    pub end: Option<DateTime<Utc>>,
    /// How much it is.
    #[serde(flatten)]
    #[schemars(with = "Measured")]
    pub size: Size,
    /// The policy that decides.
    #[schemars(with = "String")]
    pub policy: Arc<String>,
}

impl Detail {
    /// How many rows it has, where that was counted.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        Measured::from(self.size).rows
    }

    /// How many bytes it takes, as an estimate.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        Measured::from(self.size).bytes
    }
}

/// Rows and bytes, in half the room that two `Option`s take: there is one for each of up to a million partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "Measured")]
pub struct Size {
    /// `u64::MAX` where it is not known.
    rows: u64,
    bytes: u64,
}

impl Size {
    /// So many rows and bytes, where they are known.
    #[must_use]
    pub fn of(rows: Option<u64>, bytes: Option<u64>) -> Self {
        Self { rows: rows.unwrap_or(u64::MAX), bytes: bytes.unwrap_or(u64::MAX) }
    }
}

/// A size as it stands in a plan.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
struct Measured {
    /// How many rows it has, where that was counted.
    rows: Option<u64>,
    /// How many bytes it takes, as an estimate.
    bytes: Option<u64>,
}

impl From<Size> for Measured {
    fn from(size: Size) -> Self {
        let known = |n: u64| (n != u64::MAX).then_some(n);
        Self { rows: known(size.rows), bytes: known(size.bytes) }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Makes buckets of a rollup again from their source.
    // Apart, since most steps of a large plan are of another kind, and smaller.
    Downsample(Box<Build>),
    /// Deletes the rows of slices.
    DeleteSlices {
        /// From what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
    },
    /// Drops a partition that is a table of its own (PostgreSQL).
    DropPartition {
        /// Of what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
        /// Which.
        #[schemars(with = "TableName")]
        partition: Arc<TableName>,
        /// Whether it was taken out of its table before.
        detached: bool,
    },
    /// Drops partitions by name or key, in one statement (MariaDB/MySQL, CrateDB).
    DropPartitions {
        /// Of what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
    },
    /// Takes a partition out of its table (PostgreSQL).
    DetachPartition {
        /// Out of what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
        /// Which.
        #[schemars(with = "TableName")]
        partition: Arc<TableName>,
    },
    /// Changes how a partition is kept.
    Change {
        /// Of what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
        /// How.
        #[schemars(with = "Due")]
        due: Arc<Due>,
    },
    /// Removes a copy of a partition.
    RemoveArchive {
        /// Of what.
        #[schemars(with = "TableName")]
        table: Arc<TableName>,
        /// The repository or place that it is in, and the name of the snapshot or archive.
        #[schemars(with = "(String, String)")]
        place: Arc<(String, String)>,
    },
    /// Adds rows that came late to what is kept of their bucket, and deletes them, in one transaction.
    MergeLate {
        /// Where the rows are.
        #[schemars(with = "TableName")]
        source: Arc<TableName>,
    },
}

/// Buckets of a rollup that are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Build {
    /// What it is made from.
    #[schemars(with = "TableName")]
    pub source: Arc<TableName>,
    /// Where it is kept.
    #[schemars(with = "TableName")]
    pub target: Arc<TableName>,
    /// The start of the first bucket.
    pub from: DateTime<Utc>,
    /// The end of the last.
    pub until: DateTime<Utc>,
    /// How many buckets.
    pub buckets: usize,
}

impl Action {
    /// The table that it removes something from.
    pub(crate) fn removes_from(&self) -> Option<&TableName> {
        match self {
            Self::Downsample(_) | Self::Change { .. } | Self::RemoveArchive { .. } => None,
            Self::DeleteSlices { table }
            | Self::DropPartition { table, .. }
            | Self::DropPartitions { table }
            | Self::DetachPartition { table, .. } => Some(table),
            Self::MergeLate { source } => Some(source),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Downsample(build) => write!(f, "build {} buckets of {}", build.buckets, build.target),
            Self::DeleteSlices { table } => write!(f, "delete slices of {table}"),
            Self::DropPartition { partition, .. } => write!(f, "drop {partition}"),
            Self::DropPartitions { table } => write!(f, "drop partitions of {table}"),
            Self::DetachPartition { partition, .. } => write!(f, "detach {partition}"),
            Self::RemoveArchive { place, .. } => write!(f, "remove the archive {}/{}", place.0, place.1),
            Self::Change { table, due } => write!(f, "{table}: {due}"),
            Self::MergeLate { source } => write!(f, "merge late rows of {source}"),
        }
    }
}

fn as_text<S: serde::Serializer>(id: &Option<PartitionId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}
