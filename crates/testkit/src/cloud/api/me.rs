//! The caller, and his keys.

use serde_json::{Value, json};

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::people::{Key, User};
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/users/me/", get),
    route("PATCH", "/api/v2/users/me/", edit),
    route("GET", "/api/v2/users/me/api-keys/", keys),
    route("POST", "/api/v2/users/me/api-keys/", create_key),
    route("GET", "/api/v2/users/me/api-keys/{api_key}/", key),
    route("PATCH", "/api/v2/users/me/api-keys/{api_key}/", edit_key),
    route("DELETE", "/api/v2/users/me/api-keys/{api_key}/", delete_key),
];

fn get(world: &mut World, call: &Call) -> Answered {
    let me = world.users.iter().find(|user| user.id == call.user).ok_or_else(Answer::unauthorized)?;
    Answer::ok(&view(me))
}

fn view(me: &User) -> Value {
    let mut view = me.base();
    view["status"] = "active".into();
    view["is_superuser"] = me.superuser.into();
    view["organization_id"] = me.roles.first().map(|(id, _)| id.to_string()).unwrap_or_default().into();
    view["organization_roles"] = me.organization_roles();
    view["project_roles"] = me.roles_in_projects();
    view
}

/// A new address is to be confirmed first, by a mail that nobody sends here.
fn edit(_: &mut World, call: &Call) -> Answered {
    let mut errors = Errors::default();
    let fields = call.fields(&["email"])?;
    let email = fields.required("email", &mut errors);
    if fields.has("email") && !email.contains('@') {
        errors.add("email", "Not a valid email address.");
    }
    errors.none()?;
    let message = "A confirmation email was sent. Please follow its instructions to verify your new email address.";
    Ok(Answer::json(202, &json!({"success": true, "status": "pending", "message": message})))
}

fn keys(world: &mut World, call: &Call) -> Answered {
    let mine = world.keys.iter().filter(|key| key.user == call.user);
    Answer::ok(&mine.map(Key::view).collect::<Vec<_>>())
}

/// The secret is shown here, and never again.
fn create_key(world: &mut World, call: &Call) -> Answered {
    let key = Key::new(call.user, call.now);
    let mut view = key.view();
    view["secret"] = key.secret.clone().into();
    let body = json!({"success": true, "secret": key.secret, "key": view});
    world.keys.push(key);
    Answer::ok(&body)
}

fn mine<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Key, Answer> {
    let name = call.param("api_key");
    world.keys.iter_mut().find(|key| key.user == call.user && key.key == name).ok_or_else(Answer::not_found)
}

fn key(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&mine(world, call)?.view())
}

fn edit_key(world: &mut World, call: &Call) -> Answered {
    let key = mine(world, call)?;
    key.active = call.fields(&["active"])?.flag("active")?;
    Answer::ok(&key.view())
}

fn delete_key(world: &mut World, call: &Call) -> Answered {
    let name = mine(world, call)?.key.clone();
    world.keys.retain(|key| key.key != name);
    Answer::nothing()
}
