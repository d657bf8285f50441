//! What it costs, and who is billed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, MISSING};
use super::super::time;
use super::super::world::World;
use super::super::world::people::Subscription;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/organizations/{organization_id}/credits/", credits),
    route("POST", "/api/v2/organizations/{organization_id}/credits/", create_credit),
    route("PATCH", "/api/v2/organizations/{organization_id}/credits/{credit_id}/", edit_credit),
    route("DELETE", "/api/v2/organizations/{organization_id}/credits/{credit_id}/", expire_credit),
    route("GET", "/api/v2/organizations/{organization_id}/customer/", customer),
    route("PUT", "/api/v2/organizations/{organization_id}/customer/", edit_customer),
    route("GET", "/api/v2/organizations/{organization_id}/quotas/", quotas),
    route("GET", "/api/v2/organizations/{organization_id}/remaining-budget/", budget),
    route("GET", "/api/v2/organizations/{organization_id}/consumption/current-month/", consumption),
    route("GET", "/api/v2/organizations/{organization_id}/payment-methods/", payment_methods),
];

/// A credit of an organization, as it is shown.
#[derive(Debug)]
pub(in crate::cloud) struct Credit {
    id: Uuid,
    organization: Uuid,
    view: Value,
}

fn seen(world: &World, call: &Call) -> Result<Uuid, Answer> {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization).map(|()| organization)
}

fn credits(world: &mut World, call: &Call) -> Answered {
    let organization = seen(world, call)?;
    let status = call.query("status");
    let its = world.credits.iter().filter(|credit| {
        credit.organization == organization && status.is_none_or(|status| credit.view["status"] == status)
    });
    Answer::ok(&its.map(|credit| &credit.view).collect::<Vec<_>>())
}

/// For superusers.
fn create_credit(world: &mut World, call: &Call) -> Answered {
    let organization = seen(world, call)?;
    if !world.is_sudo(call) {
        return Err(Answer::forbidden());
    }
    let fields = call.fields(&["amount", "expiration_date", "comment"])?;
    let mut errors = Errors::default();
    if !fields.has("amount") {
        errors.add("amount", MISSING);
    }
    let amount = fields.integer("amount", &mut errors);
    let expires = fields.required("expiration_date", &mut errors);
    let comment = fields.text("comment", &mut errors);
    errors.none()?;
    let id = Uuid::new_v4();
    let view = json!({
        "id": id,
        "original_amount": amount,
        "remaining_amount": amount,
        "start_date": time::stamp(call.now),
        "expiration_date": expires,
        "comment": comment,
        "status": "ACTIVE",
    });
    world.credits.push(Credit { id, organization, view: view.clone() });
    Answer::created(&view)
}

fn credit<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Credit, Answer> {
    let (organization, id) = (seen(world, call)?, call.id("credit_id")?);
    if !world.is_sudo(call) {
        return Err(Answer::forbidden());
    }
    let credit = world.credits.iter_mut().find(|credit| credit.id == id && credit.organization == organization);
    credit.ok_or_else(Answer::not_found)
}

fn edit_credit(world: &mut World, call: &Call) -> Answered {
    let credit = credit(world, call)?;
    let fields = call.fields(&["amount", "expiration_date", "comment"])?;
    let mut errors = Errors::default();
    let (amount, expires) = (fields.integer("amount", &mut errors), fields.text("expiration_date", &mut errors));
    let comment = fields.text("comment", &mut errors);
    errors.none()?;
    if let Some(amount) = amount {
        credit.view["original_amount"] = amount.into();
        credit.view["remaining_amount"] = amount.into();
    }
    for (name, value) in [("expiration_date", expires), ("comment", comment)] {
        if let Some(value) = value {
            credit.view[name] = value.into();
        }
    }
    Answer::ok(&credit.view)
}

fn expire_credit(world: &mut World, call: &Call) -> Answered {
    credit(world, call)?.view["status"] = "EXPIRED".into();
    Answer::nothing()
}

fn customer(world: &mut World, call: &Call) -> Answered {
    let organization = seen(world, call)?;
    let known = world.customers.iter().find(|(id, _)| *id == organization);
    let nobody = json!({
        "organization_id": organization.to_string(),
        "name": "Nobody",
        "email": "admin@example.org",
        "phone": "",
        "address": {"city": "", "country": "", "line1": "", "line2": "", "postal_code": ""},
        "tax": {"tax_id": "", "tax_id_type": ""},
    });
    Answer::ok(known.map_or(&nobody, |(_, customer)| customer))
}

fn edit_customer(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let needs = ["name", "email", "phone", "country", "city", "line1", "postal_code"];
    let fields = call.fields(&needs.into_iter().chain(["line2", "tax_id", "tax_id_type"]).collect::<Vec<_>>())?;
    let mut errors = Errors::default();
    let [name, email, phone, country, city, line1, postal_code] = needs.map(|name| fields.required(name, &mut errors));
    let [line2, tax_id, tax_id_type] =
        ["line2", "tax_id", "tax_id_type"].map(|name| fields.text(name, &mut errors).unwrap_or_default());
    errors.none()?;
    let customer = json!({
        "organization_id": organization.to_string(),
        "name": name,
        "email": email,
        "phone": phone,
        "address": {"city": city, "country": country, "line1": line1, "line2": line2, "postal_code": postal_code},
        "tax": {"tax_id": tax_id, "tax_id_type": tax_id_type},
    });
    world.customers.retain(|(id, _)| *id != organization);
    world.customers.push((organization, customer.clone()));
    Answer::ok(&customer)
}

fn quotas(world: &mut World, call: &Call) -> Answered {
    let organization = seen(world, call)?;
    let clusters = world.clusters.iter().filter(|cluster| world.organization_of(cluster) == organization).count();
    Answer::ok(&json!([{"code": "clusters", "current_value": clusters, "quota": 1_000}]))
}

fn budget(world: &mut World, call: &Call) -> Answered {
    seen(world, call)?;
    Answer::ok(&json!({"remaining_budget_per_month": 10_000}))
}

/// Nothing costs anything here.
fn consumption(world: &mut World, call: &Call) -> Answered {
    seen(world, call)?;
    Answer::ok(&json!({
        "compute_consumption_this_month": [],
        "storage_consumption_this_month": {"cost": 0, "credits": 0, "gibhours": 0, "minutes": 0, "total": 0},
        "current_cost": {"hourly": {}, "monthly": {}},
    }))
}

fn payment_methods(world: &mut World, call: &Call) -> Answered {
    let organization = seen(world, call)?;
    let its = world.subscriptions.iter().filter(|known| known.organization == organization && known.active);
    let method = |subscription: &Subscription| {
        json!({
            "type": subscription.provider,
            "subscription_id": subscription.id.to_string(),
            "subscription": subscription.view(),
            "is_available": true,
            "is_setup": true,
        })
    };
    Answer::ok(&its.map(method).collect::<Vec<Value>>())
}
