//! Who may reach a cluster, whether it runs, whether it may go, and its end.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Decided, Verdict, between, on};
use crate::change::domain::{Action, Decision, Detail, Object};
use crate::change::inventory::Inventory;
use crate::change::reason::Reason;
use crate::cloud::{Cidr, Cluster};

pub(super) fn delete(cluster: &Cluster, inventory: &Inventory) -> Decided {
    if cluster.deletion_protected == Some(true) {
        return Decided::nothing(on(cluster, Decision::Refuse, Reason::Protected));
    }
    let disks = cluster.hardware_specs.as_ref().and_then(|specs| specs.disks_per_node).unwrap_or(1);
    let nodes = cluster.num_nodes.map(|nodes| u64::from(nodes) * u64::from(disks.max(1)));
    let newest = inventory.snapshots.iter().max_by_key(|snapshot| snapshot.created);
    let reason = Reason::DeletesAll {
        bytes: cluster.storage_bytes().zip(nodes).map(|(bytes, nodes)| bytes.saturating_mul(nodes)),
        backups: inventory.snapshots.len() as u64,
        newest: newest.and_then(|snapshot| snapshot.created),
        tables: newest.map(|snapshot| snapshot.tables.len() as u64),
    };
    let mut verdict = on(cluster, Decision::Delete, reason);
    verdict.detail.month_now = inventory.price_now;
    Decided::of(verdict, Action::Delete { name: cluster.name.clone(), cluster: cluster.id })
}

pub(super) fn protect(cluster: &Cluster, wanted: bool) -> Decided {
    if cluster.deletion_protected.unwrap_or(false) == wanted {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    let reason = if wanted { Reason::Guards } else { Reason::Unguards };
    let text = |on: bool| if on { "protected" } else { "not protected" };
    let verdict = between(on(cluster, Decision::Change, reason), Some(text(!wanted).to_owned()), text(wanted));
    Decided::of(verdict, Action::Protect { name: cluster.name.clone(), cluster: cluster.id, on: wanted })
}

pub(super) fn suspend(cluster: &Cluster) -> Decided {
    if cluster.is_suspended() {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    if cluster.allow_suspend == Some(false) {
        let product = cluster.product_name.clone().unwrap_or_else(|| "of it".to_owned());
        return Decided::nothing(on(cluster, Decision::Refuse, Reason::NeverSleeps { product }));
    }
    let verdict = between(on(cluster, Decision::Change, Reason::Sleeps), Some("running".to_owned()), "suspended");
    Decided::of(verdict, Action::Suspend { name: cluster.name.clone(), cluster: cluster.id })
}

pub(super) fn allow(cluster: &Cluster, networks: &[Cidr], inventory: &Inventory) -> Decided {
    // Names are compared as the service writes them, and read where it writes them otherwise.
    let normal = |text: &str| text.parse::<Cidr>().map_or_else(|_| text.to_owned(), |cidr| cidr.to_string());
    let there: BTreeSet<String> = cluster.ip_whitelist.iter().map(|entry| normal(&entry.cidr)).collect();
    let wanted: BTreeSet<String> = networks.iter().map(ToString::to_string).collect();
    if there == wanted {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    let holds = |list: &BTreeSet<String>, own: IpAddr| {
        list.iter().any(|one| one.parse::<Cidr>().is_ok_and(|cidr| cidr.contains(own)))
    };
    let open = networks.is_empty() || networks.iter().any(Cidr::is_everything);
    let shut_out = inventory.own_address.filter(|own| !open && !holds(&wanted, *own));
    let reason = if open { Reason::OpensToAll } else { Reason::Restricts { locks_out: shut_out } };
    let text = |list: &BTreeSet<String>| match list.len() {
        0 => "open to everyone".to_owned(),
        1 => "1 network".to_owned(),
        n => format!("{n} networks"),
    };
    let mut verdicts = vec![between(on(cluster, Decision::Change, reason), Some(text(&there)), text(&wanted))];
    for network in there.union(&wanted) {
        let (decision, reason) = match (there.contains(network), wanted.contains(network)) {
            (true, true) => (Decision::Keep, Reason::StaysIn),
            (false, _) => (Decision::Add, Reason::LetIn),
            (true, false) => {
                let is_in = |own: &IpAddr| network.parse::<Cidr>().is_ok_and(|cidr| cidr.contains(*own));
                (Decision::Remove, Reason::ShutOut { own: shut_out.filter(is_in) })
            }
        };
        let object = Object::Network(network.clone());
        verdicts.push(Verdict { object, verdict: decision, reason, detail: Detail::default() });
    }
    let networks = wanted.into_iter().collect();
    Decided { verdicts, action: Some(Action::Allow { name: cluster.name.clone(), cluster: cluster.id, networks }) }
}
