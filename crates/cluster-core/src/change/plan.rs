//! The plan of a change: pure, total and deterministic.

use chrono::{DateTime, Utc};

use super::decide::{Decided, decide};
use super::domain::{ClusterChange, Object};
use super::inventory::Inventory;
use super::model::Change;
use crate::error::Result;
use crate::plan::{Class, Decide, Domain, Plan, PlanHasher, Step, StepId};

/// Plans `change` against what is there, as of `now`.
///
/// # Errors
///
/// A change that makes no sense whatever is there.
pub fn plan(change: &Change, inventory: &Inventory, now: DateTime<Utc>) -> Result<Plan<ClusterChange>> {
    change.check()?;
    let Decided { mut verdicts, action } = decide(change, inventory);
    verdicts.sort_by(|a, b| a.object.cmp(&b.object));
    let refused = verdicts.iter().any(|verdict| verdict.verdict.class() == Class::Refuse);
    let is_done = |object: &&super::decide::Verdict| object.verdict.class() == Class::Act;
    let objects: Vec<Object> = verdicts.iter().filter(is_done).map(|verdict| verdict.object.clone()).collect();
    let mut steps = Vec::new();
    // One call does it all: where a part of it is refused nothing is called.
    if let Some(action) = action.filter(|_| !refused && !objects.is_empty()) {
        steps.push(Step { id: StepId(1), action, objects, needs: Vec::new(), sql: None });
    }
    let mut hasher = PlanHasher::new(ClusterChange::KIND);
    change.feed(&mut hasher);
    feed(&mut hasher, change, inventory);
    for verdict in verdicts.iter().filter(is_done) {
        hasher.text(&verdict.object.to_string()).text(&verdict.verdict.to_string());
        for text in [&verdict.detail.from, &verdict.detail.to] {
            hasher.optional(text.as_ref(), |hasher, text| {
                hasher.text(text);
            });
        }
        // Who approved a price did not approve another.
        hasher.optional(verdict.detail.month_then, |hasher, price| {
            hasher.number(price.to_bits());
        });
    }
    hasher.number(steps.len() as u64);
    Ok(Plan { kind: ClusterChange::KIND, as_of: now, zone: chrono_tz::Tz::UTC, hash: hasher.finish(), verdicts, steps })
}

/// What the change rests on, exactly.
fn feed(hasher: &mut PlanHasher, change: &Change, inventory: &Inventory) {
    hasher.optional(inventory.cluster.as_ref(), |hasher, cluster| {
        hasher.bytes(cluster.id.as_bytes()).text(&cluster.name);
        hasher.optional(cluster.project_id, |hasher, project| {
            hasher.bytes(project.as_bytes());
        });
        let mut text = |text: Option<&str>| {
            hasher.optional(text, |hasher, text| {
                hasher.text(text);
            });
        };
        match change {
            Change::Create { .. } => {}
            // Somebody who resumed it since may be using it.
            Change::Delete { .. } | Change::Suspend { .. } => {
                text(Some(if cluster.is_suspended() { "suspended" } else { "running" }));
                text(cluster.deletion_protected.map(|on| if on { "protected" } else { "not protected" }));
            }
            Change::Scale { .. } | Change::ChangeProduct { .. } => {
                text(cluster.product_name.as_deref());
                text(cluster.product_unit.map(|unit| unit.to_string()).as_deref());
                text(cluster.num_nodes.map(|nodes| nodes.to_string()).as_deref());
            }
            Change::Upgrade { .. } => {
                text(cluster.crate_version.as_deref());
                text(cluster.channel.as_ref().map(|channel| channel.as_str()));
            }
            Change::ExpandStorage { .. } => {
                text(cluster.product_name.as_deref());
                text(cluster.storage_bytes().map(|bytes| bytes.to_string()).as_deref());
            }
            Change::Allow { .. } => {
                let mut list: Vec<&str> = cluster.ip_whitelist.iter().map(|entry| entry.cidr.as_str()).collect();
                list.sort_unstable();
                text(Some(&list.join(" ")));
            }
            Change::Protect { .. } => {
                text(cluster.deletion_protected.map(|on| if on { "protected" } else { "not protected" }));
            }
            Change::Restore { restore, .. } => {
                let snapshot = inventory.snapshots.iter().find(|one| {
                    one.snapshot.as_deref() == Some(&restore.snapshot)
                        && one.repository.as_deref() == Some(&restore.repository)
                });
                let mut tables: Vec<&str> =
                    snapshot.map_or_else(Vec::new, |found| found.tables.iter().map(String::as_str).collect());
                tables.sort_unstable();
                text(Some(&tables.join("\n")));
            }
        }
    });
}
