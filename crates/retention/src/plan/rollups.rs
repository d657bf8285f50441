//! Which buckets of which rollups have to be made, and which never can be again.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::Every;
use clusterkeep_core::plan::Verdict;
use clusterkeep_core::sql::TableName;
use clusterkeep_core::{Error, Result};

use super::domain::{Decision, Detail, Domain, Object, Part, Size};
use super::lifecycle::Lifecycle;
use super::reason::Reason;
use super::steps::Steps;
use crate::model::Rollup;
use crate::observe::{Piece, RollupState, Source};

/// What is planned for one rollup.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    pub(crate) target: TableName,
    pub(crate) every: Every,
    pub(crate) zone: Tz,
    /// The buckets that are made, sorted.
    pub(crate) build: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// The pieces of the source that the rollup can't be checked against any more, and why; sorted.
    pub(crate) blocked: Vec<(DateTime<Utc>, DateTime<Utc>, Reason)>,
}

/// Decides which buckets of the rollups of `source` are made: the complete ones that are missing or out of date.
pub(super) fn plan_rollups(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    now: DateTime<Utc>,
    verdicts: &mut Vec<Verdict<Domain>>,
    steps: &mut Steps,
) -> Result<Vec<Buckets>> {
    let mut planned = Vec::with_capacity(lifecycle.rollups.len());
    for rollup in &lifecycle.rollups {
        // Without it the gate would be missing: an inventory that does not know a rollup is no ground for a plan.
        let state = source.rollups.iter().find(|state| state.target == rollup.target);
        let state = state.ok_or_else(|| Error::failed(format!("the inventory says nothing of `{}`", rollup.target)))?;
        let made_by_this_plan = steps.built(lifecycle.table).to_vec();
        let buckets = plan_rollup(lifecycle, rollup, state, &made_by_this_plan, now);
        if let (Some(first), Some(last)) = (buckets.build.first(), buckets.build.last()) {
            let table = Arc::new(rollup.target.clone());
            let reason =
                Reason::BucketsMissing { buckets: buckets.build.len(), source: Arc::new(lifecycle.table.clone()) };
            let detail = Detail {
                table: Arc::clone(&table),
                partition: None,
                start: Some(first.0),
                end: Some(last.1),
                size: Size::of(None, None),
                policy: lifecycle.policy.about().into(),
            };
            let object = Object { table, part: Part::Whole };
            verdicts.push(Verdict { object, verdict: Decision::Build, reason, detail });
            steps.build(lifecycle, &buckets);
        }
        planned.push(buckets);
    }
    Ok(planned)
}

fn plan_rollup(
    lifecycle: &Lifecycle<'_>,
    rollup: &Rollup,
    state: &RollupState,
    made_by_this_plan: &[(DateTime<Utc>, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Buckets {
    let (every, zone) = (rollup.every, lifecycle.zone_of(rollup));
    let mut buckets = Buckets { target: rollup.target.clone(), every, zone, build: Vec::new(), blocked: Vec::new() };
    let changes = |start: DateTime<Utc>, end: DateTime<Utc>| {
        made_by_this_plan.iter().any(|(from, until)| *from < end && start < *until)
    };
    // Buckets come from what is there, from what was recorded, and from what this very plan will put there.
    let mut starts: Vec<DateTime<Utc>> = Vec::new();
    let pieces = state.now.iter().chain(&state.recorded).map(|piece| piece.start);
    for at in pieces.chain(made_by_this_plan.iter().map(|(start, _)| *start)) {
        if starts.last().is_none_or(|last| *last > at || every.end_of(zone, *last) <= at) {
            starts.push(every.start_of(zone, at));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    for start in starts {
        let end = every.end_of(zone, start);
        if lifecycle.complete(end) > now {
            continue;
        }
        let within = |pieces: &[Piece]| {
            let first = pieces.partition_point(|piece| piece.start < start);
            let last = pieces.partition_point(|piece| piece.start < end);
            first..last
        };
        let there = &state.now[within(&state.now)];
        let recorded = &state.recorded[within(&state.recorded)];
        match compare(rollup, there, recorded) {
            Comparison::Same if state.exists && !changes(start, end) => {}
            Comparison::Same | Comparison::Differs => {
                if there.iter().any(|piece| piece.rows > 0) || changes(start, end) {
                    buckets.build.push((start, end));
                }
            }
            Comparison::Blocked(blocked) => buckets.blocked.extend(blocked),
        }
    }
    buckets.blocked.sort_by_key(|(start, ..)| *start);
    buckets
}

enum Comparison {
    Same,
    Differs,
    Blocked(Vec<(DateTime<Utc>, DateTime<Utc>, Reason)>),
}

/// Holds what a bucket's source is against what it was when the bucket was made.
fn compare(rollup: &Rollup, there: &[Piece], recorded: &[Piece]) -> Comparison {
    if recorded.is_empty() {
        return if there.is_empty() { Comparison::Same } else { Comparison::Differs };
    }
    let find = |pieces: &[Piece], start| pieces.iter().find(|piece| piece.start == start).cloned();
    let any_dropped = recorded.iter().any(|piece| piece.dropped);
    let aligned = there.iter().filter(|piece| piece.rows > 0).all(|piece| find(recorded, piece.start).is_some());
    if !any_dropped && !aligned {
        // The source is cut into other pieces now, or has new ones: only the whole bucket can be compared.
        let sum = |pieces: &[Piece]| pieces.iter().map(|piece| piece.rows).sum::<u64>();
        let (old, new) = (sum(recorded), sum(there));
        let changed = Reason::SourceChanged { rollup: Arc::new(rollup.target.clone()), recorded: old, now: new };
        let (Some(first), Some(last)) = (there.first(), there.last()) else { return Comparison::Differs };
        return if new < old {
            Comparison::Blocked(vec![(first.start, last.end, changed)])
        } else {
            Comparison::Differs
        };
    }
    let mut blocked = Vec::new();
    let mut differs = !aligned;
    for old in recorded {
        let new = find(there, old.start);
        let rows = new.as_ref().map_or(0, |piece| piece.rows);
        if old.dropped {
            if rows > 0 {
                blocked.push((old.start, old.end, Reason::Late { rollup: Arc::new(rollup.target.clone()), rows }));
            }
            continue;
        }
        let values_agree = match (&old.facts, new.as_ref().and_then(|piece| piece.facts.as_ref())) {
            (Some(old), Some(new)) => old.agrees_with(new),
            _ => true,
        };
        if rows == old.rows && values_agree {
            continue;
        }
        differs = true;
        // Rows that vanished without this program are no reason to shrink what was kept of them.
        if rows < old.rows || any_dropped {
            let reason =
                Reason::SourceChanged { rollup: Arc::new(rollup.target.clone()), recorded: old.rows, now: rows };
            blocked.push((old.start, old.end, reason));
        }
    }
    match (blocked.is_empty(), differs) {
        (false, _) => Comparison::Blocked(blocked),
        (true, true) if any_dropped => Comparison::Blocked(late_pieces(rollup, there, recorded)),
        (true, true) => Comparison::Differs,
        (true, false) => Comparison::Same,
    }
}

/// Pieces that appeared beside others that were dropped already: the bucket can't be made again.
fn late_pieces(rollup: &Rollup, there: &[Piece], recorded: &[Piece]) -> Vec<(DateTime<Utc>, DateTime<Utc>, Reason)> {
    there
        .iter()
        .filter(|piece| !recorded.iter().any(|old| old.start == piece.start))
        .map(|piece| {
            (piece.start, piece.end, Reason::Late { rollup: Arc::new(rollup.target.clone()), rows: piece.rows })
        })
        .collect()
}
