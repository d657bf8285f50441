//! The inventory that a plan is made from: plain data.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::sql::TableName;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Archive, Facts, PartitionId, Places, Standing};
use crate::model::{Hold, KnownTable};

/// Everything that a plan looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// The tables that there are: what selectors choose from.
    pub tables: Vec<KnownTable>,
    /// The tables that policies are about, raw and rolled up.
    pub sources: Vec<Source>,
    /// The instant of the newest plan that was applied on this database under the same name.
    pub last_applied: Option<DateTime<Utc>>,
    /// What must stay, whatever policies say.
    pub holds: Vec<Hold>,
    /// The tables that somebody has acknowledged this manifest to be about; `None` where nobody ever has.
    pub acknowledged: Option<BTreeSet<TableName>>,
    /// How far the server's clock is ahead of this machine's, where the server has one of its own.
    pub clock_ahead: Option<TimeDelta>,
    /// What partitions can be moved to.
    pub places: Places,
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
    /// Why nothing may be removed from it on this server, whatever the policy says.
    pub obstacle: Option<Obstacle>,
    /// Whether late rows can be merged, deleted and recorded in one transaction.
    pub merges_late: bool,
    /// How its partitions are kept, where a policy has tiers that change that.
    pub standing: BTreeMap<PartitionId, Standing>,
    /// Copies of its partitions that were verified.
    pub archives: Vec<Archive>,
    /// How many copies of its partitions were removed within the last 24 hours.
    pub removed_archives: u64,
}

impl Source {
    /// A table of that name with nothing in it.
    #[must_use]
    pub const fn empty(table: TableName) -> Self {
        Self {
            table,
            partitions: Vec::new(),
            native: false,
            rollups: Vec::new(),
            removed: Removed { rows: 0, partitions: 0, bytes: 0 },
            side_effects: Vec::new(),
            obstacle: None,
            merges_late: false,
            standing: BTreeMap::new(),
            archives: Vec::new(),
            removed_archives: 0,
        }
    }
}

/// Why nothing may be removed from a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// This version of the server is known to damage tables when partitions of them are removed.
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
}

/// An interval of a table that stays or goes as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Which of the engine's own partitions it is; `None` for a slice, whose bounds are its name.
    pub id: Option<PartitionId>,
    /// The first instant that can be in it; `None` where it has no lower bound or none that is known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it; `None` where it has no upper bound or none that is known.
    pub end: Option<DateTime<Utc>>,
    /// Why its end is not known, where it is not.
    pub unknown: Option<Unknown>,
    /// How many rows it has, where that was counted.
    pub rows: Option<u64>,
    /// How many bytes it takes, as an estimate.
    pub bytes: Option<u64>,
    /// Whether it was taken out of its table, and is a table of its own now.
    pub detached: bool,
}

/// Why the end of a partition is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It has no upper bound.
    Unbounded,
    /// It takes what no other partition does.
    Default,
    /// Its key is NULL.
    NullKey,
    /// Its key is no point in time, and the policy does not say what it means.
    Meaning,
    /// Its key is not of the form that the policy says.
    Form,
    /// It tells its start alone, and the policy does not say how long it is.
    Width,
    /// It is not partitioned by the column of time.
    OtherKey,
    /// It holds rows whose time is NULL, or is none.
    NullTimes,
    /// Its data lies on another server.
    Foreign,
    /// It is being detached.
    Detaching,
    /// It is closed, so that nobody can see what is in it.
    Closed,
    /// A column of its key lies within an object.
    Nested,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unbounded => "it has no upper bound",
            Self::Default => "it is the default partition",
            Self::NullKey => "its key is NULL",
            Self::Meaning => "its key is no point in time by its type, and the policy does not say what it means",
            Self::Form => "its key is not of the form that the policy says",
            Self::Width => "it tells its start alone; say how long it is with `time.width`",
            Self::OtherKey => "it is not partitioned by the column of time",
            Self::NullTimes => "it holds rows whose time is NULL or is none; give them a time, or put them elsewhere",
            Self::Foreign => "its data lies on another server",
            Self::Detaching => "it is being detached",
            Self::Closed => "it is closed, so that what is in it can't be seen",
            Self::Nested => "a column of its key lies within an object",
        })
    }
}

/// What went from a table within the last 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many rows.
    pub rows: u64,
    /// How many partitions.
    pub partitions: u64,
    /// How many bytes, as an estimate.
    pub bytes: u64,
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
