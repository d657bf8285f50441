//! Regions and products.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::world::World;
use super::super::world::catalogue::{Region, product};
use super::super::world::people::random;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/regions/", regions),
    route("GET", "/api/v2/organizations/{organization_id}/regions/", regions_of_organization),
    route("POST", "/api/v2/regions/", create_region),
    route("DELETE", "/api/v2/regions/{region_name}/", delete_region),
    route("GET", "/api/v2/regions/{region_name}/install-token/", install_token),
    route("GET", "/api/v2/products/", products),
    route("GET", "/api/v2/products/{kind}/", products),
    route("GET", "/api/v2/products/clusters/price", price),
];

fn regions(world: &mut World, call: &Call) -> Answered {
    let only = call.query("organization_id").and_then(|id| id.parse::<Uuid>().ok());
    let visible = |region: &&Region| match region.edge {
        None => true,
        Some(id) => world.role(call, id).is_some() && only.is_none_or(|only| only == id),
    };
    let views: Vec<Value> = world.regions.iter().filter(visible).map(|region| region.view(call.now)).collect();
    Answer::ok(&views)
}

fn regions_of_organization(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_see(call, organization)?;
    let visible = world.regions.iter().filter(|region| region.edge.is_none_or(|id| id == organization));
    let views: Vec<Value> = visible.map(|region| region.view(call.now)).collect();
    Answer::ok(&views)
}

/// Users can make edge regions in their organization, and no others.
fn create_region(world: &mut World, call: &Call) -> Answered {
    let fields = call.fields(&["description", "organization_id", "aws_bucket", "aws_region", "provider"])?;
    let mut errors = Errors::default();
    let description = fields.required("description", &mut errors);
    if !fields.has("organization_id") {
        errors.add("organization_id", super::super::call::MISSING);
    }
    let organization = fields.id("organization_id", &mut errors);
    errors.none()?;
    let organization = organization.unwrap_or_default();
    world.may_change(call, organization)?;
    let name = format!("{}.edge", random(8));
    let region = Region { name, description, deprecated: false, edge: Some(organization), created: call.now };
    let answer = Answer::created(&region.view(call.now));
    world.regions.push(region);
    answer
}

/// The edge region of the path, for one who may change it.
fn edge_region(world: &World, call: &Call) -> Result<usize, Answer> {
    let name = call.param("region_name");
    let at = world.regions.iter().position(|region| region.name == name).ok_or_else(Answer::not_found)?;
    let organization = world.regions[at].edge.ok_or_else(Answer::forbidden)?;
    world.may_change(call, organization)?;
    Ok(at)
}

fn delete_region(world: &mut World, call: &Call) -> Answered {
    let at = edge_region(world, call)?;
    let name = &world.regions[at].name;
    let projects = world.projects.iter().filter(|project| project.region == *name);
    let related: Vec<Value> = projects.map(|project| json!({"id": project.id, "name": project.name})).collect();
    if !related.is_empty() {
        let message = "The region has resources deployed.";
        let body = json!({"success": false, "message": message, "errors": {}, "related_resources": related});
        return Err(Answer::json(400, &body));
    }
    world.regions.remove(at);
    Answer::nothing()
}

fn install_token(world: &mut World, call: &Call) -> Answered {
    edge_region(world, call)?;
    Answer::ok(&json!({"token": random(40)}))
}

/// One of each for every region that is not deprecated.
fn products(world: &mut World, call: &Call) -> Answered {
    let kind = call.query("kind").unwrap_or_else(|| call.param("kind")).to_owned();
    let kind = kind.strip_suffix('s').unwrap_or(&kind);
    let regions = world.regions.iter().filter(|region| !region.deprecated && region.edge.is_none());
    let views: Vec<Value> = regions
        .flat_map(|region| world.products.iter().map(|product| product.view(&region.name)))
        .filter(|view| kind.is_empty() || view["kind"] == kind)
        .filter(|view| {
            ["tier", "name", "plan", "offer"]
                .iter()
                .all(|key| call.query(key).is_none_or(|wanted| view[*key] == wanted))
        })
        .collect();
    Answer::ok(&views)
}

fn price(world: &mut World, call: &Call) -> Answered {
    let mut errors = Errors::default();
    for name in ["product_name", "product_tier", "product_unit", "region"] {
        if call.query(name).is_none() {
            errors.add(name, super::super::call::MISSING);
        }
    }
    errors.none()?;
    let text = |name: &str| call.query(name).unwrap_or_default();
    let unit: i32 = text("product_unit").parse().map_err(|_| Answer::field("product_unit", "Not a valid integer."))?;
    let product = product(&world.products, text("product_name"), text("product_tier"));
    let product = product.filter(|_| world.regions.iter().any(|region| region.name == text("region")));
    let product = product.ok_or_else(Answer::not_found)?;
    let bytes: i64 = text("storage_bytes").parse().unwrap_or(product.disk);
    let rounded = |price: f64| (price * 10_000.0).round() / 10_000.0;
    // A month has 730 hours to the vendor.
    let price =
        |per_hour: f64| json!({"price_per_hour": rounded(per_hour), "price_per_month": rounded(per_hour * 730.0)});
    #[expect(clippy::cast_precision_loss, reason = "prices and disks are far below 2^53")]
    let (compute, gib) = (product.price_per_minute as f64 * 60.0 / 1e6, bytes as f64 / 1024f64.powi(3));
    let compute = compute * f64::from(unit + 1);
    let storage = gib * f64::from(unit + 1) * 0.0003;
    Answer::ok(&json!({
        "cluster_price": price(compute),
        "storage_price": price(storage),
        "total_price": price(compute + storage),
    }))
}
