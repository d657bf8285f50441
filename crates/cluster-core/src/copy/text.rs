//! A plan to copy as people read it.

use super::domain::{Decision, Domain};
use super::job::Planned;
use crate::plan::show::{Cells, Heading, counted, grouped, table};
use crate::plan::{Class, Decide, Verdict};

/// The headings of the table.
pub const HEADINGS: [Heading; 5] = [
    Heading::text("table"),
    Heading::text("into"),
    Heading::number("rows"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

impl Planned {
    /// What is looked at, as of when.
    #[must_use]
    pub fn head(&self) -> String {
        let at = self.plan.as_of.format("%Y-%m-%d %H:%M UTC");
        let side = |place: &super::Place| {
            let address = place.address.split_once("://").map_or(place.address.as_str(), |(_, rest)| rest);
            format!("{} {address}", place.engine)
        };
        format!("copy from {} to {}, as of {at}\n", side(&self.source), side(&self.target))
    }

    /// The cells of the table, a row for each verdict.
    #[must_use]
    pub fn rows(&self) -> Vec<Cells> {
        let row = |verdict: &Verdict<Domain>| Cells {
            class: verdict.verdict.class(),
            cells: vec![
                verdict.object.to_string(),
                verdict.detail.into.to_string(),
                grouped(verdict.detail.rows),
                verdict.verdict.to_string(),
                verdict.reason.to_string(),
            ],
        };
        self.plan.verdicts.iter().map(row).collect()
    }

    /// The last line: what would happen, and the hash.
    #[must_use]
    pub fn tail(&self) -> String {
        let plan = &self.plan;
        let copied = || plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Copy);
        let (tables, rows) = (copied().count(), copied().map(|verdict| verdict.detail.rows).sum());
        let refused = plan.refused().count();
        let mut what = match tables {
            0 => "nothing to do".to_owned(),
            _ => format!("copy {} ({})", counted(tables as u64, "table"), counted(rows, "row")),
        };
        if refused > 0 {
            what.push_str(&format!("; {} refused", counted(refused as u64, "table")));
        }
        format!("plan {}: {what}\n", plan.hash.short())
    }

    /// The whole plan; `paint` may colour a verdict by its class.
    #[must_use]
    pub fn text(&self, paint: impl Fn(Class, &str) -> String) -> String {
        format!("{}\n{}\n{}", self.head(), table(&HEADINGS, &self.rows(), paint), self.tail())
    }
}

/// As a table, without colour.
impl std::fmt::Display for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(|_, text| text.to_owned()))
    }
}
