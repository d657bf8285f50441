//! The sentence at the top, and the one below it: true of this run, whatever became of it.

use std::collections::BTreeSet;

use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::plan::{Action, Reason};
use clusterkeep_retention::text::{bound, grouped, percentage};

use super::ReportData;
use super::evidence::Comparison;
use super::removed;

/// Both sentences, as text.
#[derive(Debug)]
pub(super) struct Headline {
    pub(super) sentence: String,
    pub(super) below: String,
    /// Whether all is as it should be.
    pub(super) good: bool,
}

/// Says what matters most: a failure before anything else, then what went and whether its numbers are kept.
pub(super) fn headline(data: &ReportData<'_>, evidence: &[Comparison<'_>]) -> Headline {
    let outcomes = &data.report.outcomes;
    let done = outcomes.iter().filter(|object| object.outcome.is_done()).count();
    if done < outcomes.len() {
        let failed = data.report.count(Outcome::Failed) + data.report.count(Outcome::StillPresent);
        let (done, all) = (grouped(done as u64), grouped(outcomes.len() as u64));
        let below =
            format!("{failed} failed. What was not done is still there; planning and applying again goes on with it.");
        return Headline { sentence: format!("{done} of {all} parts of the plan are done"), below, good: false };
    }
    let gone = went(data);
    if gone.slices == 0 {
        let below = format!("Nothing in {} had ended at or before its cutoff.", data.table);
        return Headline { sentence: "Nothing was due, every raw row is kept".to_owned(), below, good: true };
    }
    let share = share(data, gone.rows);
    let (compared, equal) = evidence.iter().fold((0, 0), |(all, same), one| (all + one.buckets, same + one.equal));
    if equal < compared {
        let below = format!(
            "{} of {} compared buckets say something else than the rows they were made from. The table of kept numbers below \
             shows where.",
            grouped((compared - equal) as u64),
            grouped(compared as u64)
        );
        return Headline {
            sentence: format!("{share} went, and not every number that they gave is kept"),
            below,
            good: false,
        };
    }
    let rollups = rollups(data);
    let zone = data.planned.plan.zone;
    let spans = removed::spans(data);
    let until = bound(spans.last().map(|span| span.end), zone);
    let mut below = format!("{} of {} that ended by {until} ({}) were removed", gone.text(), data.table, zone.name());
    if rollups.is_empty() {
        below.push_str("; the policy keeps nothing of them.");
        return Headline { sentence: format!("{share} went, as the policy says"), below, good: true };
    }
    below.push_str(", after count, sum, lowest and highest of every bucket were written into ");
    below.push_str(&rollups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "));
    below.push_str(" and verified against the rows.");
    Headline { sentence: format!("{share} went, every number that they gave is kept"), below, good: true }
}

/// What went of the raw table.
struct Gone {
    slices: usize,
    rows: Option<u64>,
}

impl Gone {
    fn text(&self) -> String {
        match self.rows {
            Some(rows) => format!("{} rows", grouped(rows)),
            None => format!("{} slices", grouped(self.slices as u64)),
        }
    }
}

fn went(data: &ReportData<'_>) -> Gone {
    let rows = removed::gone(data).map(|verdict| verdict.detail.rows()).sum();
    Gone { slices: removed::gone(data).count(), rows }
}

/// How much of the raw rows went, by what was counted before.
fn share(data: &ReportData<'_>, rows: Option<u64>) -> String {
    let before = data.sizes.iter().find(|size| size.table == data.table).and_then(|size| size.rows_before);
    match rows.zip(before) {
        Some((rows, before)) if before > 0 => format!("{} of the raw rows", percentage(rows.min(before), before)),
        _ => "The raw rows that were due".to_owned(),
    }
}

/// The rollups that hold what went: those that had to be verified first, and those that are made from them.
fn rollups(data: &ReportData<'_>) -> BTreeSet<TableName> {
    let mut tables = BTreeSet::new();
    for verdict in removed::gone(data) {
        if let Reason::EndedBeforeCutoff { after, .. } = &verdict.reason {
            tables.extend(after.iter().cloned());
        }
    }
    for step in &data.planned.plan.steps {
        if let Action::Downsample(build) = &step.action
            && tables.contains(&*build.source)
        {
            tables.insert((*build.target).clone());
        }
    }
    tables
}
