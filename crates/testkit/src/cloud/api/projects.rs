//! Projects.

use serde_json::json;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, MISSING};
use super::super::world::World;
use super::super::world::catalogue::REGION;
use super::super::world::people::Project;
use super::deploy::is_label;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/projects/", list),
    route("POST", "/api/v2/projects/", create),
    route("GET", "/api/v2/organizations/{organization_id}/projects/", list_of_organization),
    route("GET", "/api/v2/projects/{project_id}/", get),
    route("PATCH", "/api/v2/projects/{project_id}/", rename),
    route("DELETE", "/api/v2/projects/{project_id}/", delete),
];

fn list(world: &mut World, call: &Call) -> Answered {
    let mine = world.projects.iter().filter(|project| world.role(call, project.organization).is_some());
    Answer::ok(&mine.map(Project::view).collect::<Vec<_>>())
}

fn list_of_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let its = world.projects.iter().filter(|project| project.organization == organization);
    Answer::ok(&its.map(Project::view).collect::<Vec<_>>())
}

/// The pattern is the same for all that is named by people.
fn check_name(name: &str, errors: &mut Errors) {
    if !is_label(name) {
        errors.add("name", "String does not match expected pattern.");
    }
}

/// Two projects may have the same name.
fn create(world: &mut World, call: &Call) -> Answered {
    let fields = call.fields(&["name", "organization_id", "region", "backup_location"])?;
    let mut errors = Errors::default();
    let name = fields.required("name", &mut errors);
    if fields.has("name") {
        check_name(&name, &mut errors);
    }
    if !fields.has("organization_id") {
        errors.add("organization_id", MISSING);
    }
    let organization = fields.id("organization_id", &mut errors);
    let region = fields.text("region", &mut errors).unwrap_or_else(|| REGION.to_owned());
    if !world.regions.iter().any(|known| known.name == region) {
        errors.add("region", "The region does not exist.");
    }
    let backup =
        fields.object("backup_location", &["location_type", "location", "credentials", "additional_config"])?;
    let mut location = None;
    if let Some(backup) = &backup {
        let (kind, place) = (backup.required("location_type", &mut errors), backup.required("location", &mut errors));
        if !backup.has("credentials") {
            errors.add("credentials", MISSING);
        }
        let config = backup.get("additional_config").cloned().unwrap_or_else(|| json!({}));
        location = Some(json!({"location_type": kind, "location": place, "additional_config": config}));
    }
    errors.none()?;
    let organization = organization.unwrap_or_default();
    world.may_change(call, organization)?;
    let mut project = Project::new(&name, organization, &region, call.now);
    project.backup_location = location;
    let view = project.view();
    world.projects.push(project);
    Answer::created(&view)
}

fn get(world: &mut World, call: &Call) -> Answered {
    let project = world.project(call.id("project_id")?)?;
    world.may_see(call, project.organization)?;
    Answer::ok(&project.view())
}

fn rename(world: &mut World, call: &Call) -> Answered {
    let id = call.id("project_id")?;
    let organization = world.project(id)?.organization;
    world.may_change(call, organization)?;
    let fields = call.fields(&["name"])?;
    let mut errors = Errors::default();
    let name = fields.required("name", &mut errors);
    if fields.has("name") {
        check_name(&name, &mut errors);
    }
    errors.none()?;
    let project = world.projects.iter_mut().find(|project| project.id == id).ok_or_else(Answer::not_found)?;
    project.name = name;
    project.modified = call.now;
    Answer::ok(&project.view())
}

fn delete(world: &mut World, call: &Call) -> Answered {
    let id = call.id("project_id")?;
    let organization = world.project(id)?.organization;
    world.may_change(call, organization)?;
    if world.clusters.iter().any(|cluster| cluster.project == id) {
        return Err(Answer::bad("The project has clusters. Delete them first."));
    }
    world.projects.retain(|project| project.id != id);
    Answer::nothing()
}
