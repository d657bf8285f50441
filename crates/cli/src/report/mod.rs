//! The report of an applied retention plan: one HTML file that says what went, what is kept of it, and by which proof.
//!
//! It renders what it is given and nothing else: it reads no clock, so that the same run gives the same file, and the file
//! refers to nothing outside of itself, so that it opens offline and for ever. It never holds a value of a column other than
//! the one that is plotted, and it never claims more than the run's outcomes and its own comparison of numbers show.

mod axis;
mod collect;
mod evidence;
mod figures;
mod headline;
mod html;
mod page;
mod path;
mod plan;
mod plot;
mod removed;
mod tables;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Report;
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::Planned;
use clusterkeep_retention::plan::Domain;

pub use plan::{PlanPage, Refusal};

pub use collect::{RawColumn, RollupColumn, collect_raw, collect_rollup, into_series};

/// What a report is made from.
#[derive(Debug, Clone)]
pub struct ReportData<'a> {
    /// The plan, with the name of its manifest, the address, the instant it was made for, its zone and its cutoffs.
    pub planned: &'a Planned,
    /// What became of it, with the audit chain's head.
    pub report: &'a Report<Domain>,
    /// The table of raw rows that the plots and the headline are about.
    pub table: TableName,
    /// The column that is plotted.
    pub column: String,
    /// The unit of its values, such as `°F`; empty where there is none.
    pub unit: String,
    /// What tells one series from another, such as `airport`.
    pub by: String,
    /// The series, in the order in which they are shown.
    pub series: Vec<Series>,
    /// Rows and bytes of each table that the policy is about, before and after.
    pub sizes: Vec<TableSize>,
    /// What a reader must know about the sizes, such as that a file shrinks only later.
    pub notes: Vec<String>,
    /// The version of the program.
    pub version: String,
}

/// One series of the plotted column: one airport, say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// The raw values by ascending time, read before the plan was applied.
    pub raw: Vec<(DateTime<Utc>, f64)>,
    /// What is kept of each day, by ascending time, read after the plan was applied.
    pub daily: Vec<Bucket>,
    /// What is kept of each month, in the same way.
    pub monthly: Vec<Bucket>,
}

/// What a rollup keeps of the values of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The first instant that is in it.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Bucket {
    /// The mean, exact because count and sum are kept; `None` of no values.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a bucket holds far fewer values than a float counts exactly")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64).filter(|mean| mean.is_finite())
    }
}

/// A table before and after the plan was applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableSize {
    /// The table.
    pub table: TableName,
    /// Its rows before; `None` where it was not there yet.
    pub rows_before: Option<u64>,
    /// Its rows after; `None` where that is not known.
    pub rows_after: Option<u64>,
    /// Its bytes before, where they are known.
    pub bytes_before: Option<u64>,
    /// Its bytes after, where they are known.
    pub bytes_after: Option<u64>,
}

/// Renders the report as one self-contained HTML file.
#[must_use]
pub fn render(data: &ReportData<'_>) -> String {
    page::render(data)
}
