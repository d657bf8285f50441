//! Who belongs to organizations and projects, and what was done in them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::time;
use super::super::world::World;
use super::super::world::people::{Role, User};
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/users/", users),
    route("GET", "/api/v2/organizations/{organization_id}/users/", of_organization),
    route("POST", "/api/v2/organizations/{organization_id}/users/", add_to_organization),
    route("DELETE", "/api/v2/organizations/{organization_id}/users/{user_id_or_email}/", remove_from_organization),
    route("GET", "/api/v2/organizations/{organization_id}/invitations/", invitations),
    route("GET", "/api/v2/organizations/{organization_id}/auditlogs/", audit),
    route("GET", "/api/v2/projects/{project_id}/users/", of_project),
    route("POST", "/api/v2/projects/{project_id}/users/", add_to_project),
    route("DELETE", "/api/v2/projects/{project_id}/users/{user_id_or_email}/", remove_from_project),
];

/// For superusers.
fn users(world: &mut World, call: &Call) -> Answered {
    if !world.is_sudo(call) {
        return Err(Answer::forbidden());
    }
    let views = world.users.iter().map(|user| {
        let mut view = user.base();
        view["organization_roles"] = user.organization_roles();
        view["project_roles"] = user.roles_in_projects();
        view
    });
    Answer::ok(&views.collect::<Vec<Value>>())
}

fn of_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let views = world.users.iter().filter_map(|user| {
        let (_, role) = user.roles.iter().find(|(id, _)| *id == organization)?;
        let mut view = user.base();
        view["organization_roles"] = json!([{"organization_id": organization, "role_fqn": role.word()}]);
        Some(view)
    });
    Answer::ok(&views.collect::<Vec<Value>>())
}

/// The user that is named by id or address; one who is not known comes to be.
fn user<'a>(world: &'a mut World, name: &str) -> Result<&'a mut User, Answer> {
    if world.users.iter().all(|user| !is(user, name)) {
        if !name.contains('@') {
            return Err(Answer::not_found());
        }
        world.users.push(User::new(name, false, Vec::new()));
    }
    world.users.iter_mut().find(|user| is(user, name)).ok_or_else(Answer::not_found)
}

fn is(user: &User, name: &str) -> bool {
    user.email == name || name.parse() == Ok(user.id)
}

/// Who, and as what.
fn asked(call: &Call, roles: [&str; 2]) -> Result<(String, String), Answer> {
    let fields = call.fields(&["user", "role_fqn"])?;
    let mut errors = Errors::default();
    let (name, role) = (fields.required("user", &mut errors), fields.required("role_fqn", &mut errors));
    if fields.has("role_fqn") && !roles.contains(&role.as_str()) {
        errors.add("role_fqn", &format!("Must be one of: {}.", roles.join(", ")));
    }
    errors.none()?;
    Ok((name, role))
}

/// 201 for one who is new here, 200 for another role.
fn add_to_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let (name, role) = asked(call, ["org_admin", "org_member"])?;
    let user = user(world, &name)?;
    let added = user.roles.iter().all(|(id, _)| *id != organization);
    user.roles.retain(|(id, _)| *id != organization);
    user.roles.push((organization, if role == "org_admin" { Role::Admin } else { Role::Member }));
    let id = user.id.to_string();
    let body =
        json!({"organization_id": organization, "user_id": id, "role_fqn": role, "added": added, "invited": false});
    Ok(Answer::json(if added { 201 } else { 200 }, &body))
}

fn remove_from_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let name = call.param("user_id_or_email");
    let belongs = |user: &User, as_admin: bool| {
        user.roles.iter().any(|(id, role)| *id == organization && (!as_admin || *role == Role::Admin))
    };
    if !world.users.iter().any(|user| is(user, name) && belongs(user, false)) {
        return Err(Answer::not_found());
    }
    if !world.users.iter().any(|user| !is(user, name) && belongs(user, true)) {
        return Err(Answer::bad("The last organization admin can't be removed."));
    }
    for user in world.users.iter_mut().filter(|user| is(user, name)) {
        user.roles.retain(|(id, _)| *id != organization);
    }
    Answer::nothing()
}

/// Users come to be without being invited here.
fn invitations(world: &mut World, call: &Call) -> Answered {
    world.may_see(call, call.id("organization_id")?)?;
    Answer::ok(&json!([]))
}

fn of_project(world: &mut World, call: &Call) -> Answered {
    let project = world.project(call.id("project_id")?)?;
    world.may_see(call, project.organization)?;
    let id = project.id;
    let views = world.users.iter().filter_map(|user| {
        let (_, role) = user.project_roles.iter().find(|(of, _)| *of == id)?;
        let mut view = user.base();
        view["project_roles"] = json!([{"project_id": id, "role_fqn": role}]);
        Some(view)
    });
    Answer::ok(&views.collect::<Vec<Value>>())
}

/// The project of the path, for one who may change it.
fn project(world: &World, call: &Call) -> Result<Uuid, Answer> {
    let project = world.project(call.id("project_id")?)?;
    world.may_change(call, project.organization)?;
    Ok(project.id)
}

fn add_to_project(world: &mut World, call: &Call) -> Answered {
    let project = project(world, call)?;
    let (name, role) = asked(call, ["project_admin", "project_member"])?;
    let user = user(world, &name)?;
    let added = user.project_roles.iter().all(|(id, _)| *id != project);
    user.project_roles.retain(|(id, _)| *id != project);
    user.project_roles.push((project, role.clone()));
    let body = json!({"project_id": project, "user_id": user.id.to_string(), "role_fqn": role, "added": added});
    Ok(Answer::json(if added { 201 } else { 200 }, &body))
}

fn remove_from_project(world: &mut World, call: &Call) -> Answered {
    let project = project(world, call)?;
    let name = call.param("user_id_or_email");
    let user = world.users.iter_mut().find(|user| is(user, name)).ok_or_else(Answer::not_found)?;
    let before = user.project_roles.len();
    user.project_roles.retain(|(id, _)| *id != project);
    if user.project_roles.len() == before { Err(Answer::not_found()) } else { Answer::nothing() }
}

/// How many entries one page of the audit has.
const PAGE: usize = 50;

/// Newest first; the next page begins after the entry that `last` names.
fn audit(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let (from, to) = (call.instant("from")?, call.instant("to")?);
    let (action, cluster) = (call.query("action"), call.query("cluster_id"));
    let limit = call.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
    let mut entries: Vec<&Entry> =
        world.audit.iter().rev().filter(|entry| entry.organization == organization).collect();
    if let Some(last) = call.query("last") {
        let at = entries.iter().position(|entry| entry.id.to_string() == last);
        entries = entries.split_off(at.map_or(entries.len(), |at| at + 1));
    }
    let entries = entries.into_iter().filter(|entry| {
        from.is_none_or(|from| entry.at >= from)
            && to.is_none_or(|to| entry.at <= to)
            && action.is_none_or(|action| entry.action == action)
            && cluster.is_none_or(|cluster| entry.cluster.is_some_and(|id| id.to_string() == cluster))
    });
    let views = entries.take(limit).map(|entry| {
        let actor = world.users.iter().find(|user| user.id == entry.actor);
        let actor = actor.map(|user| json!({"id": user.id, "email": user.email, "name": user.name}));
        json!({
            "id": entry.id.to_string(),
            "action": entry.action,
            "actor": actor.unwrap_or_else(|| json!({"id": "", "email": "", "name": ""})),
            "context": {"cluster_id": entry.cluster},
            "created": time::stamp(entry.at),
        })
    });
    Answer::ok(&views.collect::<Vec<Value>>())
}

/// What somebody did.
#[derive(Debug)]
pub(in crate::cloud) struct Entry {
    id: Uuid,
    organization: Uuid,
    cluster: Option<Uuid>,
    actor: Uuid,
    action: String,
    at: chrono::DateTime<chrono::Utc>,
}

/// Notes what a call is about to change, in the organization that it is about.
pub(in crate::cloud) fn entry(world: &World, route: &Route, call: &Call) -> Option<Entry> {
    if matches!(route.method, "GET" | "HEAD") {
        return None;
    }
    let cluster = world.cluster(call).ok();
    let project = call.id("project_id").ok().and_then(|id| world.project(id).ok());
    let organization = cluster
        .map(|cluster| world.organization_of(cluster))
        .or(project.map(|project| project.organization))
        .or(call.id("organization_id").ok())?;
    let mut words = route.path.trim_start_matches("/api/v2/").split('/').filter(|word| !word.starts_with('{'));
    let about = words.next().unwrap_or_default().trim_end_matches('s').to_owned();
    let what = words.rfind(|word| !word.is_empty()).unwrap_or_default().replace('-', "_");
    let how = match route.method {
        "POST" => "create",
        "DELETE" => "delete",
        _ => "edit",
    };
    let action = if what.is_empty() { format!("{about}.{how}") } else { format!("{about}.{what}.{how}") };
    let cluster = cluster.map(|cluster| cluster.id);
    Some(Entry { id: Uuid::new_v4(), organization, cluster, actor: call.user, action, at: call.now })
}
