//! Which copies of partitions are old enough to be removed, where a policy says how long they are kept.
//!
//! A copy goes by the end of what is in it, like the data itself; holds and the share that may go within 24 hours count
//! for copies, too.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::plan::Verdict;

use super::domain::{Action, Decision, Detail, Domain, Object, Part, Size};
use super::lifecycle::Lifecycle;
use super::reason::{Reason, ShareUnit};
use super::steps::Steps;
use crate::model::Keep;
use crate::observe::{Archive, Source};

/// What ended at or before this is kept in no archive any more; `None` where archives are kept for ever.
pub(super) fn cutoff(lifecycle: &Lifecycle<'_>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let tier = lifecycle.policy.archive().filter(|_| lifecycle.rolled.is_none());
    match tier.and_then(|tier| tier.keep) {
        Some(Keep::For(age)) => age.before(now, lifecycle.zone).map(Some),
        Some(Keep::Forever) | None => Ok(None),
    }
}

/// Decides on each archive of a table, the oldest first; on none where they are kept for ever.
pub(super) fn decide(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    now: DateTime<Utc>,
    verdicts: &mut Vec<Verdict<Domain>>,
) -> Result<()> {
    let Some(cutoff) = cutoff(lifecycle, now)? else { return Ok(()) };
    let newest = lifecycle.policy.archive().and_then(|tier| tier.keep_newest).map_or(0, |n| n.get() as usize);
    let table = Arc::new(lifecycle.table.clone());
    let policy: Arc<String> = lifecycle.policy.about().into();
    let mut archives: Vec<&Archive> = source.archives.iter().collect();
    archives.sort_by(|a, b| (a.end, a.archived_at, &a.snapshot).cmp(&(b.end, b.archived_at, &b.snapshot)));
    // What is recorded and not there any more keeps nothing.
    let there = archives.iter().rev().filter(|archive| archive.listed != Some(false));
    let stay: BTreeSet<_> = there.take(newest).map(|archive| (&archive.repository, &archive.snapshot)).collect();
    for archive in archives {
        let (verdict, reason) = if archive.end > cutoff {
            (Decision::Keep, Reason::ArchiveKept { cutoff })
        } else if stay.contains(&(&archive.repository, &archive.snapshot)) {
            (Decision::Keep, Reason::NewestArchive)
        } else {
            (Decision::Remove, Reason::ArchiveExpired { cutoff })
        };
        let place = Arc::new((archive.repository.clone(), archive.snapshot.clone()));
        verdicts.push(Verdict {
            object: Object { table: Arc::clone(&table), part: Part::Archive(place) },
            verdict,
            reason,
            detail: Detail {
                table: Arc::clone(&table),
                partition: None,
                start: archive.start,
                end: Some(archive.end),
                size: Size::of(Some(archive.rows), None),
                policy: Arc::clone(&policy),
            },
        });
    }
    Ok(())
}

/// Why none of the archives may go: more would within 24 hours than the guard allows.
pub(super) fn share(lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) -> Option<Reason> {
    let going = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Remove).count() as u64;
    let (part, whole) = (going + source.removed_archives, verdicts.len() as u64 + source.removed_archives);
    let allowed = lifecycle.guard.max_share;
    let refused = going > 0 && part > 1 && !allowed.allows(part, whole);
    refused.then_some(Reason::ShareExceeded { part, whole, unit: ShareUnit::Archives, allowed })
}

impl Steps {
    /// Adds the steps that remove archives.
    pub(super) fn expire(&mut self, lifecycle: &Lifecycle<'_>, verdicts: &[Verdict<Domain>]) {
        let table = Arc::new(lifecycle.table.clone());
        for verdict in verdicts.iter().filter(|verdict| verdict.verdict == Decision::Remove) {
            let Part::Archive(place) = &verdict.object.part else { continue };
            self.hasher.text("remove archive").text(&place.0).text(&place.1);
            self.fact(verdict);
            let action = Action::RemoveArchive { table: Arc::clone(&table), place: Arc::clone(place) };
            self.push(action, vec![verdict.object.clone()], Vec::new());
        }
    }
}
