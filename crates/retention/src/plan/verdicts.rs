//! One verdict with a reason for each partition.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Verdict;
use clusterkeep_core::sql::TableName;

use super::Selection;
use super::domain::{Decision, Detail, Domain, Object, Part, Size};
use super::lifecycle::Lifecycle;
use super::reason::Reason;
use super::rollups::Buckets;
use crate::observe::{Partition, Source, Unknown};

/// The instants that a verdict goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// What the plan is for.
    pub(super) now: DateTime<Utc>,
    /// What ended at or before it may go; `None` where nothing does.
    pub(super) drop: Option<DateTime<Utc>>,
    /// What ended at or before it is taken out of its table; `None` where nothing is.
    pub(super) detach: Option<DateTime<Utc>>,
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
    let order = in_order(&source.partitions);
    let newest = newest_from(&order, lifecycle.guard.keep_newest.get() as usize);
    let table = Arc::new(lifecycle.table.clone());
    let policy: Arc<String> = lifecycle.policy.about().into();
    let after: Arc<[TableName]> = rollups.iter().map(|rollup| rollup.target.clone()).collect();
    // Late rows of a rollup are aggregates of their own already: nobody puts any there but this program.
    let may_merge =
        source.merges_late && lifecycle.rolled.is_none() && lifecycle.policy.late.rows == crate::model::LateRows::Merge;
    verdicts.reserve(order.len());
    for partition in order {
        let (verdict, reason) = decide_one(lifecycle, partition, times, newest, selection, rollups, &after, may_merge);
        verdicts.push(Verdict {
            object: object(&table, partition),
            verdict,
            reason,
            detail: Detail {
                table: Arc::clone(&table),
                partition: partition.id.clone(),
                start: partition.start,
                end: partition.end,
                size: Size::of(partition.rows, partition.bytes),
                policy: Arc::clone(&policy),
            },
        });
    }
}

/// Partitions by their bounds, and by name where those are the same.
fn in_order(partitions: &[Partition]) -> Vec<&Partition> {
    // Plain numbers beside one another sort several times as fast as what they are computed from.
    let number = |at: Option<DateTime<Utc>>| at.map_or(i64::MIN, |at| at.timestamp_micros());
    let mut keys: Vec<(i64, i64, &Partition)> =
        partitions.iter().map(|partition| (number(partition.start), number(partition.end), partition)).collect();
    keys.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| a.2.id.cmp(&b.2.id)));
    keys.into_iter().map(|(_, _, partition)| partition).collect()
}

fn object(table: &Arc<TableName>, partition: &Partition) -> Object {
    let part = match (&partition.id, partition.start, partition.end) {
        (Some(id), ..) => Part::Partition(id.clone()),
        (None, Some(start), Some(end)) => Part::Slice { start, end },
        (None, ..) => Part::Whole,
    };
    Object { table: Arc::clone(table), part }
}

/// The end of the oldest partition that is among the newest: those that end there or later stay.
///
/// Partitions that are known to be empty don't count: ones made ahead of their time would stand in for the data.
fn newest_from(order: &[&Partition], count: usize) -> Option<DateTime<Utc>> {
    let with_rows = order.iter().filter(|partition| partition.rows != Some(0)).filter_map(|partition| partition.end);
    if count == 1 {
        return with_rows.max();
    }
    let mut ends: Vec<_> = with_rows.collect();
    if ends.is_empty() {
        return None;
    }
    let nth = ends.len().saturating_sub(count);
    Some(*ends.select_nth_unstable(nth).1)
}

#[expect(clippy::too_many_arguments, reason = "all that a verdict rests on; a struct for one call hides nothing")]
fn decide_one(
    lifecycle: &Lifecycle<'_>,
    partition: &Partition,
    times: Times,
    newest: Option<DateTime<Utc>>,
    selection: &Selection,
    rollups: &[Buckets],
    after: &Arc<[TableName]>,
    may_merge: bool,
) -> (Decision, Reason) {
    let keep = |reason| (Decision::Keep, reason);
    let Some(end) = partition.end else {
        return keep(Reason::UnknownEnd { why: partition.unknown.unwrap_or(Unknown::Unbounded) });
    };
    if partition.rows != Some(0) && newest.is_some_and(|newest| end >= newest) {
        return keep(Reason::Newest);
    }
    let drop = times.drop.filter(|cutoff| end <= *cutoff).map(|cutoff| (Decision::Drop, cutoff));
    // What goes does not have to be taken out first, and what was taken out is not taken out again.
    let detach = times.detach.filter(|cutoff| end <= *cutoff && partition.id.is_some() && !partition.detached);
    let Some((decision, cutoff)) = drop.or(detach.map(|cutoff| (Decision::Detach, cutoff))) else {
        let next = if partition.detached { times.drop } else { times.detach.max(times.drop) };
        return keep(next.map_or(Reason::NoExpiry, |cutoff| Reason::EndsAfterCutoff { cutoff }));
    };
    let starts_before = |from: DateTime<Utc>| partition.start.is_none_or(|start| start < from);
    if selection.from.is_some_and(starts_before) || selection.until.is_some_and(|until| end > until) {
        return keep(Reason::NotSelected);
    }
    let mut late = Vec::new();
    for rollup in rollups {
        match gate(lifecycle, partition, end, times.now, rollup) {
            Some(reason @ Reason::Late { .. }) => late.push(reason),
            Some(reason) => return keep(reason),
            None => {}
        }
    }
    // Only where each rollup has let its source go before: another one would lose what it was not given.
    if let Some(Reason::Late { rollup, rows }) = late.first() {
        let (rollup, rows) = (rollup.clone(), partition.rows.unwrap_or(*rows));
        return if may_merge && late.len() == rollups.len() {
            (Decision::Merge, Reason::AddedLate { rollup, rows })
        } else {
            keep(Reason::Late { rollup, rows })
        };
    }
    (decision, Reason::EndedBeforeCutoff { cutoff, after: Arc::clone(after), archive: None })
}

/// Why a partition must stay for the sake of a rollup that is made from it.
fn gate(
    lifecycle: &Lifecycle<'_>,
    partition: &Partition,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
    rollup: &Buckets,
) -> Option<Reason> {
    let last = rollup.every.start_of(rollup.zone, end - chrono::TimeDelta::microseconds(1));
    let complete = lifecycle.complete(rollup.every.end_of(rollup.zone, last));
    if complete > now {
        return Some(Reason::NeededBy { rollup: Arc::new(rollup.target.clone()), until: complete });
    }
    let first = rollup.blocked.partition_point(|(_, until, _)| partition.start.is_some_and(|start| *until <= start));
    let mut blocked = rollup.blocked[first..].iter().take_while(|(from, ..)| *from < end).map(|(.., why)| why);
    let one = blocked.next()?;
    // What changed weighs more than what came late: it can't be added to anything.
    let other = blocked.find(|why| !matches!(why, Reason::Late { .. }));
    Some(other.filter(|_| matches!(one, Reason::Late { .. })).unwrap_or(one).clone())
}
