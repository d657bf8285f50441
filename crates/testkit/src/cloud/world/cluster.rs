//! A cluster, and what operations do to it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::super::answer::Answer;
use super::super::backing::Door;
use super::World;
use super::catalogue::{Product, product};
use super::operation::{Effect, Kind, Operation};

/// The API's words for "not now".
pub(in crate::cloud) const CONFLICT: &str =
    "Another cluster operation is currently in progress, please try again later.";

/// A gibibyte, in which disks are sized.
pub(in crate::cloud) const GIB: i64 = 1024 * 1024 * 1024;

/// One cluster.
#[derive(Debug)]
pub(in crate::cloud) struct Cluster {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) project: Uuid,
    pub(in crate::cloud) subscription: String,
    pub(in crate::cloud) version: String,
    pub(in crate::cloud) channel: String,
    pub(in crate::cloud) product: String,
    pub(in crate::cloud) tier: String,
    pub(in crate::cloud) unit: i64,
    pub(in crate::cloud) username: String,
    pub(in crate::cloud) password: String,
    pub(in crate::cloud) suspended: bool,
    pub(in crate::cloud) allow_suspend: bool,
    pub(in crate::cloud) allow_custom_storage: bool,
    pub(in crate::cloud) protected: bool,
    pub(in crate::cloud) schedule: String,
    pub(in crate::cloud) allowed: Value,
    pub(in crate::cloud) hardware: Hardware,
    pub(in crate::cloud) fqdn: String,
    pub(in crate::cloud) url: String,
    pub(in crate::cloud) created: DateTime<Utc>,
    pub(in crate::cloud) modified: DateTime<Utc>,
    /// Its creation has succeeded.
    pub(in crate::cloud) is_up: bool,
    /// What health says of it while it runs.
    pub(in crate::cloud) health: String,
    /// Oldest first.
    pub(in crate::cloud) operations: Vec<Operation>,
    /// The newest operation has not been settled.
    pub(in crate::cloud) open: bool,
    /// The tables that its backups have.
    pub(in crate::cloud) tables: Vec<String>,
    /// The way to the real database behind it, where there is one.
    pub(in crate::cloud) door: Option<Door>,
    /// The address of that database.
    pub(in crate::cloud) backing: Option<Url>,
}

/// What one node has.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cloud) struct Hardware {
    pub(in crate::cloud) cpus: f64,
    pub(in crate::cloud) memory: i64,
    pub(in crate::cloud) disk_size: i64,
    pub(in crate::cloud) disks: i64,
    pub(in crate::cloud) disk_type: &'static str,
}

impl Hardware {
    pub(in crate::cloud) const fn of(product: &Product) -> Self {
        Self {
            cpus: product.cpus,
            memory: product.ram,
            disk_size: product.disk,
            disks: 1,
            disk_type: if product.suspendable { "premium" } else { "standard" },
        }
    }
}

impl Cluster {
    /// Nodes, also where they are asleep.
    pub(in crate::cloud) const fn nodes(&self) -> i64 {
        self.unit + 1
    }

    /// The operation that is going on.
    pub(in crate::cloud) fn running(&self) -> Option<&Operation> {
        if self.open { self.operations.last() } else { None }
    }

    /// Nothing else may be going on.
    pub(in crate::cloud) fn is_free(&self, conflict_status: u16) -> Result<(), Answer> {
        match self.running() {
            None => Ok(()),
            Some(_) if conflict_status == 400 => Err(Answer::bad(CONFLICT)),
            Some(_) => Err(Answer::refusal(conflict_status, CONFLICT)),
        }
    }

    /// What is asked for needs nodes that run.
    pub(in crate::cloud) fn is_awake(&self) -> Result<(), Answer> {
        if self.suspended { Err(Answer::bad("The cluster is suspended.")) } else { Ok(()) }
    }

    /// Takes over what the operation has brought about, once it has ended.
    pub(in crate::cloud) fn settle(&mut self, now: DateTime<Utc>, products: &[Product]) {
        let Some(operation) = self.operations.last() else { return };
        if !operation.has_ended(now) {
            return;
        }
        self.open = false;
        self.modified = operation.ends();
        if operation.failure.is_some() {
            return;
        }
        match operation.effect.clone() {
            Effect::Created => self.is_up = true,
            Effect::Suspended(suspended) => self.suspended = suspended,
            Effect::Unit(unit) => self.unit = unit,
            Effect::Version(version) => self.version = version,
            Effect::DiskSize(size) => self.hardware.disk_size = size,
            Effect::Allow(list) => self.allowed = list,
            Effect::Schedule(schedule) => self.schedule = schedule,
            Effect::Password(password) => self.password = password,
            Effect::Restored => {}
            Effect::Product(name) => {
                if let Some(product) = product(products, &name, &self.tier) {
                    let disk_size = self.hardware.disk_size.max(product.disk);
                    self.hardware = Hardware { disk_size, ..Hardware::of(product) };
                    self.allow_suspend = product.suspendable;
                    self.allow_custom_storage = product.disk_max > product.disk;
                }
                self.product = name;
            }
        }
    }
}

impl World {
    /// Begins an operation on the cluster, unless one is going on.
    pub(in crate::cloud) fn begin(
        &mut self,
        id: Uuid,
        now: DateTime<Utc>,
        effect: Effect,
    ) -> Result<&mut Cluster, Answer> {
        let at = self.clusters.iter().position(|cluster| cluster.id == id).ok_or_else(Answer::not_found)?;
        self.clusters[at].is_free(self.conflict_status)?;
        let (kind, messages, facts) = script(&self.clusters[at], &effect);
        let operation = Operation {
            id: Uuid::new_v4(),
            kind,
            cluster: id,
            began: now,
            length: self.operation_time,
            effect,
            messages,
            failure: self.failure(kind),
            facts,
        };
        let cluster = &mut self.clusters[at];
        cluster.operations.push(operation);
        cluster.open = true;
        cluster.modified = now;
        Ok(cluster)
    }
}

/// The kind of an operation, what it says on its way, and the facts it is listed with.
fn script(cluster: &Cluster, effect: &Effect) -> (Kind, Vec<String>, Value) {
    let nodes = cluster.nodes();
    let rolling = |what: &str| {
        (1..=nodes).map(|node| format!("{what} Waiting for node {node}/{nodes} to be restarted.")).collect::<Vec<_>>()
    };
    let one = |text: &str| vec![text.to_owned()];
    match effect {
        Effect::Created => {
            let text = "Cluster creation started. Waiting for the node(s) to be created and creating other required \
                        resources.";
            (Kind::Create, vec![text.to_owned(), format!("Waiting for {nodes} node(s) to be present.")], json!({}))
        }
        Effect::Suspended(true) => {
            let waits = (1..=nodes).map(|node| format!("Waiting for node {node}/{nodes} to be terminated."));
            (Kind::Suspend, std::iter::once("Suspending cluster.".to_owned()).chain(waits).collect(), json!({}))
        }
        Effect::Suspended(false) => {
            let text =
                format!("Starting cluster. Scaling back up to {nodes} nodes. Waiting for node(s) to be present.");
            (Kind::Suspend, vec![text], json!({}))
        }
        Effect::Unit(unit) => {
            let (from, to) = (nodes, unit + 1);
            let text = match to >= from {
                true => format!("Scaling up from {from} to {to} nodes. Waiting for new node(s) to be present."),
                false => format!("Scaling down from {from} to {to} nodes. Waiting for node(s) to be terminated."),
            };
            let facts = json!({
                "current_product_unit": cluster.unit,
                "current_num_nodes": from,
                "target_product_unit": unit,
                "target_num_nodes": to,
            });
            (Kind::Scale, vec![text], facts)
        }
        Effect::Version(version) => {
            let facts = json!({"current_version": cluster.version, "target_version": version});
            (Kind::Upgrade, rolling("Upgrading cluster."), facts)
        }
        Effect::Product(_) => (Kind::Product, rolling("Changing product."), json!({})),
        Effect::DiskSize(_) => (Kind::Storage, one("Expanding storage. Waiting for volumes to be resized."), json!({})),
        Effect::Allow(list) => {
            let facts = json!({"current_ip_whitelist": cluster.allowed, "target_ip_whitelist": list});
            (Kind::Allow, one("Updating IP restrictions."), facts)
        }
        Effect::Schedule(_) => (Kind::BackupSchedule, one("Updating backup schedule."), json!({})),
        Effect::Password(_) => (Kind::Password, one("Updating password."), json!({})),
        Effect::Restored => (Kind::Restore, one("Restoring snapshot."), json!({})),
    }
}
