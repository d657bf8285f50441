//! A tier that keeps aggregates of what goes.

use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Ident, TableName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Keep;
use super::problems::{Problems, UNNAMED};

/// A rollup: aggregates per bucket of time and per series, in a table of its own.
///
/// What is stored can be merged: count, sum, minimum and maximum of each column, so that averages are exact and coarser
/// rollups can be made from finer ones. The average itself is never stored.
///
/// ```
/// use clusterkeep_core::age::years;
/// use clusterkeep_retention::model::{Keep, Rollup};
/// let daily = Rollup::daily().of(["temp"]).into("observations_daily").keep(years(2));
/// assert_eq!(daily.every.to_string(), "day");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollup {
    /// The width of its buckets, in the policy's zone.
    pub every: Every,
    /// The columns that are rolled up; a rollup of another rollup has the columns of that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Ident>,
    /// The rollup that it is made from; the raw table where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TableName>,
    /// The table that it is kept in, created when it is missing.
    #[serde(rename = "into")]
    pub target: TableName,
    /// How long its own rows are kept.
    pub keep: Keep,
    /// What the builder was given and could not take; refused when the policy is used.
    #[serde(skip)]
    pub(super) problems: Problems,
}

/// What is kept of each column per bucket and series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stat {
    /// How many values that are not NULL.
    Count,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Stat {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 4] = [Self::Count, Self::Sum, Self::Min, Self::Max];

    /// The ending of the column's name: `temp_count`.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Rollup {
    /// A rollup with buckets of `every`; its table is named with [`Rollup::into`].
    #[must_use]
    pub fn every(every: Every) -> Self {
        Self {
            every,
            of: Vec::new(),
            from: None,
            target: TableName::bare(Ident::literal(UNNAMED)),
            keep: Keep::Forever,
            problems: Problems::default(),
        }
    }

    /// A rollup with buckets of a civil hour.
    #[must_use]
    pub fn hourly() -> Self {
        Self::every(Every::Hours(1))
    }

    /// A rollup with buckets of a civil day.
    #[must_use]
    pub fn daily() -> Self {
        Self::every(Every::Day)
    }

    /// A rollup with buckets of a calendar month.
    #[must_use]
    pub fn monthly() -> Self {
        Self::every(Every::Month)
    }

    /// The columns to roll up.
    #[must_use]
    pub fn of<I: AsRef<str>>(mut self, columns: impl IntoIterator<Item = I>) -> Self {
        self.of = columns.into_iter().map(|name| self.problems.ident(name.as_ref())).collect();
        self
    }

    /// The rollup that it is made from, instead of the raw table.
    #[must_use]
    pub fn from(mut self, table: &str) -> Self {
        self.from = Some(self.problems.table(table));
        self
    }

    /// The table that it is kept in.
    #[must_use]
    pub fn into(mut self, table: &str) -> Self {
        self.target = self.problems.table(table);
        self
    }

    /// How long its own rows are kept.
    #[must_use]
    pub fn keep(mut self, keep: impl Into<Keep>) -> Self {
        self.keep = keep.into();
        self
    }

    /// The name of a column of the rollup.
    #[must_use]
    pub fn column(of: &Ident, stat: Stat) -> Ident {
        Ident::new(format!("{}_{}", of.as_str(), stat.suffix())).unwrap_or_else(|_| of.clone())
    }
}
