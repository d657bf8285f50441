//! More or fewer nodes, other nodes, larger disks.

use super::create::nodes_text;
use super::{Decided, between, on, priced, product_of};
use crate::change::domain::{Action, Decision};
use crate::change::inventory::Inventory;
use crate::change::reason::Reason;
use crate::cloud::{Cluster, Product};
use crate::plan::show::size;

pub(super) fn scale(cluster: &Cluster, unit: u32, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(on(cluster, Decision::Refuse, reason));
    if cluster.product_unit == Some(unit) {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    if cluster.is_suspended() {
        return refuse(Reason::Suspended);
    }
    let product = product(cluster, inventory);
    let units: Vec<u32> = product.iter().flat_map(|it| &it.scaling).filter_map(|step| step.value).collect();
    if !units.is_empty() && !units.contains(&unit) {
        return refuse(Reason::NoUnit { unit, units });
    }
    let nodes_of = |unit| product?.scaling.iter().find(|step| step.value == unit)?.nodes;
    let (now, then) = (cluster.num_nodes.or_else(|| nodes_of(cluster.product_unit)), nodes_of(Some(unit)));
    let reason = match (now, then) {
        (Some(now), Some(then)) if then > now => Reason::MoreNodes,
        (Some(now), Some(then)) if then < now => Reason::FewerNodes,
        _ => Reason::OtherNodes,
    };
    let text = |unit: Option<u32>, nodes: Option<u32>| {
        let nodes = nodes.map(nodes_text);
        let unit = unit.map(|unit| format!("unit {unit}"));
        [nodes, unit].into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    let from = Some(text(cluster.product_unit, now)).filter(|text| !text.is_empty());
    let verdict = between(on(cluster, Decision::Change, reason), from, text(Some(unit), then));
    Decided::of(priced(verdict, inventory), Action::Scale { name: cluster.name.clone(), cluster: cluster.id, unit })
}

/// The product that the cluster is of.
fn product<'a>(cluster: &Cluster, inventory: &'a Inventory) -> Option<&'a Product> {
    inventory.products.iter().find(|product| {
        Some(&product.name) == cluster.product_name.as_ref()
            && (product.tier.is_none() || cluster.product_tier.is_none() || product.tier == cluster.product_tier)
    })
}

pub(super) fn product_change(cluster: &Cluster, wanted: &str, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(on(cluster, Decision::Refuse, reason));
    if cluster.product_name.as_deref() == Some(wanted) {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    if cluster.is_suspended() {
        return refuse(Reason::Suspended);
    }
    if !inventory.available_products.iter().any(|product| product.name == wanted) {
        let mut products: Vec<String> = inventory.available_products.iter().map(|one| one.name.clone()).collect();
        products.sort();
        products.dedup();
        return refuse(Reason::NoProduct { products });
    }
    let verdict = between(on(cluster, Decision::Change, Reason::RollingRestart), product_of(cluster), wanted);
    Decided::of(
        priced(verdict, inventory),
        Action::ChangeProduct { name: cluster.name.clone(), cluster: cluster.id, product: wanted.to_owned() },
    )
}

pub(super) fn storage(cluster: &Cluster, bytes: u64, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(on(cluster, Decision::Refuse, reason));
    let now = cluster.storage_bytes();
    if now == Some(bytes) {
        return Decided::nothing(on(cluster, Decision::Keep, Reason::AsWanted));
    }
    if now.is_some_and(|now| bytes < now) {
        return refuse(Reason::Shrinks);
    }
    if cluster.allow_custom_storage == Some(false) {
        return refuse(Reason::FixedStorage);
    }
    if cluster.is_suspended() {
        return refuse(Reason::Suspended);
    }
    let specs = product(cluster, inventory).and_then(|product| product.specs.as_ref());
    if let Some(most) = specs.and_then(|specs| specs.storage_maximum_bytes).filter(|most| bytes > *most) {
        return refuse(Reason::TooLarge { most });
    }
    let a_node = |bytes| format!("{} a node", size(bytes));
    let verdict = between(on(cluster, Decision::Change, Reason::Grows), now.map(a_node), a_node(bytes));
    Decided::of(
        priced(verdict, inventory),
        Action::ExpandStorage { name: cluster.name.clone(), cluster: cluster.id, bytes },
    )
}
