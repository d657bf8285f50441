//! The inventory that a plan is made from: plain data.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::TableName;

use super::Facts;

/// Everything that a plan looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// The tables that policies are about, raw and rolled up.
    pub sources: Vec<Source>,
    /// The instant of the newest plan that was applied on this database under the same name.
    pub last_applied: Option<DateTime<Utc>>,
}

/// A table that data expires in, or is rolled up from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The table, as policies name it.
    pub table: TableName,
    /// Its partitions, or the slices that stand for them, in any order.
    pub partitions: Vec<Partition>,
    /// Whether the partitions are the engine's own, to be dropped whole.
    pub native: bool,
    /// The rollups that are made from it directly.
    pub rollups: Vec<RollupState>,
    /// What went from it within the last 24 hours.
    pub removed: Removed,
    /// What deleting its rows would set off beside it: triggers, and foreign keys that cascade.
    pub side_effects: Vec<String>,
}

/// An interval of a table that stays or goes as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// What it is called.
    pub name: PartitionName,
    /// The first instant that can be in it; `None` where it has no lower bound or none that is known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it; `None` where it has no upper bound or none that is known.
    pub end: Option<DateTime<Utc>>,
    /// How many rows it has, where that was counted.
    pub rows: Option<u64>,
    /// How many bytes it takes, as an estimate.
    pub bytes: Option<u64>,
}

/// What a partition is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionName {
    /// A slice of a table without partitions of its own; its bounds are its name.
    Slice,
    /// A table of its own in the catalogue, with its schema where that is another than its parent's.
    Table(Arc<TableName>),
}

/// What went from a table within the last 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many rows.
    pub rows: u64,
    /// How many partitions.
    pub partitions: u64,
}

/// A rollup: what its source holds now, and what it held when the rollup was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct RollupState {
    /// The table of the rollup.
    pub target: TableName,
    /// Whether that table exists.
    pub exists: bool,
    /// The source now, piece by piece: buckets, cut at the bounds of partitions; sorted.
    pub now: Vec<Piece>,
    /// The source as it was when the rollup was verified; sorted.
    pub recorded: Vec<Piece>,
}

/// A piece of a source: the part of a bucket that lies within one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many rows the source has in it.
    pub rows: u64,
    /// What the rolled-up columns add up to, where that was computed.
    pub facts: Option<Facts>,
    /// Whether this source was dropped since: what is in it now came late.
    pub dropped: bool,
}
