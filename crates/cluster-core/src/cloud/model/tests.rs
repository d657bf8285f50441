//! What comes from the service is read as it comes.

use serde_json::json;

use super::*;

#[test]
fn a_cluster_right_after_its_creation_is_read() {
    let cluster: Cluster = serde_json::from_value(json!({
        "id": "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191", "name": "staging", "ip_whitelist": null, "fqdn": "s.aks1.cratedb.net.",
        "health": {"last_seen": "", "running_operation": "CREATE", "status": "UNREACHABLE"}, "suspended": false,
        "product_unit": 1.0, "num_nodes": "many", "channel": "weekly", "master_product_name": "master_cr2",
        "dc": {"created": "2026-07-10T10:41:02.983000+00:00", "modified": "2026-07-10T10:41:02.983000"},
        "last_async_operation": {"id": "x", "type": "SUSPEND", "status": "SENT", "dc": null},
    }))
    .unwrap();
    assert_eq!(cluster.running_operation(), Some(&OperationKind::Create));
    assert_eq!(cluster.status(), Some(&HealthStatus::Unreachable));
    assert_eq!(cluster.health.as_ref().unwrap().last_seen, None);
    assert_eq!((cluster.product_unit, cluster.num_nodes), (Some(1), None));
    assert_eq!(cluster.channel, Some(Channel::Other("weekly".into())));
    assert_eq!(cluster.database_url().as_deref(), Some("https://s.aks1.cratedb.net:4200"));
    let dc = cluster.dc.as_ref().unwrap();
    assert_eq!(dc.created, dc.modified);
    let again = serde_json::to_value(&cluster).unwrap();
    assert_eq!(again["master_product_name"], "master_cr2", "what is new is kept");
    assert_eq!(again["last_async_operation"]["type"], "SUSPEND");
}

#[test]
fn a_message_is_found_wherever_it_is() {
    let read =
        |feedback| -> Operation { serde_json::from_value(json!({"id": "1", "feedback_data": feedback})).unwrap() };
    assert_eq!(read(json!({"message": "Suspending cluster."})).message(), Some("Suspending cluster."));
    assert_eq!(read(json!("Suspending cluster.")).message(), Some("Suspending cluster."));
    for nothing in [json!(null), json!({}), json!(""), json!({"message": null}), json!([])] {
        assert_eq!(read(nothing).message(), None);
    }
}

#[test]
fn what_has_no_id_is_no_cluster() {
    assert!(serde_json::from_value::<Cluster>(json!({"name": "staging"})).is_err());
}
