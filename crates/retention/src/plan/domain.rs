//! What a retention plan speaks of: its objects, decisions, reasons and actions.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use clusterkeep_core::plan::{self, Class, Decide};
use clusterkeep_core::sql::TableName;
use schemars::JsonSchema;
use serde::Serialize;

use super::due::Due;
use crate::model::{Bytes, Share};
use crate::observe::{PartitionId, Unknown};
use crate::text::{grouped, size};

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

/// Why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It ended at or before the cutoff.
    EndedBeforeCutoff {
        /// The cutoff.
        cutoff: DateTime<Utc>,
        /// The rollups that must be verified first.
        #[schemars(with = "Vec<String>")]
        after: Arc<[TableName]>,
        /// The repository, or the place for files, that it is archived in first.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        archive: Option<Arc<String>>,
    },
    /// It is old enough for what changes how it is kept.
    Due {
        /// What, in order.
        #[schemars(with = "Vec<Due>")]
        changes: Arc<Vec<Due>>,
    },
    /// An archive of what ends after the cutoff for archives.
    ArchiveKept {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// An archive of what ended at or before the cutoff for archives.
    ArchiveExpired {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// An archive that is among the newest, which stay however old they are.
    NewestArchive,
    /// It can't be moved or archived where the policy says.
    Unfit {
        /// Why.
        #[schemars(with = "String")]
        what: Arc<String>,
    },
    /// It ends after the cutoff.
    EndsAfterCutoff {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// It is among the newest, which stay however old they are.
    Newest,
    /// Nothing says when it goes.
    NoExpiry,
    /// Its end is not known.
    UnknownEnd {
        /// Why.
        why: Unknown,
    },
    /// Somebody holds it.
    Held(Arc<Held>),
    /// A hold on it has expired; it stays for the run that finds that out.
    HoldExpired {
        /// The hold.
        id: Arc<str>,
        /// When it expired.
        at: DateTime<Utc>,
    },
    /// It lies outside of what was selected.
    NotSelected,
    /// A rollup that it feeds has a bucket that is not complete yet.
    NeededBy {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// When the bucket is complete.
        until: DateTime<Utc>,
    },
    /// It has rows that came after its source was dropped; they can't be put into the rollup any more.
    Late {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many.
        rows: u64,
    },
    /// It has rows that came after its source was dropped; they are added to the rollup.
    AddedLate {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many.
        rows: u64,
    },
    /// It has fewer rows than the rollup was made from, or other values, so that the rollup can't be checked against it.
    SourceChanged {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many rows the rollup was made from.
        recorded: u64,
        /// How many are there.
        now: u64,
    },
    /// More would go within 24 hours than the guard allows.
    ShareExceeded {
        /// How much would go, with what went in the last 24 hours.
        part: u64,
        /// Of how much.
        whole: u64,
        /// Counted in what.
        unit: ShareUnit,
        /// What is allowed.
        allowed: Share,
    },
    /// More rows or partitions would go within 24 hours than the guard allows.
    CapExceeded {
        /// How many would go, with what went in the last 24 hours.
        count: u64,
        /// Counted in what.
        unit: ShareUnit,
        /// How many are allowed.
        allowed: u64,
    },
    /// More bytes would go within 24 hours than the guard allows.
    BytesExceeded {
        /// How many would go, with what went in the last 24 hours.
        bytes: u64,
        /// What is allowed.
        #[schemars(with = "String")]
        allowed: Bytes,
    },
    /// A limit in bytes or rows is set, and how many would go is not known.
    NotMeasured {
        /// Counted in what.
        unit: ShareUnit,
    },
    /// This machine's clock and the server's differ too much to know what is old.
    ClocksDiffer {
        /// How far the server is ahead, in milliseconds.
        ahead_ms: i64,
    },
    /// A pattern has newly begun to match the table, and nobody has acknowledged that yet.
    NewlyMatched,
    /// This version of the server is known to damage such tables.
    BadServer {
        /// The version, and what is known of it.
        what: String,
    },
    /// The column of time has no index, so that each slice would read the whole table.
    NoIndex,
    /// Its storage engine can't roll back: a delete that turns out wrong could not be undone.
    NoTransactions {
        /// The storage engine.
        engine: String,
    },
    /// The plan is for an instant before the newest one that was applied.
    ClockBehind {
        /// The newest one that was applied.
        last_applied: DateTime<Utc>,
    },
    /// Deleting would set off what no plan announces.
    SideEffects {
        /// Triggers, and foreign keys that cascade.
        what: Vec<String>,
    },
    /// Buckets that are missing, or whose source changed.
    BucketsMissing {
        /// How many buckets.
        buckets: usize,
        /// What they are made from.
        #[schemars(with = "TableName")]
        source: Arc<TableName>,
    },
}

/// The hold that keeps something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Held {
    /// Its number.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub why: String,
    /// When it ends by itself; never where this is missing.
    pub until: Option<DateTime<Utc>>,
}

/// What a share is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareUnit {
    /// Rows, where all of them were counted.
    Rows,
    /// Partitions or slices.
    Partitions,
    /// Copies of partitions.
    Archives,
    /// Bytes, as the engine estimates them.
    Bytes,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndedBeforeCutoff { after, archive, .. } => {
                f.write_str("ended at or before the cutoff")?;
                if let Some((first, rest)) = after.split_first() {
                    write!(f, "; first into {first}")?;
                    rest.iter().try_for_each(|other| write!(f, " and {other}"))?;
                    f.write_str(", verified")?;
                }
                match archive {
                    Some(repository) => write!(f, "; first archived in {repository}, verified"),
                    None => Ok(()),
                }
            }
            Self::Due { changes } => {
                f.write_str("old enough: ")?;
                changes.iter().enumerate().try_for_each(|(nth, due)| {
                    let comma = if nth > 0 { ", then " } else { "" };
                    write!(f, "{comma}{due}")
                })
            }
            Self::ArchiveKept { .. } => f.write_str("archive, ends after the cutoff of archives"),
            Self::ArchiveExpired { .. } => f.write_str("archive, ended at or before the cutoff of archives"),
            Self::NewestArchive => f.write_str("newest archive"),
            Self::Unfit { what } => f.write_str(what),
            Self::EndsAfterCutoff { .. } => f.write_str("ends after the cutoff"),
            Self::Newest => f.write_str("newest slice"),
            Self::NoExpiry => f.write_str("nothing says that it goes"),
            Self::UnknownEnd { why } => write!(f, "its end is not known: {why}"),
            Self::Held(held) => {
                let Held { id, owner, why, until: ends } = &**held;
                write!(f, "held by {owner} ({id}): {why}")?;
                let until = |until: DateTime<Utc>| until.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                ends.map_or(Ok(()), |at| write!(f, ", until {}", until(at)))
            }
            Self::HoldExpired { id, at } => write!(
                f,
                "the hold {id} on it expired at {}: it stays for one more run",
                at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            ),
            Self::NotSelected => f.write_str("outside of what was selected"),
            Self::NeededBy { rollup, until } => {
                write!(f, "{rollup} needs it until {}", until.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            Self::Late { rollup, rows } => {
                write!(
                    f,
                    "{rows} rows came after {rollup} was made and its source dropped; merge them by hand or delete them"
                )
            }
            Self::AddedLate { rollup, rows } => {
                write!(f, "{rows} rows came after {rollup} was made and its source dropped; they are added to it")
            }
            Self::SourceChanged { rollup, recorded, now } if recorded == now => {
                write!(f, "values changed since {rollup} was made, though the {now} rows are as many")
            }
            Self::SourceChanged { rollup, recorded, now } => {
                write!(f, "{rollup} was made from {recorded} rows, {now} are there now")
            }
            Self::ShareExceeded { part, whole, unit, allowed } => {
                let (part, whole) = (grouped(*part), grouped(*whole));
                write!(f, "{part} of {whole} {unit} would go within 24 hours, the guard allows {allowed}")
            }
            Self::ClockBehind { last_applied } => {
                let last = last_applied.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                write!(f, "the plan is for a time before {last}, which was applied already: is a clock wrong?")
            }
            Self::CapExceeded { count, unit, allowed } => {
                let (count, allowed) = (grouped(*count), grouped(*allowed));
                write!(f, "{count} {unit} would go within 24 hours, the guard allows {allowed}")
            }
            Self::BytesExceeded { bytes, allowed } => {
                write!(f, "{} would go within 24 hours, the guard allows {allowed}", size(*bytes))
            }
            Self::NotMeasured { unit } => write!(f, "how many {unit} would go is not known, and the guard limits them"),
            Self::ClocksDiffer { ahead_ms } => {
                let (by, how) = (ahead_ms.unsigned_abs(), if *ahead_ms < 0 { "behind" } else { "ahead of" });
                write!(f, "the server's clock is {by} ms {how} this machine's: what is old can't be known")
            }
            Self::NewlyMatched => f.write_str("newly matched: nobody has acknowledged that this policy is about it"),
            Self::BadServer { what } => f.write_str(what),
            Self::NoIndex => {
                f.write_str("no index begins with the column of time: each slice would read the whole table")
            }
            Self::NoTransactions { engine } => {
                write!(
                    f,
                    "the storage engine {engine} has no transactions: a delete that turns out wrong could not be undone"
                )
            }
            Self::SideEffects { what } => write!(f, "deleting would also set off {}", what.join(", ")),
            Self::BucketsMissing { buckets, source } => write!(f, "{buckets} buckets to be made from {source}"),
        }
    }
}

impl fmt::Display for ShareUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Partitions => "partitions",
            Self::Archives => "archives",
            Self::Bytes => "bytes",
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
