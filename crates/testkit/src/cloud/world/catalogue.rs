//! What can be bought, and where it runs.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::time;
use super::cluster::GIB;

/// The region of everything that says nothing else.
pub(in crate::cloud) const REGION: &str = "aks1.westeurope.azure";

/// A place where clusters run.
#[derive(Debug)]
pub(in crate::cloud) struct Region {
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) description: String,
    pub(in crate::cloud) deprecated: bool,
    /// The organization whose own machines they are, if they are not the vendor's.
    pub(in crate::cloud) edge: Option<Uuid>,
    pub(in crate::cloud) created: DateTime<Utc>,
}

impl Region {
    pub(in crate::cloud) fn view(&self, now: DateTime<Utc>) -> Value {
        // An edge region is down until somebody installs it, which nobody does here.
        let (status, last_seen) = match self.edge {
            Some(_) => ("DOWN", String::new()),
            None => ("UP", time::bare(now)),
        };
        json!({
            "name": self.name,
            "description": self.description,
            "deprecated": self.deprecated,
            "is_edge_region": self.edge.is_some(),
            "organization_id": self.edge.map(|id| id.to_string()).unwrap_or_default(),
            "status": status,
            "last_seen": last_seen,
            "upgrade_available": false,
            "dc": time::dc(self.created, self.created),
        })
    }
}

pub(super) fn regions(created: DateTime<Utc>) -> Vec<Region> {
    let region = |name: &str, description: &str, deprecated| Region {
        name: name.to_owned(),
        description: description.to_owned(),
        deprecated,
        edge: None,
        created,
    };
    vec![
        region(REGION, "Azure West Europe", false),
        region("aks1.eastus2.azure", "Azure East US 2", false),
        region("aks1.eastus.azure", "Azure East US", true),
        region("eks1.eu-west-1.aws", "AWS EU West 1", false),
    ]
}

/// A product, or rather a size of cluster.
#[derive(Debug)]
pub(in crate::cloud) struct Product {
    pub(in crate::cloud) name: &'static str,
    pub(in crate::cloud) tier: &'static str,
    pub(in crate::cloud) label: &'static str,
    pub(in crate::cloud) kind: &'static str,
    pub(in crate::cloud) cpus: f64,
    /// Bytes for each node.
    pub(in crate::cloud) ram: i64,
    /// Bytes for each node, to begin with.
    pub(in crate::cloud) disk: i64,
    /// Bytes for each node, at most.
    pub(in crate::cloud) disk_max: i64,
    /// The largest unit; unit 0 is one node.
    pub(in crate::cloud) units: i64,
    /// In millionths of a cent for each node.
    pub(in crate::cloud) price_per_minute: i64,
    pub(in crate::cloud) suspendable: bool,
}

/// The one tier of all products.
const TIER: &str = "default";

pub(super) fn products() -> Vec<Product> {
    let shared = |name, label, cpus, gib, disk, price| Product {
        name,
        tier: TIER,
        label,
        kind: "cluster",
        cpus,
        ram: gib * GIB,
        disk: disk * GIB,
        disk_max: disk * GIB,
        units: 0,
        price_per_minute: price,
        suspendable: false,
    };
    let dedicated = |name, label, cpus, gib, price, suspendable| Product {
        name,
        tier: TIER,
        label,
        kind: "cluster",
        cpus,
        ram: gib * GIB,
        disk: 32 * GIB,
        disk_max: 8192 * GIB,
        units: 8,
        price_per_minute: price,
        suspendable,
    };
    let storage = Product {
        name: "storage",
        tier: TIER,
        label: "Storage",
        kind: "storage",
        cpus: 0.0,
        ram: 0,
        disk: 32 * GIB,
        disk_max: 8192 * GIB,
        units: 0,
        price_per_minute: 3,
        suspendable: false,
    };
    vec![
        shared("crfree", "CRFREE", 2.0, 2, 8, 0),
        shared("s2", "S2", 2.0, 2, 32, 1_200),
        shared("s4", "S4", 2.0, 4, 64, 2_400),
        shared("s6", "S6", 3.0, 6, 96, 3_600),
        shared("s12", "S12", 4.0, 12, 192, 7_200),
        dedicated("cr1", "CR1", 2.0, 7, 5_000, true),
        dedicated("cr2", "CR2", 4.0, 14, 10_000, true),
        dedicated("cr3", "CR3", 8.0, 28, 20_000, true),
        dedicated("cr4", "CR4", 16.0, 56, 40_000, true),
        dedicated("cr5", "CR5", 32.0, 112, 80_000, false),
        storage,
    ]
}

/// The product for clusters of that name and tier.
pub(in crate::cloud) fn product<'a>(products: &'a [Product], name: &str, tier: &str) -> Option<&'a Product> {
    products.iter().find(|product| product.kind == "cluster" && product.name == name && product.tier == tier)
}

impl Product {
    pub(in crate::cloud) fn view(&self, region: &str) -> Value {
        let scaling: Vec<Value> = (0..=self.units)
            .map(|unit| {
                json!({
                    "value": unit,
                    "nodes": unit + 1,
                    "description": if unit == 0 { "1 node".to_owned() } else { format!("{} nodes", unit + 1) },
                    "price_per_minute": self.price_per_minute * (unit + 1),
                })
            })
            .collect();
        json!({
            "kind": self.kind,
            "name": self.name,
            "tier": self.tier,
            "label": self.label,
            "description": format!("{} in {region}", self.label),
            "region": region,
            "offer": "cratedb-cloud",
            "plan": format!("{}-{}", self.name, self.tier),
            "deprecated": false,
            "price_per_dtu_minute": self.price_per_minute,
            "scale_summary": format!("1 - {} nodes", self.units + 1),
            "scaling": scaling,
            "specs": {
                "cpu_cores": self.cpus,
                "ram_bytes": self.ram,
                "storage_bytes": self.disk,
                "storage_minimum_bytes": self.disk,
                "storage_maximum_bytes": self.disk_max,
            },
            "tags": if self.suspendable { json!(["suspendable"]) } else { json!([]) },
        })
    }
}
