//! Organizations.

use serde_json::Value;
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::people::{Organization, Role};
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/organizations/", list),
    route("POST", "/api/v2/organizations/", create),
    route("GET", "/api/v2/organizations/{organization_id}/", get),
    route("PUT", "/api/v2/organizations/{organization_id}/", edit),
    route("DELETE", "/api/v2/organizations/{organization_id}/", delete),
];

/// As the caller sees it; none where it is not his.
fn view(world: &World, call: &Call, organization: &Organization) -> Option<Value> {
    let role = world.role(call, organization.id)?;
    let projects = world.projects.iter().filter(|project| project.organization == organization.id).count();
    Some(organization.view(projects, role))
}

fn shown(world: &World, call: &Call, id: Uuid) -> Result<Value, Answer> {
    world.may_see(call, id)?;
    let organization = world.organizations.iter().find(|organization| organization.id == id);
    organization.and_then(|organization| view(world, call, organization)).ok_or_else(Answer::not_found)
}

fn list(world: &mut World, call: &Call) -> Answered {
    let views: Vec<Value> =
        world.organizations.iter().filter_map(|organization| view(world, call, organization)).collect();
    Answer::ok(&views)
}

/// Whoever makes an organization is its administrator.
fn create(world: &mut World, call: &Call) -> Answered {
    let fields = call.fields(&["name", "plan_type"])?;
    let mut errors = Errors::default();
    let name = fields.required("name", &mut errors);
    let plan = fields.integer("plan_type", &mut errors);
    check(&name, fields.has("name"), plan, &mut errors);
    errors.none()?;
    let mut organization = Organization::new(&name, call.now);
    organization.plan = plan.unwrap_or(organization.plan);
    let id = organization.id;
    world.organizations.push(organization);
    if let Some(user) = world.users.iter_mut().find(|user| user.id == call.user) {
        user.roles.push((id, Role::Admin));
    }
    Answer::created(&shown(world, call, id)?)
}

fn check(name: &str, has_name: bool, plan: Option<i64>, errors: &mut Errors) {
    if has_name && !(1..=512).contains(&name.chars().count()) {
        errors.add("name", "Length must be between 1 and 512.");
    }
    if plan.is_some_and(|plan| !(1..=6).contains(&plan)) {
        errors.add("plan_type", "Must be one of: 1, 2, 3, 4, 5, 6.");
    }
}

fn get(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&shown(world, call, call.id("organization_id")?)?)
}

fn edit(world: &mut World, call: &Call) -> Answered {
    let id = call.id("organization_id")?;
    world.may_change(call, id)?;
    let fields = call.fields(&["name", "plan_type", "email", "notifications_enabled"])?;
    let mut errors = Errors::default();
    let (name, email) = (fields.text("name", &mut errors), fields.text("email", &mut errors));
    let plan = fields.integer("plan_type", &mut errors);
    check(name.as_deref().unwrap_or_default(), name.is_some(), plan, &mut errors);
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        errors.add("email", "Not a valid email address.");
    }
    errors.none()?;
    let notifications =
        if fields.has("notifications_enabled") { Some(fields.flag("notifications_enabled")?) } else { None };
    if let Some(organization) = world.organizations.iter_mut().find(|organization| organization.id == id) {
        organization.name = name.unwrap_or_else(|| organization.name.clone());
        organization.email = email.unwrap_or_else(|| organization.email.clone());
        organization.plan = plan.unwrap_or(organization.plan);
        organization.notifications = notifications.unwrap_or(organization.notifications);
        organization.modified = call.now;
    }
    Answer::ok(&shown(world, call, id)?)
}

fn delete(world: &mut World, call: &Call) -> Answered {
    let id = call.id("organization_id")?;
    world.may_change(call, id)?;
    if world.projects.iter().any(|project| project.organization == id) {
        return Err(Answer::bad("The organization has projects. Delete them first."));
    }
    world.organizations.retain(|organization| organization.id != id);
    world.subscriptions.retain(|subscription| subscription.organization != id);
    for user in &mut world.users {
        user.roles.retain(|(of, _)| *of != id);
    }
    Answer::nothing()
}
