//! A snapshot that comes back.

use super::{Decided, Verdict, on};
use crate::change::domain::{Action, Decision, Detail, Object};
use crate::change::inventory::Inventory;
use crate::change::reason::Reason;
use crate::cloud::{Cluster, Restore, RestoreWhat, Snapshot};

pub(super) fn restore(cluster: &Cluster, restore: &Restore, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(on(cluster, Decision::Refuse, reason));
    if cluster.is_suspended() {
        return refuse(Reason::Suspended);
    }
    if is_elsewhere(inventory) {
        return refuse(Reason::Elsewhere);
    }
    let is_meant = |one: &&Snapshot| {
        one.snapshot.as_deref() == Some(&restore.snapshot) && one.repository.as_deref() == Some(&restore.repository)
    };
    let Some(snapshot) = inventory.snapshots.iter().find(is_meant) else { return refuse(Reason::NoSnapshot) };
    let action =
        Action::Restore { name: cluster.name.clone(), cluster: cluster.id, snapshot: restore.snapshot.clone() };
    let created = snapshot.created;
    let table = |name: &String| {
        let known = snapshot.tables.contains(name);
        let (verdict, reason) = match known {
            true => (Decision::Restore, Reason::InSnapshot { created }),
            false => (Decision::Refuse, Reason::NotInSnapshot),
        };
        Verdict { object: Object::Table(name.clone()), verdict, reason, detail: Detail::default() }
    };
    let whole =
        |what: String| Decided::of(on(cluster, Decision::Restore, Reason::Snapshot { created, what }), action.clone());
    match &restore.what {
        RestoreWhat::Tables(names) => {
            let names = if names.is_empty() { &snapshot.tables } else { names };
            if names.is_empty() {
                return whole("all tables".to_owned());
            }
            let mut verdicts: Vec<Verdict> = names.iter().map(table).collect();
            verdicts.push(on(cluster, Decision::Restore, Reason::Snapshot { created, what: "tables".to_owned() }));
            Decided { verdicts, action: Some(action) }
        }
        RestoreWhat::All => whole("everything".to_owned()),
        RestoreWhat::Metadata => whole("views, users, privileges, analyzers and functions".to_owned()),
        RestoreWhat::Sections(sections) => whole(sections.join(", ")),
    }
}

/// Whether the snapshot is of a cluster that is known to be in another organization or region.
fn is_elsewhere(inventory: &Inventory) -> bool {
    let (Some(here), Some(there)) = (&inventory.project, &inventory.source_project) else { return false };
    let differ = |a: Option<&str>, b: Option<&str>| a.zip(b).is_some_and(|(a, b)| a != b);
    here.organization_id.zip(there.organization_id).is_some_and(|(a, b)| a != b)
        || differ(here.region.as_deref(), there.region.as_deref())
}
