//! What a change comes to, one file for each kind of question.

mod access;
mod create;
mod restore;
mod size;
mod upgrade;

use super::domain::{Action, ClusterChange, Decision, Detail, Object};
use super::inventory::Inventory;
use super::model::Change;
use super::reason::Reason;
use crate::cloud::Cluster;
use crate::plan;

pub(super) type Verdict = plan::Verdict<ClusterChange>;

/// What a change comes to: verdicts, and what is done where none of them refuses it.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) action: Option<Action>,
}

impl Decided {
    fn of(verdict: Verdict, action: Action) -> Self {
        Self { verdicts: vec![verdict], action: Some(action) }
    }

    fn nothing(verdict: Verdict) -> Self {
        Self { verdicts: vec![verdict], action: None }
    }
}

/// What `change` comes to.
pub(super) fn decide(change: &Change, inventory: &Inventory) -> Decided {
    if let Change::Create { organization, cluster } = change {
        return create::create(*organization, cluster, inventory);
    }
    let Some(cluster) = &inventory.cluster else { return Decided::default() };
    let mut decided = match change {
        Change::Create { .. } => Decided::default(),
        Change::Delete { .. } => access::delete(cluster, inventory),
        Change::Scale { unit, .. } => size::scale(cluster, *unit, inventory),
        Change::ChangeProduct { product, .. } => size::product_change(cluster, product, inventory),
        Change::ExpandStorage { bytes, .. } => size::storage(cluster, *bytes, inventory),
        Change::Upgrade { version, .. } => upgrade::upgrade(cluster, version, inventory),
        Change::Allow { networks, .. } => access::allow(cluster, networks, inventory),
        Change::Protect { on, .. } => access::protect(cluster, *on),
        Change::Suspend { .. } => access::suspend(cluster),
        Change::Restore { restore, .. } => restore::restore(cluster, restore, inventory),
    };
    if decided.action.is_some() {
        for verdict in &mut decided.verdicts {
            if matches!(verdict.object, Object::Cluster(_)) {
                verdict.detail.waits_for.clone_from(&inventory.running);
            }
        }
    }
    decided
}

/// A verdict on the cluster itself.
fn on(cluster: &Cluster, verdict: Decision, reason: Reason) -> Verdict {
    named(&cluster.name, verdict, reason)
}

fn named(name: &str, verdict: Decision, reason: Reason) -> Verdict {
    let object = Object::Cluster(name.to_owned());
    Verdict { object, verdict, reason, detail: Detail::default() }
}

/// The same verdict with what it was and what it becomes.
fn between(mut verdict: Verdict, from: Option<String>, to: impl Into<String>) -> Verdict {
    (verdict.detail.from, verdict.detail.to) = (from, Some(to.into()));
    verdict
}

/// The same verdict with what it costs.
fn priced(mut verdict: Verdict, inventory: &Inventory) -> Verdict {
    (verdict.detail.month_now, verdict.detail.month_then) = (inventory.price_now, inventory.price_then);
    verdict
}

/// The product of a cluster in words, such as `cr1/default, unit 0`.
fn product_of(cluster: &Cluster) -> Option<String> {
    let name = cluster.product_name.as_deref()?;
    let tier = cluster.product_tier.as_deref().map_or_else(String::new, |tier| format!("/{tier}"));
    Some(format!("{name}{tier}"))
}
