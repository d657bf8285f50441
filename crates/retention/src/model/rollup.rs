//! A tier that keeps aggregates of what goes.

use chrono::TimeDelta;
use chrono_tz::Tz;
use clusterkeep_core::age::Age;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Ident, TableName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problems::{Problems, UNNAMED};
use super::{Keep, Share};

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
    /// What is kept beside count, sum, minimum and maximum; a rollup of another rollup keeps what that one does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Extra>,
    /// The zone of its buckets, where it is another than the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::zone_text")]
    #[schemars(with = "Option<String>")]
    pub zone: Option<Tz>,
    /// What share of the values that should be there must be, so that a bucket is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// What the builder was given and could not take; refused when the policy is used.
    #[serde(skip)]
    pub(super) problems: Problems,
}

/// What share of the values that should be there must be, so that a bucket is known.
///
/// Below it the bucket is stored with its counts, and with NULL for all else: unknown, and never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The share, such as `50 %`.
    pub min: Share,
    /// How often a value comes, per series.
    pub step: Age,
}

impl Coverage {
    /// How many values a bucket of this width must have to be known.
    ///
    /// The boundary is in: with `50 %` one half is enough, as in RRDtool, where the unknown half may be as large as `xff`.
    #[must_use]
    pub fn values(&self, width: TimeDelta) -> u64 {
        let step = self.step.approximate().as_millis().max(1);
        let width = u128::try_from(width.num_milliseconds()).unwrap_or(0);
        u64::try_from(self.min.of(width).div_ceil(step)).unwrap_or(u64::MAX)
    }
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

/// What may be kept of each column beside [`Stat`]; all of it can be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// The earliest, with its instant; of those of one instant the smallest.
    First,
    /// The latest, with its instant; of those of one instant the largest.
    Last,
    /// The sum of the squared distances from the mean, from which variances are computed; those of parts can be merged,
    /// which takes the mean more exactly than a floating-point number: `sum_low` is what rounding has cut off the sum.
    Variance,
    /// A sketch of which values there are, from which their number is estimated.
    Distinct,
    /// A sketch of how the values are distributed, from which quantiles are estimated.
    Quantiles,
}

impl Extra {
    /// All of them, in the order of their columns.
    pub const ALL: [Self; 5] = [Self::First, Self::Last, Self::Variance, Self::Distinct, Self::Quantiles];

    /// The endings of the columns' names that hold it: `temp_first` and `temp_first_at`.
    #[must_use]
    pub const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::First => &["first", "first_at"],
            Self::Last => &["last", "last_at"],
            Self::Variance => &["m2", "sum_low"],
            Self::Distinct => &["distinct"],
            Self::Quantiles => &["quantiles"],
        }
    }
}

impl Stat {
    /// What every rollup keeps, in the order of the columns.
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
            with: Vec::new(),
            zone: None,
            coverage: None,
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

    /// Keeps this of each column, beside count, sum, minimum and maximum.
    #[must_use]
    pub fn with(mut self, stats: impl IntoIterator<Item = Extra>) -> Self {
        self.with.extend(stats);
        self
    }

    /// The zone of its buckets, by its IANA name, where it is another than the policy's.
    #[must_use]
    pub fn zone(mut self, name: &str) -> Self {
        match name.parse() {
            Ok(zone) => self.zone = Some(zone),
            Err(_) => self.problems.push(format!("`{name}` is no known time zone")),
        }
        self
    }

    /// Stores buckets as unknown that have less than `min` of the values that come every `step`.
    #[must_use]
    pub const fn min_coverage(mut self, min: Share, step: Age) -> Self {
        self.coverage = Some(Coverage { min, step });
        self
    }

    /// The name of a column of the rollup.
    #[must_use]
    pub fn column(of: &Ident, stat: Stat) -> Ident {
        Self::named(of, stat.suffix())
    }

    fn named(of: &Ident, suffix: &str) -> Ident {
        Ident::new(format!("{}_{suffix}", of.as_str())).unwrap_or_else(|_| of.clone())
    }

    /// The names of the columns that hold an extra.
    pub fn extra_columns(of: &Ident, extra: Extra) -> impl Iterator<Item = Ident> {
        extra.suffixes().iter().map(move |suffix| Self::named(of, suffix))
    }
}
