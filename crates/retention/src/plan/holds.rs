//! Holds: what somebody keeps, whatever the policies say.
//!
//! A hold on a part of a partition keeps all of it. One that has expired keeps for the run that finds that out, too, so
//! that its end alone never destroys anything.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Class, Decide, Verdict};
use clusterkeep_core::sql::TableName;

use super::domain::{Decision, Domain};
use super::lifecycle::Lifecycle;
use super::reason::{Held, Reason};
use crate::model::{Hold, KnownTable};
use crate::observe::Inventory;

/// Turns what would go among `verdicts` into what stays, where a hold is on it.
pub(super) fn apply(
    lifecycle: &Lifecycle<'_>,
    inventory: &Inventory,
    now: DateTime<Utc>,
    verdicts: &mut [Verdict<Domain>],
) {
    let about = |hold: &&Hold| hold.holds_at(now) && about(hold, lifecycle, &inventory.tables);
    let mut holds: Vec<&Hold> = inventory.holds.iter().filter(about).collect();
    // The one that lasts longest gives the reason, whatever order they were read in.
    holds.sort_by_key(|hold| (hold.expires_at.is_some(), std::cmp::Reverse(hold.expires_at), hold.id.clone()));
    if holds.is_empty() {
        return;
    }
    for verdict in verdicts {
        // What is held is not touched, not even where that would keep all of it.
        if verdict.verdict.class() != Class::Act || verdict.verdict == Decision::Build {
            continue;
        }
        let (start, end) = (verdict.detail.start, verdict.detail.end);
        if let Some(hold) = holds.iter().find(|hold| overlaps(hold, start, end)) {
            verdict.verdict = Decision::Keep;
            verdict.reason = reason(hold, now);
        }
    }
}

/// The first of `holds` that is on something of a table between two instants; one without an end reaches for ever.
pub(crate) fn on<'h>(
    holds: &'h [Hold],
    lifecycle: &Lifecycle<'_>,
    tables: &[KnownTable],
    now: DateTime<Utc>,
    (start, end): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Option<&'h Hold> {
    let mut holds = holds.iter().filter(|hold| hold.holds_at(now) && about(hold, lifecycle, tables));
    holds.find(|hold| overlaps(hold, start, end))
}

fn overlaps(hold: &Hold, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> bool {
    hold.scope.from.is_none_or(|from| end.is_none_or(|end| from < end))
        && hold.scope.until.is_none_or(|until| start.is_none_or(|start| start < until))
}

fn about(hold: &Hold, lifecycle: &Lifecycle<'_>, tables: &[KnownTable]) -> bool {
    let scope = &hold.scope;
    // With its schema or without: whoever placed the hold may have written the table in another way than the policy.
    let is_it = |table: &TableName| {
        table == lifecycle.table || tables.iter().any(|known| known.is(table) && known.is(lifecycle.table))
    };
    scope.table.as_ref().is_none_or(is_it) && scope.tag.as_ref().is_none_or(|tag| lifecycle.of.tags.contains(tag))
}

fn reason(hold: &Hold, now: DateTime<Utc>) -> Reason {
    match hold.expires_at {
        Some(at) if hold.expired_at(now) => Reason::HoldExpired { id: hold.id.as_str().into(), at },
        until => Reason::Held(Arc::new(Held {
            id: hold.id.clone(),
            owner: hold.owner.clone(),
            why: hold.reason.clone(),
            until,
        })),
    }
}
