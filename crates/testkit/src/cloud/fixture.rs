//! Clusters that are there before anybody asks.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::world::World;
use super::world::catalogue::product;
use super::world::cluster::Cluster;
use super::world::operation::Effect;

/// A cluster as a test wants it: one that runs, of one node, in the first project, unless it says otherwise.
///
/// ```
/// use clusterkeep_testkit::cloud::Fixture;
///
/// let staging = Fixture::named("staging").suspended(true).product("cr2").nodes(3);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Fixture {
    name: String,
    id: Option<Uuid>,
    project: Option<Uuid>,
    subscription: Option<Uuid>,
    product: String,
    nodes: i64,
    version: String,
    channel: String,
    suspended: bool,
    protected: bool,
    health: String,
    username: String,
    password: String,
    allowed: Value,
    tables: Vec<String>,
    pub(super) backed_by: Option<String>,
}

impl Fixture {
    /// A cluster of this name; others may have the same.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: None,
            project: None,
            subscription: None,
            product: "cr1".to_owned(),
            nodes: 1,
            version: "6.4.3".to_owned(),
            channel: "stable".to_owned(),
            suspended: false,
            protected: false,
            health: "GREEN".to_owned(),
            username: "admin".to_owned(),
            password: "a-password-of-some-24-characters".to_owned(),
            allowed: json!([]),
            tables: vec!["doc.readings".to_owned()],
            backed_by: None,
        }
    }

    /// Its id, which is random otherwise.
    pub const fn id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// The project that it is in, instead of the first one.
    pub const fn project(mut self, project: Uuid) -> Self {
        self.project = Some(project);
        self
    }

    /// The subscription that pays for it, instead of the first one.
    pub const fn subscription(mut self, subscription: Uuid) -> Self {
        self.subscription = Some(subscription);
        self
    }

    /// Its product, instead of `cr1`. Those from `cr1` to `cr4` can be suspended.
    pub fn product(mut self, product: &str) -> Self {
        product.clone_into(&mut self.product);
        self
    }

    /// How many nodes it has.
    pub const fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes as i64;
        self
    }

    /// The version of CrateDB that it runs.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// `stable`, `testing` or `nightly`.
    pub fn channel(mut self, channel: &str) -> Self {
        channel.clone_into(&mut self.channel);
        self
    }

    /// Whether it is asleep.
    pub const fn suspended(mut self, suspended: bool) -> Self {
        self.suspended = suspended;
        self
    }

    /// Whether it may not be deleted.
    pub const fn protected(mut self, protected: bool) -> Self {
        self.protected = protected;
        self
    }

    /// What the Cloud says of its health while it runs: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`, `UNREACHABLE`.
    pub fn health(mut self, health: &str) -> Self {
        health.clone_into(&mut self.health);
        self
    }

    /// Its first user.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        name.clone_into(&mut self.username);
        password.clone_into(&mut self.password);
        self
    }

    /// The networks that may connect.
    pub fn allow(mut self, cidrs: &[&str]) -> Self {
        self.allowed = cidrs.iter().map(|cidr| json!({"cidr": cidr, "description": ""})).collect();
        self
    }

    /// The tables that its backups have, `doc.readings` if nothing is said.
    pub fn tables(mut self, tables: &[&str]) -> Self {
        self.tables = tables.iter().map(|&table| table.to_owned()).collect();
        self
    }

    /// The address of a real CrateDB, `http://[user[:password]@]127.0.0.1:4200`, that is behind it. The cluster's own
    /// `url` then leads there, as long as the cluster runs and for who brings a token of this Cloud, or name and
    /// password of the cluster's first user.
    pub fn backed_by(mut self, url: &str) -> Self {
        self.backed_by = Some(url.to_owned());
        self
    }

    /// The cluster itself, in the world that it is to come into.
    pub(super) fn build(self, world: &World, now: DateTime<Utc>) -> Cluster {
        let mut cluster = Cluster::new(&self.name, now);
        cluster.id = self.id.unwrap_or(cluster.id);
        cluster.project = self.project.or(world.projects.first().map(|project| project.id)).unwrap_or_default();
        let subscription = self.subscription.or(world.subscriptions.first().map(|subscription| subscription.id));
        cluster.subscription = subscription.unwrap_or_default().to_string();
        match product(&world.products, &self.product, "default") {
            Some(product) => cluster.is_of(product),
            None => {
                cluster.product = self.product;
                "default".clone_into(&mut cluster.tier);
            }
        }
        let region = world.project(cluster.project).map_or("nowhere", |project| &project.region);
        cluster.address(region);
        cluster.version = self.version;
        cluster.channel = self.channel;
        cluster.unit = self.nodes - 1;
        cluster.suspended = self.suspended;
        cluster.protected = self.protected;
        cluster.health = self.health;
        cluster.username = self.username;
        cluster.password = self.password;
        cluster.allowed = self.allowed;
        cluster.tables = self.tables;
        cluster.is_up = true;
        cluster
    }
}

impl World {
    /// Takes in a cluster that was made a day ago.
    pub(super) fn adopt(&mut self, mut cluster: Cluster, now: DateTime<Utc>) -> Result<Uuid, Answer> {
        let id = cluster.id;
        let yesterday = now - TimeDelta::days(1);
        cluster.created = yesterday;
        self.clusters.push(cluster);
        let failures = std::mem::take(&mut self.failures);
        let made = self.begin(id, yesterday, Effect::Created).map(|_| ());
        self.failures = failures;
        self.settle(now);
        made.map(|()| id)
    }
}
