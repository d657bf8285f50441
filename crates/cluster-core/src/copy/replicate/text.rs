//! A plan to replicate, and how far it is behind, as people read it.

use super::domain::Domain;
use super::{Lag, Planned};
use crate::plan::show::{Cells, Heading, counted, grouped, table};
use crate::plan::{Class, Decide, Verdict};

/// The headings of a plan.
pub const HEADINGS: [Heading; 4] =
    [Heading::text("object"), Heading::number("rows"), Heading::verdict("verdict"), Heading::text("why")];

/// The headings of how far tables are behind.
pub const LAG_HEADINGS: [Heading; 6] = [
    Heading::text("table"),
    Heading::verdict("state"),
    Heading::number("source rows"),
    Heading::number("target rows"),
    Heading::number("behind"),
    Heading::text("why"),
];

impl Planned {
    /// What is looked at, as of when.
    #[must_use]
    pub fn head(&self) -> String {
        let at = self.plan.as_of.format("%Y-%m-%d %H:%M UTC");
        let what = if self.ends { "end of the replication" } else { "replication" };
        format!("{what} {} from {} to {}, as of {at}\n", self.name, self.source, self.target)
    }

    /// The cells of the table, a row for each verdict.
    #[must_use]
    pub fn rows(&self) -> Vec<Cells> {
        let row = |verdict: &Verdict<Domain>| Cells {
            class: verdict.verdict.class(),
            cells: vec![
                verdict.object.to_string(),
                verdict.detail.rows.map_or_else(String::new, grouped),
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
        let refused = plan.refused().count();
        let what = match (plan.steps.is_empty(), refused) {
            (true, 0) => "nothing to do".to_owned(),
            (true, refused) => format!("nothing is done, {} refused", counted(refused as u64, "object")),
            (false, _) => plan.steps.iter().map(|step| step.action.to_string()).collect::<Vec<_>>().join(", then "),
        };
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

impl Lag {
    /// The cells of its row, for [`LAG_HEADINGS`].
    #[must_use]
    pub fn cells(&self) -> Cells {
        let class = match self.state {
            super::TableState::Following => Class::Keep,
            super::TableState::Failed | super::TableState::Absent => Class::Refuse,
            _ => Class::Act,
        };
        Cells {
            class,
            cells: vec![
                self.table.to_string(),
                self.state.to_string(),
                grouped(self.source_rows),
                self.target_rows.map_or_else(String::new, grouped),
                self.behind.map_or_else(String::new, grouped),
                self.reason.clone().unwrap_or_default(),
            ],
        }
    }
}
