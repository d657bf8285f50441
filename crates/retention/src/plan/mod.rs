//! What goes and why: pure, total and deterministic, whatever the order of the inventory.
//!
//! No I/O, no clock, no randomness: a plan is a function of the manifest, the inventory and `now`.

mod changes;
mod cutoff;
mod domain;
mod due;
mod estimate;
mod expiry;
mod guards;
mod holds;
mod lifecycle;
mod reason;
mod rollups;
mod steps;
mod verdicts;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Plan, PlanHasher};
use clusterkeep_core::sql::TableName;
use clusterkeep_core::{Error, Result};

pub use cutoff::{Cutoff, cutoffs};
pub use domain::{Action, Build, Decision, Detail, Domain, Object, Part, Size};
pub use due::Due;
pub(crate) use estimate::estimate;
pub(crate) use holds::on as held;
pub(crate) use lifecycle::{Lifecycle, lifecycles};
pub use reason::{Held, Reason, ShareUnit};

use crate::model::{Manifest, TablePolicy, Tag, resolve};
use crate::observe::Inventory;

/// What part of a manifest is planned: everything by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only intervals that begin at or after this instant go.
    pub from: Option<DateTime<Utc>>,
    /// Only intervals that end at or before this instant go.
    pub until: Option<DateTime<Utc>>,
    /// Only these tables; all of the manifest, where none is named.
    pub tables: Vec<TableName>,
    /// Only tables that have all of these tags.
    pub tags: Vec<Tag>,
    /// Whether a schedule asks, and not a person: what nobody has ever acknowledged is refused then.
    pub unattended: bool,
}

impl Selection {
    /// The policies that are planned: those of the selected tables.
    ///
    /// # Errors
    ///
    /// The selection matches nothing.
    pub fn of(&self, policies: Vec<TablePolicy>) -> Result<Vec<TablePolicy>> {
        let named = |policy: &TablePolicy| {
            self.tables.is_empty()
                || self.tables.iter().any(|table| {
                    policy.table == *table || policy.policy.rollups().any(|rollup| rollup.target == *table)
                })
        };
        let chosen: Vec<_> = policies
            .into_iter()
            .filter(|policy| named(policy) && self.tags.iter().all(|tag| policy.tags.contains(tag)))
            .collect();
        if chosen.is_empty() {
            let tables = self.tables.iter().map(|table| format!("table `{table}`"));
            let wanted: Vec<_> = tables.chain(self.tags.iter().map(|tag| format!("tag `{tag}`"))).collect();
            return Err(Error::input(format!("no policy is about {}", wanted.join(" and ")))
                .with_hint("a selection that matches nothing is taken for a mistake"));
        }
        Ok(chosen)
    }
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
    let policies = selection.of(resolve(manifest, &inventory.tables)?)?;
    let mut verdicts = Vec::with_capacity(inventory.sources.iter().map(|source| source.partitions.len() + 1).sum());
    let mut steps = steps::Steps::new(hasher);
    // What is made comes first, of all tables: what goes rests on it.
    let mut planned = Vec::new();
    for lifecycle in lifecycles(&policies) {
        let Some(source) = inventory.sources.iter().find(|source| source.table == *lifecycle.table) else { continue };
        let cutoffs = verdicts::Times { now, drop: lifecycle.cutoff(now)?, detach: lifecycle.detach_cutoff(now)? };
        steps.cutoffs(&lifecycle, cutoffs);
        let built = rollups::plan_rollups(&lifecycle, source, now, &mut verdicts, &mut steps)?;
        planned.push((lifecycle, source, cutoffs, built));
    }
    let mut room = changes::Room::of(&inventory.places);
    let checks = guards::Checks::of(inventory, selection, now);
    for (lifecycle, source, times, built) in planned {
        let first = verdicts.len();
        verdicts::decide(&lifecycle, source, times, selection, &built, &mut verdicts);
        changes::decide(&lifecycle, source, &inventory.places, now, selection, &mut verdicts[first..])?;
        holds::apply(&lifecycle, inventory, now, &mut verdicts[first..]);
        guards::apply(&lifecycle, source, &checks, &mut verdicts[first..]);
        changes::check_places(&lifecycle, source, &mut room, &mut verdicts[first..]);
        steps.changes(&lifecycle, &verdicts[first..]);
        steps.drops(&lifecycle, source, &verdicts[first..]);
        let first = verdicts.len();
        expiry::decide(&lifecycle, source, now, &mut verdicts)?;
        holds::apply(&lifecycle, inventory, now, &mut verdicts[first..]);
        guards::apply_to_archives(&lifecycle, source, &checks, &mut verdicts[first..]);
        changes::check_places(&lifecycle, source, &mut room, &mut verdicts[first..]);
        steps.expire(&lifecycle, &verdicts[first..]);
    }
    let (steps, hash) = steps.finish();
    Ok(Plan { kind: "retention", as_of: now, zone: manifest.shown_zone(), hash, verdicts, steps })
}
