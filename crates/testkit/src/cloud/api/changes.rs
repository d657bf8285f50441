//! Changes of a cluster that take an operation.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, Fields, MISSING};
use super::super::world::World;
use super::super::world::catalogue::product;
use super::super::world::cluster::{Cluster, GIB};
use super::super::world::operation::Effect;
use super::super::world::versions;
use super::deploy::check_password;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("PATCH", "/api/v2/clusters/{cluster_id}/", password),
    route("PUT", "/api/v2/clusters/{cluster_id}/scale/", scale),
    route("PUT", "/api/v2/clusters/{cluster_id}/product/", change_product),
    route("PUT", "/api/v2/clusters/{cluster_id}/upgrade/", upgrade),
    route("PUT", "/api/v2/clusters/{cluster_id}/storage/", expand),
    route("PUT", "/api/v2/clusters/{cluster_id}/ip-restrictions/", allow),
    route("PUT", "/api/v2/clusters/{cluster_id}/backup-schedule/", schedule),
    route("DELETE", "/api/v2/clusters/{cluster_id}/nodes/{ordinal}", restart),
    route("POST", "/api/v2/clusters/{cluster_id}/transfer-subscription/", transfer),
];

/// Begins the operation and answers with the cluster as it still is.
fn begin(world: &mut World, call: &Call, id: Uuid, effect: Effect) -> Answered {
    Answer::ok(&world.begin(id, call.now, effect)?.view(call.now))
}

/// The cluster to change, awake, and what is asked for it.
fn asked<'a>(world: &'a mut World, call: &Call, known: &[&str]) -> Result<(&'a Cluster, Fields), Answer> {
    let cluster = world.cluster_mut(call)?;
    let fields = call.fields(known)?;
    cluster.is_awake()?;
    Ok((cluster, fields))
}

fn password(world: &mut World, call: &Call) -> Answered {
    let (cluster, fields) = asked(world, call, &["password"])?;
    let id = cluster.id;
    let mut errors = Errors::default();
    let password = fields.required("password", &mut errors);
    if fields.has("password") {
        check_password(&password, &mut errors);
    }
    errors.none()?;
    begin(world, call, id, Effect::Password(password))
}

/// The unit is absolute: 0 is one node.
fn scale(world: &mut World, call: &Call) -> Answered {
    let (cluster, fields) = asked(world, call, &["product_unit"])?;
    let (id, name, tier) = (cluster.id, cluster.product.clone(), cluster.tier.clone());
    let mut errors = Errors::default();
    if !fields.has("product_unit") {
        errors.add("product_unit", MISSING);
    }
    let unit = fields.integer("product_unit", &mut errors);
    errors.none()?;
    let units = product(&world.products, &name, &tier).map_or(0, |product| product.units);
    let unit = unit.filter(|unit| (0..=units).contains(unit));
    let unit = unit.ok_or_else(|| Answer::field("product_unit", "The product does not support this scale unit."))?;
    begin(world, call, id, Effect::Unit(unit))
}

/// What a cluster of this product may become: the products that its nodes and disks fit in, itself aside.
fn successors<'a>(world: &'a World, cluster: &'a Cluster) -> impl Iterator<Item = &'static str> + 'a {
    let fits = |one: &&super::super::world::catalogue::Product| {
        one.kind == "cluster"
            && one.tier == cluster.tier
            && one.name != cluster.product
            && one.price_per_minute > 0
            && one.units >= cluster.unit
            && one.disk_max >= cluster.hardware.disk_size
    };
    world.products.iter().filter(fits).map(|one| one.name)
}

fn change_product(world: &mut World, call: &Call) -> Answered {
    let (cluster, fields) = asked(world, call, &["product_name"])?;
    let id = cluster.id;
    let mut errors = Errors::default();
    let wanted = fields.required("product_name", &mut errors);
    errors.none()?;
    if !successors(world, world.cluster(call)?).any(|name| name == wanted) {
        let text = format!("The cluster can't be changed to the product {wanted}.");
        return Err(Answer::field("product_name", &text));
    }
    begin(world, call, id, Effect::Product(wanted))
}

fn upgrade(world: &mut World, call: &Call) -> Answered {
    let (cluster, fields) = asked(world, call, &["crate_version"])?;
    let (id, current, channel) = (cluster.id, cluster.version.clone(), cluster.channel.clone());
    let mut errors = Errors::default();
    let wanted = fields.required("crate_version", &mut errors);
    errors.none()?;
    if !versions::is_of_channel(&wanted, &channel) {
        let text = format!("Version {wanted} is not available in channel {channel}.");
        return Err(Answer::field("crate_version", &text));
    }
    // Nightlies follow one another without a rule.
    if channel != "nightly" && !versions::may_change(&current, &wanted) {
        let text = format!("An upgrade from {current} to {wanted} is not supported.");
        return Err(Answer::field("crate_version", &text));
    }
    begin(world, call, id, Effect::Version(wanted))
}

/// Disks grow, in whole gibibytes, and never shrink.
fn expand(world: &mut World, call: &Call) -> Answered {
    let (cluster, fields) = asked(world, call, &["disk_size_per_node_bytes"])?;
    let (id, current, custom) = (cluster.id, cluster.hardware.disk_size, cluster.allow_custom_storage);
    let (name, tier) = (cluster.product.clone(), cluster.tier.clone());
    let field = "disk_size_per_node_bytes";
    let mut errors = Errors::default();
    if !fields.has(field) {
        errors.add(field, MISSING);
    }
    let size = fields.integer(field, &mut errors);
    errors.none()?;
    let size = size.unwrap_or_default();
    let largest = product(&world.products, &name, &tier).map_or(i64::MAX, |product| product.disk_max);
    if !custom {
        return Err(Answer::bad("The cluster's product does not support custom storage."));
    } else if size <= current {
        return Err(Answer::field(field, "Storage can only be expanded."));
    } else if size % GIB != 0 || size > largest {
        return Err(Answer::field(field, "The product does not support this disk size."));
    }
    begin(world, call, id, Effect::DiskSize(size))
}

/// The list replaces the one before; an empty one lets everybody in.
fn allow(world: &mut World, call: &Call) -> Answered {
    let id = world.cluster_mut(call)?.id;
    let fields = call.fields(&["ip_whitelist"])?;
    let Some(list) = fields.get("ip_whitelist") else {
        return Err(Answer::field("ip_whitelist", MISSING));
    };
    let list = list.as_array().ok_or_else(|| Answer::field("ip_whitelist", "Not a valid list."))?;
    let mut allowed = Vec::new();
    for entry in list {
        let entry = entry.as_object().ok_or_else(|| Answer::field("ip_whitelist", "Invalid input type."))?;
        let entry = Fields::of(entry.clone(), &["cidr", "description"])?;
        let mut errors = Errors::default();
        let cidr = entry.required("cidr", &mut errors);
        let description = entry.text("description", &mut errors).unwrap_or_default();
        errors.none()?;
        if !is_network(&cidr) {
            return Err(Answer::field("ip_whitelist", &format!("{cidr} is not a valid CIDR.")));
        }
        allowed.push(json!({"cidr": cidr, "description": description}));
    }
    begin(world, call, id, Effect::Allow(Value::Array(allowed)))
}

/// An address with the length of its prefix, or without one.
fn is_network(cidr: &str) -> bool {
    let (address, length) = cidr.split_once('/').map_or((cidr, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}

/// 1 to 24 hours of UTC, joined by commas.
fn schedule(world: &mut World, call: &Call) -> Answered {
    let id = world.cluster_mut(call)?.id;
    let mut errors = Errors::default();
    let hours = call.fields(&["backup_hours"])?.required("backup_hours", &mut errors);
    errors.none()?;
    let parsed: Option<Vec<u8>> =
        hours.split(',').map(|hour| hour.trim().parse().ok().filter(|hour| *hour < 24)).collect();
    let parsed = parsed.filter(|hours| hours.len() <= 24);
    let parsed = parsed.ok_or_else(|| Answer::field("backup_hours", "Must be 1 to 24 hours from 0 to 23."))?;
    let hours: Vec<String> = parsed.iter().map(ToString::to_string).collect();
    begin(world, call, id, Effect::Schedule(format!("55 {} * * *", hours.join(","))))
}

/// A node restarts by itself: that is no operation.
fn restart(world: &mut World, call: &Call) -> Answered {
    let conflict = world.conflict_status;
    let cluster = world.cluster_mut(call)?;
    let ordinal: i64 = call.param("ordinal").parse().map_err(|_| Answer::not_found())?;
    cluster.is_awake()?;
    cluster.is_free(conflict)?;
    if !(0..cluster.nodes()).contains(&ordinal) {
        return Err(Answer::not_found());
    }
    Ok(Answer::json(202, &json!({"apiVersion": "v1", "kind": "Pod", "code": 200, "status": "Success"})))
}

/// For superusers, and not in the vendor's document.
fn transfer(world: &mut World, call: &Call) -> Answered {
    if !world.is_sudo(call) {
        return Err(Answer::forbidden());
    }
    let mut errors = Errors::default();
    let fields = call.fields(&["old_subscription_id", "new_subscription_id"])?;
    let old = fields.required("old_subscription_id", &mut errors);
    let new = fields.required("new_subscription_id", &mut errors);
    if fields.has("new_subscription_id") && !world.subscriptions.iter().any(|known| new.parse() == Ok(known.id)) {
        errors.add("new_subscription_id", "The subscription does not exist or is not active.");
    }
    let cluster = world.cluster_mut(call)?;
    if fields.has("old_subscription_id") && cluster.subscription != old {
        errors.add("old_subscription_id", "The cluster is not of this subscription.");
    }
    errors.none()?;
    cluster.subscription = new;
    cluster.modified = call.now;
    Answer::ok(&cluster.view(call.now))
}

/// For the list of what a cluster may become.
pub(in crate::cloud) fn available(world: &World, call: &Call) -> Result<Vec<&'static str>, Answer> {
    Ok(successors(world, world.cluster(call)?).collect())
}
