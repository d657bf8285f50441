//! Clusters: list, look, suspend, delete.

use uuid::Uuid;

use super::super::answer::{Answer, Answered};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::cluster::Cluster;
use super::super::world::operation::Effect;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/clusters/", list),
    route("GET", "/api/v2/organizations/{organization_id}/clusters/", list_of_organization),
    route("GET", "/api/v2/projects/{project_id}/clusters/", list_of_project),
    route("HEAD", "/api/v2/clusters/name/{name}/", name),
    route("GET", "/api/v2/clusters/{cluster_id}/", get),
    route("DELETE", "/api/v2/clusters/{cluster_id}/", delete),
    route("PUT", "/api/v2/clusters/{cluster_id}/suspend/", suspend),
    route("PUT", "/api/v2/clusters/{cluster_id}/deletion-protection/", protect),
];

fn list(world: &mut World, call: &Call) -> Answered {
    let mine: Vec<Uuid> = world.organizations.iter().map(|organization| organization.id).collect();
    let mine: Vec<Uuid> = mine.into_iter().filter(|id| world.role(call, *id).is_some()).collect();
    listed(world, call, |cluster| mine.contains(&world.organization_of(cluster)))
}

fn list_of_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    listed(world, call, |cluster| world.organization_of(cluster) == organization)
}

fn list_of_project(world: &mut World, call: &Call) -> Answered {
    let project = world.project(call.id("project_id")?)?;
    world.may_see(call, project.organization)?;
    listed(world, call, |cluster| cluster.project == project.id)
}

/// The clusters that `also` wants, of those that the query asks for.
fn listed(world: &World, call: &Call, also: impl Fn(&Cluster) -> bool) -> Answered {
    let is = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
    let project = call.query("project_id");
    let wanted = |cluster: &&Cluster| {
        is("subscription_id", &cluster.subscription)
            && is("product_name", &cluster.product)
            && project.is_none_or(|wanted| wanted.parse() == Ok(cluster.project))
            && also(cluster)
    };
    let views: Vec<_> = world.clusters.iter().filter(wanted).map(|cluster| cluster.view(call.now)).collect();
    Answer::ok(&views)
}

/// 200 where a name is taken, 404 where it is not.
fn name(world: &mut World, call: &Call) -> Answered {
    let name = call.param("name");
    if !super::deploy::is_name(name) {
        return Err(Answer::bytes(400, "application/json", Vec::new()));
    }
    let status = if world.clusters.iter().any(|cluster| cluster.name == name) { 200 } else { 404 };
    Ok(Answer::bytes(status, "application/json", Vec::new()))
}

fn get(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&world.cluster(call)?.view(call.now))
}

fn delete(world: &mut World, call: &Call) -> Answered {
    let conflict = world.conflict_status;
    let cluster = world.cluster_mut(call)?;
    if cluster.protected {
        return Err(Answer::bad("The cluster is protected against deletion. Disable deletion protection first."));
    }
    cluster.is_free(conflict)?;
    let id = cluster.id;
    world.clusters.retain(|cluster| cluster.id != id);
    Answer::nothing()
}

fn suspend(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster_mut(call)?;
    let suspended = call.fields(&["suspended"])?.flag("suspended")?;
    if !cluster.allow_suspend {
        return Err(Answer::bad("The cluster's product does not support suspension."));
    }
    let id = cluster.id;
    Answer::ok(&world.begin(id, call.now, Effect::Suspended(suspended))?.view(call.now))
}

/// Takes effect at once: it is a matter of the API alone.
fn protect(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster_mut(call)?;
    cluster.protected = call.fields(&["deletion_protected"])?.flag("deletion_protected")?;
    cluster.modified = call.now;
    Answer::ok(&cluster.view(call.now))
}
