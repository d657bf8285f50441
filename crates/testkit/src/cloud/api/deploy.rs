//! Making clusters, with all that can be wrong about it.

use serde_json::json;
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, Fields, MISSING};
use super::super::world::World;
use super::super::world::catalogue::product;
use super::super::world::cluster::{Cluster, Hardware};
use super::super::world::operation::Effect;
use super::super::world::people::Project;
use super::super::world::versions;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] =
    &[route("POST", "/api/v2/organizations/{organization_id}/clusters/", create)];

/// What the API takes instead of a subscription's id for the free tier, of which an organization has one cluster.
const FREE: &str = "free_tier";
const FREE_PRODUCT: &str = "crfree";

/// When clusters are backed up: hourly.
pub(in crate::cloud) const SCHEDULE: &str = "55 * * * *";

/// `master_product_name` is newer than the vendor's document.
const CLUSTER: &[&str] = &[
    "crate_version",
    "name",
    "username",
    "password",
    "product_name",
    "product_tier",
    "product_unit",
    "channel",
    "hardware_specs",
    "master_product_name",
];
const HARDWARE: &[&str] =
    &["cpus_per_node", "memory_per_node_bytes", "disk_size_per_node_bytes", "disks_per_node", "disk_type"];

fn create(world: &mut World, call: &Call) -> Answered {
    let organization = call.id("organization_id")?;
    world.may_change(call, organization)?;
    let fields = call.fields(&["cluster", "subscription_id", "project_id", "project"])?;
    let Some(wanted) = fields.object("cluster", CLUSTER)? else {
        return Err(Answer::field("cluster", MISSING));
    };
    let mut errors = Errors::default();
    let mut cluster = cluster(world, call, &wanted, &mut errors)?;
    cluster.subscription = subscription(world, organization, &fields, &cluster.product, &mut errors);
    let project = project(world, organization, &fields, call, &mut errors)?;
    let taken = |other: &Cluster| {
        let region = world.project(other.project).map(|project| project.region.as_str());
        other.name == cluster.name && region.ok() == Some(project.region.as_str())
    };
    if world.clusters.iter().any(taken) {
        errors.add("name", "Name is already taken.");
    }
    errors.none()?;

    cluster.project = project.id;
    cluster.address(&project.region);
    if world.project(project.id).is_err() {
        world.projects.push(project);
    }
    if let Some(target) = world.backed_by.clone() {
        world.back(&mut cluster, target).map_err(|_| Answer::refusal(500, "An error occured."))?;
    }
    let id = cluster.id;
    world.clusters.push(cluster);
    let created = world.begin(id, call.now, Effect::Created)?;
    Answer::created(&created.view(call.now))
}

/// 3 to 63 letters, digits and dashes, as in a host's name.
pub(in crate::cloud) fn is_name(name: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&name.len()) && name.bytes().all(safe) && !name.starts_with('-') && !name.ends_with('-')
}

/// `^\w[\w\- ]*$`, up to 512 characters: how projects and products may be called.
pub(in crate::cloud) fn is_label(text: &str) -> bool {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let mut characters = text.chars();
    characters.next().is_some_and(word)
        && characters.all(|character| word(character) || "- ".contains(character))
        && text.chars().count() <= 512
}

fn cluster(world: &World, call: &Call, wanted: &Fields, errors: &mut Errors) -> Result<Cluster, Answer> {
    let name = wanted.required("name", errors);
    if wanted.has("name") && !(3..=63).contains(&name.chars().count()) {
        errors.add("name", "Length must be between 3 and 63.");
    } else if wanted.has("name") && !is_name(&name) {
        errors.add("name", "Name doesn't seem to be URL safe.");
    }
    let username = wanted.required("username", errors);
    let password = wanted.required("password", errors);
    if wanted.has("password") {
        check_password(&password, errors);
    }
    let channel = wanted.text("channel", errors).unwrap_or_else(|| "stable".to_owned());
    if !["stable", "testing", "nightly"].contains(&channel.as_str()) {
        errors.add("channel", "Must be one of: stable, testing, nightly.");
    }
    let version = wanted.required("crate_version", errors);
    if wanted.has("crate_version") && !versions::is_of_channel(&version, &channel) {
        errors.add("crate_version", &format!("Version {version} is not available in channel {channel}."));
    }
    let (name_of_product, tier) = (wanted.required("product_name", errors), wanted.required("product_tier", errors));
    let unit = wanted.integer("product_unit", errors).unwrap_or(0);
    let mut cluster = Cluster::new(&name, call.now);
    match product(&world.products, &name_of_product, &tier) {
        Some(product) => {
            cluster.is_of(product);
            if !(0..=product.units).contains(&unit) {
                errors.add("product_unit", "The product does not support this scale unit.");
            }
        }
        None if wanted.has("product_name") && wanted.has("product_tier") => {
            errors.add("product_name", &format!("There is no product {name_of_product} in tier {tier}."));
        }
        None => {}
    }
    if let Some(hardware) = wanted.object("hardware_specs", HARDWARE)?
        && let Some(size) = hardware.integer("disk_size_per_node_bytes", errors)
    {
        if !cluster.allow_custom_storage || size < cluster.hardware.disk_size {
            errors.add("hardware_specs", "The product does not support this disk size.");
        }
        cluster.hardware.disk_size = size;
    }
    cluster.version = version;
    cluster.channel = channel;
    cluster.unit = unit;
    cluster.username = username;
    cluster.password = password;
    Ok(cluster)
}

/// 24 to 128 characters.
pub(in crate::cloud) fn check_password(password: &str, errors: &mut Errors) {
    match password.chars().count() {
        ..24 => errors.add("password", "Shorter than minimum length 24."),
        129.. => errors.add("password", "Longer than maximum length 128."),
        _ => {}
    }
}

fn subscription(world: &World, organization: Uuid, fields: &Fields, product: &str, errors: &mut Errors) -> String {
    let id = fields.required("subscription_id", errors);
    if id.is_empty() {
        return id;
    }
    let is_free = product == FREE_PRODUCT;
    if id == FREE {
        let mine = |cluster: &Cluster| cluster.subscription == FREE && world.organization_of(cluster) == organization;
        if !is_free {
            errors.add("subscription_id", "The free tier is for the product crfree alone.");
        } else if world.clusters.iter().any(mine) {
            errors.add("subscription_id", "The organization has a free cluster already.");
        }
        return id;
    }
    let known = world.subscriptions.iter().any(|subscription| {
        id.parse() == Ok(subscription.id) && subscription.organization == organization && subscription.active
    });
    if !known {
        errors.add("subscription_id", "The subscription does not exist or is not active.");
    }
    id
}

/// The project that is named, or a new one that is not in the world yet.
fn project(
    world: &World,
    organization: Uuid,
    fields: &Fields,
    call: &Call,
    errors: &mut Errors,
) -> Result<Project, Answer> {
    let nowhere = Project::new("", organization, "", call.now);
    let wanted = fields.object("project", &["name", "region", "backup_location"])?;
    match (fields.id("project_id", errors), wanted) {
        (Some(_), Some(_)) => errors.add("project_id", "Only one of project_id and project can be given."),
        (None, None) if !fields.has("project_id") => {
            errors.add("project_id", "One of project_id and project is required.")
        }
        (None, None) => {}
        (Some(id), None) => {
            let known = world.projects.iter().find(|project| project.id == id && project.organization == organization);
            let Some(known) = known else {
                errors.add("project_id", "The project does not exist.");
                return Ok(nowhere);
            };
            return Ok(Project { id, ..Project::new(&known.name, organization, &known.region, call.now) });
        }
        (None, Some(wanted)) => {
            let (name, region) = (wanted.required("name", errors), wanted.required("region", errors));
            if wanted.has("name") && !is_label(&name) {
                errors.add("name", "String does not match expected pattern.");
            }
            if wanted.has("region") && !world.regions.iter().any(|known| known.name == region) {
                errors.add("region", "The region does not exist.");
            }
            return Ok(Project::new(&name, organization, &region, call.now));
        }
    }
    Ok(nowhere)
}

impl Cluster {
    /// A cluster that nothing is known of but its name.
    pub(in crate::cloud) fn new(name: &str, now: chrono::DateTime<chrono::Utc>) -> Self {
        let hardware = Hardware { cpus: 0.0, memory: 0, disk_size: 0, disks: 1, disk_type: "standard" };
        Self {
            id: Uuid::new_v4(),
            name: name.to_owned(),
            project: Uuid::nil(),
            subscription: String::new(),
            version: "6.4.3".to_owned(),
            channel: "stable".to_owned(),
            product: String::new(),
            tier: String::new(),
            unit: 0,
            username: "admin".to_owned(),
            password: String::new(),
            suspended: false,
            allow_suspend: false,
            allow_custom_storage: false,
            protected: false,
            schedule: SCHEDULE.to_owned(),
            allowed: json!([]),
            hardware,
            fqdn: String::new(),
            url: String::new(),
            created: now,
            modified: now,
            is_up: false,
            health: "GREEN".to_owned(),
            operations: Vec::new(),
            open: false,
            tables: vec!["doc.readings".to_owned()],
            door: None,
            backing: None,
        }
    }

    /// Gives it what comes with a product.
    pub(in crate::cloud) fn is_of(&mut self, product: &super::super::world::catalogue::Product) {
        self.product = product.name.to_owned();
        self.tier = product.tier.to_owned();
        self.hardware = Hardware::of(product);
        self.allow_suspend = product.suspendable;
        self.allow_custom_storage = product.disk_max > product.disk;
    }

    /// Gives it the address that it has in a region. It is under a name that is reserved for tests: nobody answers.
    pub(in crate::cloud) fn address(&mut self, region: &str) {
        self.fqdn = format!("{}.{region}.cratedb.test.", self.name);
        self.url = format!("https://{}.{region}.cratedb.test:4200", self.name);
    }
}
