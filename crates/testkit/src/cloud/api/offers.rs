//! What a cluster could become, and what is measured of it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::answer::{Answer, Answered};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::versions;
use super::{Route, changes, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/clusters/{cluster_id}/available-products/", products),
    route("GET", "/api/v2/clusters/{cluster_id}/available-upgrades/", upgrades),
    route("GET", "/api/v2/clusters/{cluster_id}/metrics/{metric_id}/", metrics),
];

const METRICS: [&str; 8] = [
    "crate_query_count",
    "crate_query_duration",
    "crate_availability",
    "crate_cpu_seconds",
    "crate_memory_usage",
    "crate_disk_usage2",
    "crate_cluster_last_user_activity",
    "crate_unreplicated_tables",
];

/// A list, as the vendor's document says in words; its schema says one product.
fn products(world: &mut World, call: &Call) -> Answered {
    let region = world.project(world.cluster(call)?.project).map(|project| project.region.clone())?;
    let names = changes::available(world, call)?;
    let products = world.products.iter().filter(|product| names.contains(&product.name));
    Answer::ok(&products.map(|product| product.view(&region)).collect::<Vec<Value>>())
}

fn upgrades(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&versions::upgrade(&world.cluster(call)?.version))
}

/// A value for each minute; nothing of a cluster that sleeps.
fn metrics(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster(call)?;
    let metric = call.param("metric_id");
    if !METRICS.contains(&metric) {
        return Err(Answer::not_found());
    }
    let minutes = match call.query("minutes_ago").map(str::parse::<i64>) {
        None => 60,
        Some(Ok(minutes)) if (0..=43_200).contains(&minutes) => minutes,
        Some(_) => return Err(Answer::field("minutes_ago", "Not a valid integer.")),
    };
    let end = call.instant("end")?.unwrap_or(call.now);
    let start = call.instant("start")?.unwrap_or(end - TimeDelta::minutes(minutes));
    if cluster.suspended || !cluster.is_up {
        return Answer::nothing();
    }
    let nodes: Vec<Value> = (0..cluster.nodes())
        .map(|node| {
            let points = (0..).map(|minute| start + TimeDelta::minutes(minute)).take_while(|at| *at <= end);
            let values: Vec<Value> = points.take(1_440).map(|at| json!([at.timestamp(), "1"])).collect();
            json!({"metric": {"__name__": metric, "node": format!("data-hot-{node}")}, "values": values})
        })
        .collect();
    Answer::ok(&json!({"status": "success", "data": {"resultType": "matrix", "result": nodes}}))
}
