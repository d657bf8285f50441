//! Files of organizations, and the addresses that they are written to and read from without credentials.

use serde_json::Value;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::job::{File, StoredSecret};
use super::{Route, public, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/organizations/{organization_id}/files/", list),
    route("POST", "/api/v2/organizations/{organization_id}/files/", create),
    route("GET", "/api/v2/organizations/{organization_id}/files/{file_id}/", get),
    route("DELETE", "/api/v2/organizations/{organization_id}/files/{file_id}/", delete),
    public("PUT", "/uploads/{token}", upload),
    public("GET", "/downloads/{token}", download),
    route("GET", "/api/v2/organizations/{organization_id}/secrets/", secrets),
    route("POST", "/api/v2/organizations/{organization_id}/secrets/", create_secret),
    route("DELETE", "/api/v2/organizations/{organization_id}/secrets/{secret_id}/", delete_secret),
];

fn list(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let its = world.files.iter().filter(|file| file.organization == organization);
    Answer::ok(&its.map(|file| file.view(&call.endpoint)).collect::<Vec<Value>>())
}

fn create(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let mut errors = Errors::default();
    let name = call.fields(&["name", "file_size"])?.required("name", &mut errors);
    errors.none()?;
    let file = File::new(organization, &name, call.now);
    let view = file.view(&call.endpoint);
    world.files.push(file);
    Answer::created(&view)
}

/// The place of the file of the path.
fn find(world: &World, call: &Call) -> Result<usize, Answer> {
    let (organization, id) = (call.id("organization_id")?, call.id("file_id")?);
    world.may_see(call, organization)?;
    let at = world.files.iter().position(|file| file.id == id && file.organization == organization);
    at.ok_or_else(Answer::not_found)
}

fn get(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&world.files[find(world, call)?].view(&call.endpoint))
}

fn delete(world: &mut World, call: &Call) -> Answered {
    let at = find(world, call)?;
    world.may_change(call, call.id("organization_id")?)?;
    world.files.remove(at);
    Answer::nothing()
}

/// Who has the address may write, once or again.
fn upload(world: &mut World, call: &Call) -> Answered {
    let token = call.param("token");
    let file = world.files.iter_mut().find(|file| file.token == token).ok_or_else(Answer::not_found)?;
    file.content = Some(call.body.clone());
    file.modified = call.now;
    Ok(Answer::bytes(200, "text/plain", Vec::new()))
}

fn download(world: &mut World, call: &Call) -> Answered {
    let token = call.param("token");
    let file = world.files.iter().find(|file| file.token == token);
    let content = file.and_then(|file| file.content.clone()).ok_or_else(Answer::not_found)?;
    Ok(Answer::bytes(200, "application/octet-stream", content))
}

fn secrets(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let its = world.secrets.iter().filter(|secret| secret.organization == organization);
    Answer::ok(&its.map(StoredSecret::view).collect::<Vec<Value>>())
}

fn create_secret(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let fields = call.fields(&["name", "type", "data"])?;
    let mut errors = Errors::default();
    let (name, kind) = (fields.required("name", &mut errors), fields.required("type", &mut errors));
    if fields.has("type") && !["AWS", "AZURE", "MONGODB"].contains(&kind.as_str()) {
        errors.add("type", "Must be one of: AWS, AZURE, MONGODB.");
    }
    if !fields.get("data").is_some_and(Value::is_object) {
        errors.add("data", super::super::call::MISSING);
    }
    errors.none()?;
    let secret = StoredSecret { id: uuid::Uuid::new_v4(), organization, name, kind, created: call.now };
    let view = secret.view();
    world.secrets.push(secret);
    Answer::created(&view)
}

fn delete_secret(world: &mut World, call: &Call) -> Answered {
    let (organization, id) = (call.id("organization_id")?, call.id("secret_id")?);
    world.may_change(call, organization)?;
    let at = world.secrets.iter().position(|secret| secret.id == id && secret.organization == organization);
    world.secrets.remove(at.ok_or_else(Answer::not_found)?);
    Answer::nothing()
}
