//! Operations of a cluster: what is going on, and what went on.

use serde_json::{Value, json};

use super::super::answer::{Answer, Answered};
use super::super::call::Call;
use super::super::world::World;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[route("GET", "/api/v2/clusters/{cluster_id}/operations/", list)];

/// Newest first. `type` and `limit` are not in the vendor's document, and sent by its client.
fn list(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster(call)?;
    let (start, end) = (call.instant("start")?, call.instant("end")?);
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(limit)) => limit,
        Some(Err(_)) => return Err(Answer::field("limit", "Not a valid integer.")),
    };
    let kind = call.query("type");
    let statuses: Vec<&str> = call.queries("statuses").flat_map(|list| list.split(',')).collect();
    let operations = cluster.operations.iter().rev().filter(|operation| {
        kind.is_none_or(|kind| kind == operation.kind.word())
            && start.is_none_or(|start| operation.began >= start)
            && end.is_none_or(|end| operation.began <= end)
            && (statuses.is_empty() || statuses.contains(&operation.state(call.now).0.word()))
    });
    let views: Vec<Value> = operations.take(limit).map(|operation| operation.view(call.now)).collect();
    Answer::ok(&json!({"operations": views}))
}
