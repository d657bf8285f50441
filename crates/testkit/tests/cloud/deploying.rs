//! Making clusters, and all that is refused.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_testkit::cloud::LocalCloud;
use serde_json::{Value, json};

use crate::caller::Caller;

fn wanted(cloud: &LocalCloud) -> Value {
    json!({
        "cluster": {
            "name": "staging",
            "crate_version": "6.4.3",
            "username": "admin",
            "password": "a-password-of-some-24-characters",
            "product_name": "cr1",
            "product_tier": "default",
            "channel": "stable",
        },
        "subscription_id": cloud.subscription(),
        "project_id": cloud.project(),
    })
}

async fn create(cloud: &LocalCloud, body: Value) -> (u16, Value) {
    Caller::of(cloud).call("POST", &format!("/organizations/{}/clusters/", cloud.organization()), body).await
}

#[tokio::test]
async fn a_cluster_is_there_at_once_and_up_later() {
    let clock = SimulatedClock::at("2026-07-10T10:00:00Z".parse().unwrap());
    let builder = LocalCloud::builder().clock(Arc::new(clock.clone())).operation_time(Duration::from_secs(1800));
    let cloud = builder.start().await.unwrap();
    let (status, created) = create(&cloud, wanted(&cloud)).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["health"], json!({"status": "UNREACHABLE", "running_operation": "CREATE", "last_seen": ""}));
    assert!(created.get("password").is_none());
    assert_eq!(created["fqdn"], "staging.aks1.westeurope.azure.cratedb.test.");
    clock.advance(TimeDelta::minutes(30));
    let id: uuid::Uuid = created["id"].as_str().unwrap().parse().unwrap();
    let up = cloud.cluster(id);
    assert_eq!(
        up["health"],
        json!({"status": "GREEN", "running_operation": "", "last_seen": "2026-07-10T10:30:00.000000"})
    );
    assert_eq!(cloud.operations(id)[0]["type"], "CREATE");
}

#[tokio::test]
async fn a_project_is_made_where_none_is_named() {
    let cloud = LocalCloud::start().await.unwrap();
    let mut body = wanted(&cloud);
    body["project"] = json!({"name": "staging", "region": "eks1.eu-west-1.aws"});
    let both = create(&cloud, body.clone()).await;
    assert_eq!((both.0, both.1["errors"].get("project_id").is_some()), (400, true));
    body.as_object_mut().unwrap().remove("project_id");
    let (status, created) = create(&cloud, body).await;
    assert_eq!(status, 201, "{created}");
    let project = format!("/projects/{}/", created["project_id"].as_str().unwrap());
    let project = Caller::of(&cloud).get(&project).await;
    assert_eq!((&project["name"], &project["region"]), (&json!("staging"), &json!("eks1.eu-west-1.aws")));
}

#[tokio::test]
async fn what_is_wrong_is_said_field_by_field() {
    let cloud = LocalCloud::start().await.unwrap();
    let cases = [
        ("/cluster/name", json!("ab"), "name"),
        ("/cluster/name", json!("not/safe"), "name"),
        ("/cluster/password", json!("short"), "password"),
        ("/cluster/product_name", json!("cr99"), "product_name"),
        ("/cluster/product_unit", json!(99), "product_unit"),
        ("/cluster/channel", json!("weekly"), "channel"),
        ("/cluster/crate_version", json!("nightly-6.0.0-2025-05-01-00-02"), "crate_version"),
        ("/cluster/colour", json!("red"), "colour"),
        ("/subscription_id", json!("a9b9e4d2-0000-0000-0000-000000000000"), "subscription_id"),
        ("/subscription_id", json!("free_tier"), "subscription_id"),
        ("/project_id", json!("a9b9e4d2-0000-0000-0000-000000000000"), "project_id"),
    ];
    for (place, value, field) in cases {
        let mut body = wanted(&cloud);
        let (parent, key) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        let (status, answer) = create(&cloud, body).await;
        assert_eq!(status, 400, "{place}: {answer}");
        let fields: Vec<&String> = answer["errors"].as_object().unwrap().keys().collect();
        assert_eq!(fields, [field], "{place}: {answer}");
    }
    assert_eq!(cloud.clusters(), Vec::<Value>::new());
    assert_eq!(Caller::of(&cloud).get("/projects/").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_organization_has_one_free_cluster() {
    let cloud = LocalCloud::start().await.unwrap();
    let mut body = wanted(&cloud);
    body["subscription_id"] = json!("free_tier");
    body["cluster"]["product_name"] = json!("crfree");
    assert_eq!(create(&cloud, body.clone()).await.0, 201);
    body["cluster"]["name"] = json!("another");
    let (status, answer) = create(&cloud, body).await;
    assert_eq!((status, answer["errors"].get("subscription_id").is_some()), (400, true), "{answer}");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let cloud = LocalCloud::start().await.unwrap();
    assert_eq!(create(&cloud, wanted(&cloud)).await.0, 201);
    let (status, answer) = create(&cloud, wanted(&cloud)).await;
    assert_eq!((status, answer["errors"].get("name").is_some()), (400, true), "{answer}");
    let caller = Caller::of(&cloud);
    let mut statuses = Vec::new();
    for name in ["staging", "other", "ab"] {
        statuses.push(caller.call("HEAD", &format!("/clusters/name/{name}/"), Value::Null).await.0);
    }
    assert_eq!(statuses, [200, 404, 400]);
}

#[tokio::test]
async fn clusters_go_with_their_subscription() {
    let cloud = LocalCloud::start().await.unwrap();
    assert_eq!(create(&cloud, wanted(&cloud)).await.0, 201);
    let path = format!("/subscriptions/{}/", cloud.subscription());
    let (status, body) = Caller::of(&cloud).call("DELETE", &path, Value::Null).await;
    assert_eq!((status, &body["active"]), (200, &json!(false)));
    assert_eq!(cloud.clusters(), Vec::<Value>::new());
}
