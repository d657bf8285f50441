//! Which spans of the raw table went, by what the plan decided and what became of it: never by the cutoff alone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Verdict;
use clusterkeep_retention::plan::{Decision, Domain};

use super::ReportData;

/// A half-open interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

impl Span {
    /// Whether `at` is in it.
    pub(super) fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether all of `start..end` is in it.
    pub(super) fn covers(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        self.start <= start && end <= self.end
    }

    /// What both have in common.
    pub(super) fn overlap(&self, other: Self) -> Option<Self> {
        let both = Self { start: self.start.max(other.start), end: self.end.min(other.end) };
        (both.start < both.end).then_some(both)
    }
}

/// The verdicts by which parts of the raw table were to go and did go.
pub(super) fn gone<'a>(data: &'a ReportData<'_>) -> impl Iterator<Item = &'a Verdict<Domain>> {
    let done: BTreeSet<_> =
        data.report.outcomes.iter().filter(|object| object.outcome.is_done()).map(|object| &object.object).collect();
    let drops = data.planned.plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    drops.filter(move |verdict| *verdict.detail.table == data.table && done.contains(&verdict.object))
}

/// The spans that went, neighbours joined, ascending.
pub(super) fn spans(data: &ReportData<'_>) -> Vec<Span> {
    let mut all: Vec<Span> = gone(data)
        .filter_map(|verdict| {
            // A partition without a lower bound goes back for ever; without an upper one it would not be here.
            let start = verdict.detail.start.unwrap_or(DateTime::<Utc>::MIN_UTC);
            verdict.detail.end.map(|end| Span { start, end })
        })
        .collect();
    all.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Span> = Vec::new();
    for span in all {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}
