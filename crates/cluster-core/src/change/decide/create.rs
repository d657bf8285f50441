//! A new cluster.

use uuid::Uuid;

use super::{Decided, named, priced, product_of};
use crate::change::domain::{Action, Decision};
use crate::change::inventory::Inventory;
use crate::change::reason::Reason;
use crate::cloud::{Cluster, NewCluster};

pub(super) fn create(organization: Uuid, new: &NewCluster, inventory: &Inventory) -> Decided {
    let refuse = |reason| Decided::nothing(named(&new.name, Decision::Refuse, reason));
    let is_here = |one: &&Cluster| one.name == new.name && new.project.is_some() && one.project_id == new.project;
    if let Some(there) = inventory.siblings.iter().find(is_here) {
        let id = there.id.to_string();
        return match difference(there, new) {
            // What a run that was ended in the middle has begun.
            None => Decided::nothing(named(&new.name, Decision::Keep, Reason::Exists { id })),
            Some(difference) => refuse(Reason::NameTaken { id, difference }),
        };
    }
    let free = new.subscription == NewCluster::FREE_TIER;
    let free_one = inventory.siblings.iter().find(|one| one.product_name.as_deref() == Some(NewCluster::FREE_PRODUCT));
    if let Some(one) = free_one.filter(|_| free) {
        return refuse(Reason::FreeTaken { name: one.name.clone() });
    }
    let is_meant = |product: &&crate::cloud::Product| {
        product.name == new.product
            && product.tier.as_ref().is_none_or(|tier| *tier == new.tier)
            && product.kind.as_ref().is_none_or(|kind| kind == "cluster")
    };
    let Some(product) = inventory.products.iter().find(is_meant) else {
        let mut products: Vec<String> = inventory.products.iter().map(|product| product.name.clone()).collect();
        products.sort();
        products.dedup();
        return refuse(Reason::NoProduct { products });
    };
    let units: Vec<u32> = product.scaling.iter().filter_map(|step| step.value).collect();
    if !units.is_empty() && !units.contains(&new.unit) {
        return refuse(Reason::NoUnit { unit: new.unit, units });
    }
    if let (Some(bytes), Some(specs)) = (new.storage_bytes, &product.specs)
        && let Some(most) = specs.storage_maximum_bytes.filter(|most| bytes > *most)
    {
        return refuse(Reason::TooLarge { most });
    }
    let new_project = new.new_project.as_ref().map(|(name, _)| name.clone());
    let mut verdict = priced(named(&new.name, Decision::Create, Reason::New { free, new_project }), inventory);
    let nodes = product.scaling.iter().find(|step| step.value == Some(new.unit)).and_then(|step| step.nodes);
    let nodes = nodes.map_or_else(|| format!("unit {}", new.unit), nodes_text);
    let place = inventory.region.as_deref().map_or_else(String::new, |region| format!(", {region}"));
    verdict.detail.to = Some(format!("{}/{}, {nodes}, {}{place}", new.product, new.tier, new.version));
    Decided::of(
        verdict,
        Action::Create { name: new.name.clone(), product: format!("{}/{}", new.product, new.tier), organization },
    )
}

pub(super) fn nodes_text(nodes: u32) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}

/// What is different about a cluster of the same name.
fn difference(there: &Cluster, new: &NewCluster) -> Option<String> {
    if there.product_name.as_deref() != Some(&new.product) || there.product_tier.as_deref() != Some(&new.tier) {
        return Some(format!("product {}", product_of(there).unwrap_or_else(|| "unknown".to_owned())));
    }
    if there.product_unit.is_some_and(|unit| unit != new.unit) {
        return Some(format!("unit {}", there.product_unit.unwrap_or_default()));
    }
    let version = there.crate_version.as_deref().filter(|version| *version != new.version);
    // A name of a channel's newest build is another one when the cluster is there.
    version.filter(|_| new.version.chars().next().is_some_and(|c| c.is_ascii_digit())).map(|it| format!("version {it}"))
}
