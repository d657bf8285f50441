//! A sweep's plan as people read it.

use std::fmt;

use super::model::{Action, Sweeping};
use crate::plan::show::{Cells, Heading, counted, table};
use crate::plan::{Class, Decide, Plan, Verdict};

/// The headings of the table.
pub const HEADINGS: [Heading; 5] = [
    Heading::text("cluster"),
    Heading::text("id"),
    Heading::text("owed since"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

/// As a table, without colour.
impl fmt::Display for Plan<Sweeping> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(self, |_, text| text.to_owned()).trim_end())
    }
}

/// The whole plan; `paint` may colour a verdict by its class.
#[must_use]
pub fn text(plan: &Plan<Sweeping>, paint: impl Fn(Class, &str) -> String) -> String {
    let rows: Vec<Cells> = plan.verdicts.iter().map(cells).collect();
    let table = if rows.is_empty() { String::new() } else { table(&HEADINGS, &rows, paint) + "\n" };
    format!("{table}plan {}: {}\n", plan.hash.short(), summary(plan))
}

fn cells(verdict: &Verdict<Sweeping>) -> Cells {
    let since = verdict.detail.since.map(|since| since.format("%Y-%m-%d %H:%M UTC").to_string());
    let cells = vec![
        verdict.object.name.clone(),
        verdict.object.id.map(|id| id.to_string()).unwrap_or_default(),
        since.unwrap_or_default(),
        verdict.verdict.to_string(),
        verdict.reason.to_string(),
    ];
    Cells { class: verdict.verdict.class(), cells }
}

/// What the plan would do, in a sentence.
fn summary(plan: &Plan<Sweeping>) -> String {
    let suspend = plan.steps.iter().filter(|step| matches!(step.action, Action::Suspend { .. })).count();
    let clusters = |count: usize| counted(count as u64, "cluster");
    let records = |count: usize| counted(count as u64, "record");
    match (suspend, plan.steps.len() - suspend) {
        (0, 0) => "there is nothing to do".into(),
        (suspend, 0) => format!("suspend {}", clusters(suspend)),
        (0, forget) => format!("forget {}", records(forget)),
        (suspend, forget) => format!("suspend {}, forget {}", clusters(suspend), records(forget)),
    }
}
