//! A cluster as `GET` answers: serialised straight from its fields, since lists of thousands are asked for.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::time::{self, DublinCore};
use super::cluster::Cluster;

#[derive(Serialize)]
struct View<'a> {
    id: uuid::Uuid,
    name: &'a str,
    project_id: uuid::Uuid,
    subscription_id: &'a str,
    crate_version: &'a str,
    channel: &'a str,
    product_name: &'a str,
    product_tier: &'a str,
    product_unit: i64,
    num_nodes: i64,
    username: &'a str,
    url: &'a str,
    fqdn: &'a str,
    external_ip: &'a str,
    origin: &'a str,
    suspended: bool,
    allow_suspend: bool,
    allow_custom_storage: bool,
    deletion_protected: bool,
    gc_available: bool,
    backup_schedule: &'a str,
    ip_whitelist: &'a Value,
    hardware_specs: HardwareView,
    health: HealthView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_async_operation: Option<OperationView>,
    dc: DublinCore,
}

#[derive(Serialize)]
struct HardwareView {
    cpus_per_node: f64,
    memory_per_node_bytes: i64,
    disk_size_per_node_bytes: i64,
    disks_per_node: i64,
    disk_type: &'static str,
    heap_size_bytes: i64,
}

/// An operation as its cluster has it.
#[derive(Serialize)]
struct OperationView {
    id: uuid::Uuid,
    r#type: &'static str,
    status: &'static str,
    dc: DublinCore,
}

#[derive(Serialize)]
struct HealthView<'a> {
    status: &'a str,
    running_operation: &'a str,
    last_seen: String,
}

impl Cluster {
    /// As `GET` answers.
    pub(in crate::cloud) fn view(&self, now: DateTime<Utc>) -> impl Serialize {
        let status = match (self.is_up, self.suspended) {
            (false, _) => "UNREACHABLE",
            (true, true) => "SUSPENDED",
            (true, false) => &self.health,
        };
        // Seen last when it was looked at last: it reports all the time, unless it sleeps.
        let last_seen = match (self.is_up, self.suspended) {
            (false, _) => String::new(),
            (true, true) => time::bare(self.modified),
            (true, false) => time::bare(now),
        };
        View {
            id: self.id,
            name: &self.name,
            project_id: self.project,
            subscription_id: &self.subscription,
            crate_version: &self.version,
            channel: &self.channel,
            product_name: &self.product,
            product_tier: &self.tier,
            product_unit: self.unit,
            num_nodes: self.nodes(),
            username: &self.username,
            url: &self.url,
            fqdn: &self.fqdn,
            // An address for documentation: nobody has it.
            external_ip: if self.is_up { "203.0.113.17" } else { "" },
            origin: "cloud",
            suspended: self.suspended,
            allow_suspend: self.allow_suspend,
            allow_custom_storage: self.allow_custom_storage,
            deletion_protected: self.protected,
            gc_available: true,
            backup_schedule: &self.schedule,
            ip_whitelist: &self.allowed,
            hardware_specs: HardwareView {
                cpus_per_node: self.hardware.cpus,
                memory_per_node_bytes: self.hardware.memory,
                disk_size_per_node_bytes: self.hardware.disk_size,
                disks_per_node: self.hardware.disks,
                disk_type: self.hardware.disk_type,
                heap_size_bytes: self.hardware.memory / 2,
            },
            health: HealthView {
                status,
                running_operation: self.running().map_or("", |operation| operation.kind.word()),
                last_seen,
            },
            last_async_operation: self.operations.last().map(|operation| {
                let (status, _, since) = operation.state(now);
                OperationView {
                    id: operation.id,
                    r#type: operation.kind.word(),
                    status: status.word(),
                    dc: DublinCore::new(operation.began, since),
                }
            }),
            dc: DublinCore::new(self.created, self.modified),
        }
    }

    /// The same as a value.
    pub(in crate::cloud) fn value(&self, now: DateTime<Utc>) -> Value {
        serde_json::to_value(self.view(now)).unwrap_or_else(|_| json!({}))
    }
}
