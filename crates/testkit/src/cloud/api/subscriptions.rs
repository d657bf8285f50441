//! Subscriptions: who pays.

use serde_json::Value;
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, MISSING};
use super::super::world::World;
use super::super::world::people::Subscription;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/subscriptions/", list),
    route("POST", "/api/v2/subscriptions/", create),
    route("GET", "/api/v2/organizations/{organization_id}/subscriptions/", list_of_organization),
    route("GET", "/api/v2/subscriptions/{subscription_id}/", get),
    route("DELETE", "/api/v2/subscriptions/{subscription_id}/", delete),
    route("PATCH", "/api/v2/subscriptions/{subscription_id}/assign-org/", assign),
];

fn list(world: &mut World, call: &Call) -> Answered {
    let only = call.query("organization_id").and_then(|id| id.parse::<Uuid>().ok());
    let mine = world.subscriptions.iter().filter(|subscription| {
        only.is_none_or(|only| only == subscription.organization)
            && world.role(call, subscription.organization).is_some()
    });
    Answer::ok(&mine.map(Subscription::view).collect::<Vec<Value>>())
}

fn list_of_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let its = world.subscriptions.iter().filter(|subscription| subscription.organization == organization);
    Answer::ok(&its.map(Subscription::view).collect::<Vec<Value>>())
}

/// One by contract is for superusers.
fn create(world: &mut World, call: &Call) -> Answered {
    let fields = call.fields(&["type", "organization_id"])?;
    let mut errors = Errors::default();
    let kind = fields.required("type", &mut errors);
    if !fields.has("organization_id") {
        errors.add("organization_id", MISSING);
    }
    let organization = fields.id("organization_id", &mut errors);
    if fields.has("type") && !["contract", "stripe"].contains(&kind.as_str()) {
        errors.add("type", "Must be one of: contract, stripe.");
    }
    errors.none()?;
    let organization = organization.unwrap_or_default();
    world.may_change(call, organization)?;
    if kind == "contract" && !world.is_sudo(call) {
        return Err(Answer::forbidden());
    }
    let subscription = Subscription::new(&kind, organization, &kind, call.now);
    let view = subscription.view();
    world.subscriptions.push(subscription);
    Answer::created(&view)
}

fn find(world: &World, call: &Call) -> Result<usize, Answer> {
    let id = call.id("subscription_id")?;
    world.subscriptions.iter().position(|subscription| subscription.id == id).ok_or_else(Answer::not_found)
}

fn get(world: &mut World, call: &Call) -> Answered {
    let subscription = &world.subscriptions[find(world, call)?];
    world.may_see(call, subscription.organization)?;
    Answer::ok(&subscription.view())
}

/// Its clusters go with it, protected or not.
fn delete(world: &mut World, call: &Call) -> Answered {
    let at = find(world, call)?;
    let organization = world.subscriptions[at].organization;
    world.may_change(call, organization)?;
    let subscription = &mut world.subscriptions[at];
    subscription.active = false;
    subscription.modified = call.now;
    let (id, view) = (subscription.id.to_string(), subscription.view());
    world.clusters.retain(|cluster| cluster.subscription != id);
    Answer::ok(&view)
}

fn assign(world: &mut World, call: &Call) -> Answered {
    let at = find(world, call)?;
    let organization = world.subscriptions[at].organization;
    world.may_change(call, organization)?;
    let fields = call.fields(&["organization_id"])?;
    let mut errors = Errors::default();
    if !fields.has("organization_id") {
        errors.add("organization_id", MISSING);
    }
    let target = fields.id("organization_id", &mut errors);
    errors.none()?;
    let target = target.unwrap_or_default();
    world.may_change(call, target)?;
    let subscription = &mut world.subscriptions[at];
    subscription.organization = target;
    subscription.modified = call.now;
    Answer::ok(&subscription.view())
}
