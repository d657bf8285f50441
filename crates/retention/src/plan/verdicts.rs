//! One verdict with a reason for each partition.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Verdict;
use clusterkeep_core::sql::TableName;

use super::Selection;
use super::domain::{Decision, Detail, Domain, Object, Part, Reason};
use super::rollups::{Buckets, Lifecycle};
use crate::observe::{Partition, PartitionName, Source};

/// The instants that a verdict goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// What the plan is for.
    pub(super) now: DateTime<Utc>,
    /// What ended at or before it may go; `None` where nothing does.
    pub(super) cutoff: Option<DateTime<Utc>>,
}

/// Decides on each partition of `source`, in the order of their bounds.
pub(super) fn decide(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    times: Times,
    selection: &Selection,
    rollups: &[Buckets],
    verdicts: &mut Vec<Verdict<Domain>>,
) {
    let mut order: Vec<&Partition> = source.partitions.iter().collect();
    order.sort_unstable_by(|a, b| (a.start, a.end, &a.name).cmp(&(b.start, b.end, &b.name)));
    let newest = newest_from(&order, lifecycle.guard.keep_newest.get() as usize);
    let table = Arc::new(lifecycle.table.clone());
    let policy: Arc<str> = lifecycle.policy.table.to_string().into();
    let after: Arc<[TableName]> = rollups.iter().map(|rollup| rollup.target.clone()).collect();
    verdicts.reserve(order.len());
    for partition in order {
        let (verdict, reason) = decide_one(partition, times, newest, selection, rollups, &after);
        verdicts.push(Verdict {
            object: object(&table, partition),
            verdict,
            reason,
            detail: Detail {
                table: Arc::clone(&table),
                partition: match &partition.name {
                    PartitionName::Table(name) => Some(Arc::clone(name)),
                    PartitionName::Slice => None,
                },
                start: partition.start,
                end: partition.end,
                rows: partition.rows,
                bytes: partition.bytes,
                policy: Arc::clone(&policy),
            },
        });
    }
}

fn object(table: &Arc<TableName>, partition: &Partition) -> Object {
    let part = match (&partition.name, partition.start, partition.end) {
        (PartitionName::Table(name), ..) => Part::Partition(Arc::clone(name)),
        (PartitionName::Slice, Some(start), Some(end)) => Part::Slice { start, end },
        (PartitionName::Slice, ..) => Part::Whole,
    };
    Object { table: Arc::clone(table), part }
}

/// The end of the oldest partition that is among the newest: those that end there or later stay.
///
/// Partitions that are known to be empty don't count: ones made ahead of their time would stand in for the data.
fn newest_from(order: &[&Partition], count: usize) -> Option<DateTime<Utc>> {
    let mut ends: Vec<_> = order.iter().filter(|p| p.rows != Some(0)).filter_map(|p| p.end).collect();
    if ends.is_empty() {
        return None;
    }
    let nth = ends.len().saturating_sub(count);
    Some(*ends.select_nth_unstable(nth).1)
}

fn decide_one(
    partition: &Partition,
    times: Times,
    newest: Option<DateTime<Utc>>,
    selection: &Selection,
    rollups: &[Buckets],
    after: &Arc<[TableName]>,
) -> (Decision, Reason) {
    let keep = |reason| (Decision::Keep, reason);
    let Some(end) = partition.end else { return keep(Reason::UnknownEnd) };
    if partition.rows != Some(0) && newest.is_some_and(|newest| end >= newest) {
        return keep(Reason::Newest);
    }
    let Some(cutoff) = times.cutoff else { return keep(Reason::NoExpiry) };
    if end > cutoff {
        return keep(Reason::EndsAfterCutoff { cutoff });
    }
    let starts_before = |from: DateTime<Utc>| partition.start.is_none_or(|start| start < from);
    if selection.from.is_some_and(starts_before) || selection.until.is_some_and(|until| end > until) {
        return keep(Reason::NotSelected);
    }
    for rollup in rollups {
        if let Some(reason) = gate(partition, end, times.now, rollup) {
            return keep(reason);
        }
    }
    (Decision::Drop, Reason::EndedBeforeCutoff { cutoff, after: Arc::clone(after) })
}

/// Why a partition must stay for the sake of a rollup that is made from it.
fn gate(partition: &Partition, end: DateTime<Utc>, now: DateTime<Utc>, rollup: &Buckets) -> Option<Reason> {
    let last = rollup.every.start_of(rollup.zone, end - chrono::TimeDelta::microseconds(1));
    let complete = rollup.every.end_of(rollup.zone, last);
    if complete > now {
        return Some(Reason::NeededBy { rollup: rollup.target.clone(), until: complete });
    }
    let first = rollup.blocked.partition_point(|(_, until, _)| partition.start.is_some_and(|start| *until <= start));
    let blocked = rollup.blocked.get(first).filter(|(from, ..)| *from < end)?;
    Some(blocked.2.clone())
}
