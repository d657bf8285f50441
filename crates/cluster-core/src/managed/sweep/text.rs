//! A sweep's plan as people read it.

use std::fmt;

use super::model::{Action, Sweeping};
use crate::plan::Plan;

const HEAD: [&str; 5] = ["cluster", "id", "owed since", "verdict", "why"];

impl fmt::Display for Plan<Sweeping> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.verdicts.is_empty() {
            let rows: Vec<[String; 5]> = cells(self);
            let width = |column: usize| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.chain([HEAD[column].len()]).max().unwrap_or_default()
            };
            let widths: Vec<_> = (0..4).map(width).collect();
            for row in std::iter::once(HEAD.map(String::from)).chain(rows.iter().cloned()) {
                let [cluster, id, since, verdict, why] = row;
                let (a, b, c, d) = (widths[0], widths[1], widths[2], widths[3]);
                writeln!(f, "  {cluster:a$}  {id:b$}  {since:c$}  {verdict:d$}  {why}")?;
            }
            writeln!(f)?;
        }
        write!(f, "plan {}: {}", self.hash.short(), summary(self))
    }
}

/// The cells of each verdict: cluster, id, since when it is owed to be suspended, verdict, why.
#[must_use]
pub fn cells(plan: &Plan<Sweeping>) -> Vec<[String; 5]> {
    let row = |verdict: &crate::plan::Verdict<Sweeping>| {
        let since = verdict.detail.since.map(|since| since.format("%Y-%m-%d %H:%M UTC").to_string());
        [
            verdict.object.name.clone(),
            verdict.object.id.map(|id| id.to_string()).unwrap_or_default(),
            since.unwrap_or_default(),
            verdict.verdict.to_string(),
            verdict.reason.to_string(),
        ]
    };
    plan.verdicts.iter().map(row).collect()
}

/// What the plan would do, in a sentence.
#[must_use]
pub fn summary(plan: &Plan<Sweeping>) -> String {
    let suspend = plan.steps.iter().filter(|step| matches!(step.action, Action::Suspend { .. })).count();
    let clusters = |count: usize| if count == 1 { "1 cluster".into() } else { format!("{count} clusters") };
    let records = |count: usize| if count == 1 { "1 record".into() } else { format!("{count} records") };
    match (suspend, plan.steps.len() - suspend) {
        (0, 0) => "there is nothing to do".into(),
        (suspend, 0) => format!("suspend {}", clusters(suspend)),
        (0, forget) => format!("forget {}", records(forget)),
        (suspend, forget) => format!("suspend {}, forget {}", clusters(suspend), records(forget)),
    }
}
