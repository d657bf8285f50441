//! A plan is a function of what is wanted and what is there, and of nothing else.

use chrono::{DateTime, Utc};
use clusterkeep_core::change::{Change, Inventory, plan};
use clusterkeep_core::cloud::{Cluster, Product, Restore, RestoreWhat, Snapshot};
use clusterkeep_core::plan::Class;
use clusterkeep_core::plan::Decide as _;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(7);

fn cluster() -> impl Strategy<Value = Cluster> {
    let version = prop::sample::select(vec!["5.8.2", "6.1.0", "6.4.3", "nightly-6.0.0-2025-05-01-00-02"]);
    let networks = prop::sample::subsequence(vec!["10.0.0.0/8", "192.0.2.0/24", "0.0.0.0/0", "odd"], 0..4);
    (version, any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>(), 0..4_u32, networks, any::<Option<u8>>())
        .prop_map(|(version, suspended, protected, custom, unit, networks, gib)| {
            let list: Vec<_> = networks.iter().map(|cidr| json!({ "cidr": cidr })).collect();
            let mut value = json!({
                "id": ID, "name": "staging", "crate_version": version, "suspended": suspended, "product_name": "cr1",
                "product_tier": "default", "product_unit": unit, "num_nodes": unit + 1, "ip_whitelist": list,
                "channel": "stable", "allow_suspend": custom, "deletion_protected": protected, "allow_custom_storage": custom,
            });
            if let Some(gib) = gib {
                value["hardware_specs"] = json!({ "disk_size_per_node_bytes": u64::from(gib) << 30 });
            }
            serde_json::from_value(value).unwrap()
        })
}

fn product(name: &str, units: u32) -> Product {
    let scaling: Vec<_> = (0..units).map(|unit| json!({ "value": unit, "nodes": unit + 1 })).collect();
    serde_json::from_value(json!({ "name": name, "tier": "default", "scaling": scaling })).unwrap()
}

fn snapshot(name: &str, tables: &[&str]) -> Snapshot {
    serde_json::from_value(json!({ "repository": "r", "snapshot": name, "tables": tables })).unwrap()
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let prices = (any::<Option<u16>>(), any::<Option<u16>>());
    (cluster(), 0..4_u32, prices, any::<bool>(), any::<bool>()).prop_map(
        |(cluster, units, (now, then), busy, known)| {
            let mut inventory = Inventory::default();
            inventory.cluster = Some(cluster);
            inventory.running = busy.then(|| "scale".to_owned());
            inventory.products = vec![product("cr1", units)];
            inventory.available_products = vec![product("cr2", 2), product("cr3", 2)];
            inventory.upgrades =
                known.then(|| serde_json::from_value(json!({ "stable": { "version": "6.5.0" } })).unwrap());
            inventory.price_now = now.map(f64::from);
            inventory.price_then = then.map(f64::from);
            inventory.own_address = known.then(|| "10.1.2.3".parse().unwrap());
            inventory.snapshots = vec![snapshot("1", &["doc.a", "doc.b"]), snapshot("2", &[])];
            inventory
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let networks = prop::sample::subsequence(vec!["10.0.0.0/8", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"], 0..4);
    prop_oneof![
        Just(Change::Delete { cluster: ID }),
        (0..6_u32).prop_map(|unit| Change::Scale { cluster: ID, unit }),
        prop::sample::select(vec!["cr1", "cr2", "x"])
            .prop_map(|product| Change::ChangeProduct { cluster: ID, product: product.into() }),
        prop::sample::select(vec!["6.4.3", "6.4.2", "6.5.0", "6.6.0", "7.0.0", "odd"])
            .prop_map(|version| Change::Upgrade { cluster: ID, version: version.into() }),
        (1..200_u64).prop_map(|gib| Change::ExpandStorage { cluster: ID, bytes: gib << 30 }),
        networks.prop_map(|list| Change::Allow {
            cluster: ID,
            networks: list.iter().map(|text| text.parse().unwrap()).collect()
        }),
        any::<bool>().prop_map(|on| Change::Protect { cluster: ID, on }),
        (prop::sample::select(vec!["1", "2", "3"]), any::<bool>()).prop_map(|(name, some)| {
            let tables = if some { vec!["doc.a".to_owned(), "doc.z".to_owned()] } else { Vec::new() };
            Change::Restore { cluster: ID, restore: Restore::new("r", name).what(RestoreWhat::Tables(tables)) }
        }),
        Just(Change::Suspend { cluster: ID }),
    ]
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

proptest! {
    #[test]
    fn a_plan_is_the_same_each_time(change in change(), inventory in inventory()) {
        let one = plan(&change, &inventory, instant(0)).unwrap();
        let mut shuffled = inventory.clone();
        shuffled.available_products.reverse();
        shuffled.snapshots.reverse();
        if let Some(cluster) = &mut shuffled.cluster {
            cluster.ip_whitelist.reverse();
        }
        // Neither the order of what was read nor the time nor what goes on meanwhile is part of it.
        shuffled.running = None;
        let other = plan(&change, &shuffled, instant(1_000_000)).unwrap();
        prop_assert_eq!(one.hash, other.hash);
        prop_assert_eq!(one.verdicts.len(), other.verdicts.len());
        prop_assert!(!one.verdicts.is_empty());
    }

    #[test]
    fn a_step_is_there_where_something_is_done_and_nothing_is_refused(change in change(), inventory in inventory()) {
        let plan = plan(&change, &inventory, instant(0)).unwrap();
        let has = |class: Class| plan.verdicts.iter().any(|verdict| verdict.verdict.class() == class);
        prop_assert_eq!(plan.steps.len(), usize::from(has(Class::Act) && !has(Class::Refuse)));
        for step in &plan.steps {
            prop_assert!(!step.objects.is_empty());
        }
    }

    #[test]
    fn what_it_rests_on_is_in_the_hash(inventory in inventory(), unit in 0..6_u32) {
        let change = Change::Scale { cluster: ID, unit };
        let one = plan(&change, &inventory, instant(0)).unwrap();
        let mut moved = inventory.clone();
        if let Some(cluster) = &mut moved.cluster {
            cluster.num_nodes = cluster.num_nodes.map(|nodes| nodes + 1);
        }
        prop_assert_ne!(one.hash, plan(&change, &moved, instant(0)).unwrap().hash);
        let mut healthy = inventory.clone();
        if let Some(cluster) = &mut healthy.cluster {
            cluster.deletion_protected = Some(true);
            cluster.ip_whitelist.clear();
        }
        prop_assert_eq!(one.hash, plan(&change, &healthy, instant(0)).unwrap().hash);
    }
}
