//! What goes and why: pure, total and deterministic, whatever the order of the inventory.
//!
//! No I/O, no clock, no randomness: a plan is a function of the manifest, the inventory and `now`.

mod cutoff;
mod domain;
mod guards;
mod rollups;
mod steps;
mod verdicts;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Plan, PlanHasher};
use clusterkeep_core::{Error, Result};

pub use cutoff::{Cutoff, cutoffs};
pub use domain::{Action, Decision, Detail, Domain, Object, Part, Reason};
pub(crate) use rollups::{Lifecycle, lifecycles};

use crate::model::Manifest;
use crate::observe::Inventory;

/// What part of a manifest is planned: everything by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only intervals that begin at or after this instant go.
    pub from: Option<DateTime<Utc>>,
    /// Only intervals that end at or before this instant go.
    pub until: Option<DateTime<Utc>>,
}

/// Plans `manifest` against what is there, as of `now`.
///
/// # Errors
///
/// A manifest that breaks a rule, and an age that leads out of the calendar.
pub fn plan(
    manifest: &Manifest,
    inventory: &Inventory,
    now: DateTime<Utc>,
    selection: &Selection,
) -> Result<Plan<Domain>> {
    manifest.check()?;
    let mut hasher = PlanHasher::new("retention");
    let model = serde_json::to_vec(manifest).map_err(|e| Error::caused("write the manifest as JSON", e))?;
    hasher.bytes(&model);
    for bound in [selection.from, selection.until] {
        hasher.optional(bound, |hasher, at| {
            hasher.instant(at);
        });
    }
    let mut verdicts = Vec::with_capacity(inventory.sources.iter().map(|source| source.partitions.len() + 1).sum());
    let mut steps = steps::Steps::new(hasher);
    // What is made comes first, of all tables: what goes rests on it.
    let mut planned = Vec::new();
    for lifecycle in lifecycles(manifest) {
        let Some(source) = inventory.sources.iter().find(|source| source.table == *lifecycle.table) else { continue };
        let cutoff = lifecycle.cutoff(now)?;
        steps.cutoff(&lifecycle, cutoff);
        let built = rollups::plan_rollups(&lifecycle, source, now, &mut verdicts, &mut steps)?;
        planned.push((lifecycle, source, cutoff, built));
    }
    let behind = inventory.last_applied.filter(|last| now < *last);
    for (lifecycle, source, cutoff, built) in planned {
        let first = verdicts.len();
        verdicts::decide(&lifecycle, source, verdicts::Times { now, cutoff }, selection, &built, &mut verdicts);
        guards::apply(&lifecycle, source, behind, &mut verdicts[first..]);
        steps.drops(&lifecycle, source, &verdicts[first..]);
    }
    let (steps, hash) = steps.finish();
    Ok(Plan { kind: "retention", as_of: now, zone: manifest.shown_zone(), hash, verdicts, steps })
}
