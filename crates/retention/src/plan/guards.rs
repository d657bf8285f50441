//! Guard rails: what would go and may not.
//!
//! A guard refuses per table: none of its partitions goes then, and other tables are not touched by it.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::plan::{Class, Decide, Verdict};

use super::Selection;
use super::domain::{Decision, Domain};
use super::lifecycle::Lifecycle;
use super::reason::{Reason, ShareUnit};
use crate::observe::{Inventory, Obstacle, Source};

/// How far the clocks of this machine and of the server may be apart.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);

/// What concerns all tables.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    inventory: &'a Inventory,
    unattended: bool,
    clock: Option<Reason>,
}

impl<'a> Checks<'a> {
    pub(super) fn of(inventory: &'a Inventory, selection: &Selection, now: DateTime<Utc>) -> Self {
        let behind = inventory.last_applied.filter(|last| now < *last);
        let behind = behind.map(|last_applied| Reason::ClockBehind { last_applied });
        let apart = inventory.clock_ahead.filter(|ahead| ahead.abs() > CLOCKS);
        let apart = apart.map(|ahead| Reason::ClocksDiffer { ahead_ms: ahead.num_milliseconds() });
        Self { inventory, unattended: selection.unattended, clock: behind.or(apart) }
    }

    /// Whether the table was matched by a pattern since somebody last looked.
    fn newly_matched(&self, lifecycle: &Lifecycle<'_>) -> bool {
        let unknown = match &self.inventory.acknowledged {
            Some(known) => !known.contains(&lifecycle.of.table),
            // The first plan of a manifest is looked at by a person, who acknowledges what it names.
            None => self.unattended,
        };
        lifecycle.of.by_selector && unknown
    }
}

/// Turns what goes among `verdicts` into refusals where a guard of the table stops it.
pub(super) fn apply(lifecycle: &Lifecycle<'_>, source: &Source, checks: &Checks<'_>, verdicts: &mut [Verdict<Domain>]) {
    let whatever = checks
        .clock
        .clone()
        .or_else(|| obstacle(source))
        .or_else(|| checks.newly_matched(lifecycle).then_some(Reason::NewlyMatched));
    let going = whatever
        .clone()
        .or_else(|| side_effects(lifecycle, source))
        .or_else(|| share(lifecycle, source, verdicts))
        .or_else(|| caps(lifecycle, source, verdicts));
    for verdict in verdicts {
        // How much goes is no reason against changing how something is kept.
        let reason = if goes(verdict) { &going } else { &whatever };
        if let Some(reason) = reason
            && verdict.verdict.class() == Class::Act
            && verdict.verdict != Decision::Build
        {
            verdict.verdict = Decision::Refuse;
            verdict.reason = reason.clone();
        }
    }
}

/// The same for copies of partitions, which go for themselves.
pub(super) fn apply_to_archives(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    checks: &Checks<'_>,
    verdicts: &mut [Verdict<Domain>],
) {
    let reason = checks
        .clock
        .clone()
        .or_else(|| checks.newly_matched(lifecycle).then_some(Reason::NewlyMatched))
        .or_else(|| super::expiry::share(lifecycle, source, verdicts));
    let Some(reason) = reason else { return };
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.verdict == Decision::Remove) {
        verdict.verdict = Decision::Refuse;
        verdict.reason = reason.clone();
    }
}

fn goes(verdict: &Verdict<Domain>) -> bool {
    matches!(verdict.verdict, Decision::Drop | Decision::Detach | Decision::Merge)
}

fn obstacle(source: &Source) -> Option<Reason> {
    source.obstacle.as_ref().map(|obstacle| match obstacle {
        Obstacle::BadServer { what } => Reason::BadServer { what: what.clone() },
        Obstacle::NoIndex => Reason::NoIndex,
        Obstacle::NoTransactions { engine } => Reason::NoTransactions { engine: engine.clone() },
    })
}

/// What deleting rows would set off and the policy does not allow by name.
fn side_effects(lifecycle: &Lifecycle<'_>, source: &Source) -> Option<Reason> {
    // A partition that is dropped whole sets nothing off; the engine itself refuses where others refer to it.
    if source.native {
        return None;
    }
    let what: Vec<_> =
        source.side_effects.iter().filter(|what| !lifecycle.guard.allow.contains(what)).cloned().collect();
    (!what.is_empty()).then_some(Reason::SideEffects { what })
}

fn drops(verdicts: &[Verdict<Domain>]) -> impl Iterator<Item = &Verdict<Domain>> {
    verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop)
}

/// The share of the table that would be gone within 24 hours, where it is more than the guard allows.
fn share(lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) -> Option<Reason> {
    let partitions = drops(verdicts).count() as u64 + source.removed.partitions;
    // One partition always may go: the share of a table that has few would never allow it.
    if drops(verdicts).next().is_none() || partitions <= 1 {
        return None;
    }
    let all = verdicts.iter().map(|verdict| verdict.detail.rows()).sum::<Option<u64>>();
    let going = drops(verdicts).map(|verdict| verdict.detail.rows()).sum::<Option<u64>>();
    let counted = all.zip(going);
    let (part, whole, unit) = match counted {
        Some((all, going)) => (going + source.removed.rows, all + source.removed.rows, ShareUnit::Rows),
        None => (partitions, verdicts.len() as u64 + source.removed.partitions, ShareUnit::Partitions),
    };
    let allowed = lifecycle.guard.max_share;
    (!allowed.allows(part, whole)).then_some(Reason::ShareExceeded { part, whole, unit, allowed })
}

/// The limits in rows, partitions and bytes; what can't be measured can't be within one.
fn caps(lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) -> Option<Reason> {
    drops(verdicts).next()?;
    let guard = lifecycle.guard;
    if let Some(allowed) = guard.max_rows {
        let Some(rows) = drops(verdicts).map(|verdict| verdict.detail.rows()).sum::<Option<u64>>() else {
            return Some(Reason::NotMeasured { unit: ShareUnit::Rows });
        };
        let count = rows + source.removed.rows;
        if count > allowed {
            return Some(Reason::CapExceeded { count, unit: ShareUnit::Rows, allowed });
        }
    }
    if let Some(allowed) = guard.max_partitions {
        let count = drops(verdicts).count() as u64 + source.removed.partitions;
        if count > allowed {
            return Some(Reason::CapExceeded { count, unit: ShareUnit::Partitions, allowed });
        }
    }
    if let Some(allowed) = guard.max_bytes {
        let Some(bytes) = drops(verdicts).map(|verdict| verdict.detail.bytes()).sum::<Option<u64>>() else {
            return Some(Reason::NotMeasured { unit: ShareUnit::Bytes });
        };
        let bytes = bytes + source.removed.bytes;
        if bytes > allowed.0 {
            return Some(Reason::BytesExceeded { bytes, allowed });
        }
    }
    None
}
