//! Guard rails: what would go and may not.
//!
//! A guard refuses per table: none of its partitions goes then, and other tables are not touched by it.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Verdict;

use super::domain::{Decision, Domain, Reason, ShareUnit};
use super::rollups::Lifecycle;
use crate::observe::Source;

/// Turns the drops among `verdicts` into refusals where a guard of the table stops them.
pub(super) fn apply(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    behind: Option<DateTime<Utc>>,
    verdicts: &mut [Verdict<Domain>],
) {
    let clock = behind.map(|last_applied| Reason::ClockBehind { last_applied });
    // A partition that is dropped whole sets nothing off; the engine itself refuses where others refer to it.
    let deletes = !source.native && !source.side_effects.is_empty();
    let side_effects = deletes.then(|| Reason::SideEffects { what: source.side_effects.clone() });
    let reason = clock.or(side_effects).or_else(|| share(lifecycle, source, verdicts));
    let Some(reason) = reason else { return };
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.verdict == Decision::Drop) {
        verdict.verdict = Decision::Refuse;
        verdict.reason = reason.clone();
    }
}

/// The share of the table that would be gone within 24 hours, where it is more than the guard allows.
fn share(lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) -> Option<Reason> {
    let drops = || verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    let partitions = drops().count() as u64 + source.removed.partitions;
    // One partition always may go: the share of a table that has few would never allow it.
    if drops().next().is_none() || partitions <= 1 {
        return None;
    }
    let all = verdicts.iter().map(|verdict| verdict.detail.rows).sum::<Option<u64>>();
    let going = drops().map(|verdict| verdict.detail.rows).sum::<Option<u64>>();
    let counted = all.zip(going);
    let (part, whole, unit) = match counted {
        Some((all, going)) => (going + source.removed.rows, all + source.removed.rows, ShareUnit::Rows),
        None => (partitions, verdicts.len() as u64 + source.removed.partitions, ShareUnit::Partitions),
    };
    let allowed = lifecycle.guard.max_share;
    (!allowed.allows(part, whole)).then_some(Reason::ShareExceeded { part, whole, unit, allowed })
}
