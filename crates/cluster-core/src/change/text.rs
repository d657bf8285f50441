//! A plan to change a cluster as people read it.

use super::changes::Planned;
use super::domain::{ClusterChange, Detail};
use crate::plan::show::{Cells, Heading, table};
use crate::plan::{Class, Decide, Verdict};

/// The headings of the table.
pub const HEADINGS: [Heading; 6] = [
    Heading::text("object"),
    Heading::text("now"),
    Heading::text("then"),
    Heading::number("per month"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

impl Planned {
    /// What is looked at, where, as of when; and what else is worth knowing.
    #[must_use]
    pub fn head(&self) -> String {
        let at = self.plan.as_of.format("%Y-%m-%d %H:%M UTC");
        let mut head = format!("{} {} on {}, as of {at}\n", self.verb, self.name, self.facts());
        for note in &self.notes {
            head.push_str(&format!("note: {note}\n"));
        }
        head
    }

    fn facts(&self) -> String {
        let mut facts = vec!["CrateDB Cloud".to_owned()];
        facts.extend(self.place.iter().cloned());
        if let Some(id) = self.cluster {
            facts.push(id.to_string());
        }
        facts.join(", ")
    }

    /// The cells of the table, a row for each verdict.
    #[must_use]
    pub fn rows(&self) -> Vec<Cells> {
        let row = |verdict: &Verdict<ClusterChange>| Cells {
            class: verdict.verdict.class(),
            cells: vec![
                verdict.object.to_string(),
                verdict.detail.from.clone().unwrap_or_default(),
                verdict.detail.to.clone().unwrap_or_default(),
                month(&verdict.detail),
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
        let what = match plan.steps.first() {
            Some(step) => step.action.to_string(),
            None if plan.refused().next().is_some() => "nothing is done, it is refused".to_owned(),
            None => "nothing to do".to_owned(),
        };
        format!("plan {}: {what}\n", plan.hash.short())
    }

    /// The whole plan; `paint` may colour a verdict by its class. A column that has nothing in it is left out.
    #[must_use]
    pub fn text(&self, paint: impl Fn(Class, &str) -> String) -> String {
        let rows = self.rows();
        let used = |column: usize| rows.iter().any(|row| row.cells.get(column).is_some_and(|cell| !cell.is_empty()));
        let columns: Vec<usize> = (0..HEADINGS.len()).filter(|column| used(*column)).collect();
        let headings: Vec<Heading> = columns.iter().filter_map(|column| HEADINGS.get(*column).copied()).collect();
        let rows: Vec<Cells> = rows
            .iter()
            .map(|row| {
                let cells = columns.iter().filter_map(|column| row.cells.get(*column).cloned()).collect();
                Cells { class: row.class, cells }
            })
            .collect();
        format!("{}\n{}\n{}", self.head(), table(&headings, &rows, paint), self.tail())
    }
}

/// What it costs a month, now and then, in the account's currency.
fn month(detail: &Detail) -> String {
    match (detail.month_now, detail.month_then) {
        (Some(now), Some(then)) => format!("{now:.2} -> {then:.2}"),
        (None, Some(then)) => format!("{then:.2}"),
        (Some(now), None) => format!("{now:.2}"),
        (None, None) => String::new(),
    }
}

/// As a table, without colour.
impl std::fmt::Display for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(|_, text| text.to_owned()))
    }
}
