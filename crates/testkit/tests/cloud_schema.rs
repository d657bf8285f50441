//! Every answer of the local Cloud that is not a fault, checked against the vendor's document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "the other tests of the Cloud use the rest")]
#[path = "cloud/caller.rs"]
mod caller;
#[path = "cloud_schema/document.rs"]
mod document;
#[path = "cloud_schema/drive.rs"]
mod drive;

use std::collections::BTreeSet;
use std::time::Duration;

use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::document::Document;
use crate::drive::Drive;

/// Endpoints that the vendor's document does not have.
const BEYOND: [(&str, &str); 3] = [
    // The vendor's own client calls it.
    ("POST", "/api/v2/clusters/{cluster_id}/transfer-subscription/"),
    // Pre-signed addresses: the real ones are of a storage service.
    ("PUT", "/uploads/{token}"),
    ("GET", "/downloads/{token}"),
];

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let cloud = LocalCloud::builder().operation_time(Duration::ZERO).start().await.unwrap();
    let mut drive = Drive::new(&cloud);
    organizations(&mut drive, &cloud).await;
    projects(&mut drive, &cloud).await;
    catalogue(&mut drive, &cloud).await;
    people(&mut drive, &cloud).await;
    let (cluster, source) = (
        cloud.add_cluster(Fixture::named("staging").product("cr2").version("6.3.2")).unwrap(),
        cloud.add_cluster(Fixture::named("source")).unwrap(),
    );
    clusters(&mut drive, &cloud, cluster).await;
    changes(&mut drive, &cloud, cluster).await;
    data(&mut drive, &cloud, cluster, source).await;
    while_it_lasts(&mut drive, &cloud, source).await;
    subscriptions(&mut drive, &cloud).await;
    refusals(&mut drive, &cloud, cluster).await;
    drive.finish();

    let driven: BTreeSet<_> = drive.driven.iter().map(|(method, path, _)| (method.as_str(), path.as_str())).collect();
    let left: Vec<_> = LocalCloud::endpoints().filter(|endpoint| !driven.contains(endpoint)).collect();
    assert_eq!(left, [], "endpoints that no answer was seen of");
    let document = Document::read();
    let beyond: Vec<_> = LocalCloud::endpoints().filter(|(method, path)| !document.has(method, path)).collect();
    assert_eq!(beyond.iter().collect::<BTreeSet<_>>(), BEYOND.iter().collect(), "endpoints that the document lacks");
}

async fn organizations(drive: &mut Drive, cloud: &LocalCloud) {
    let organization = cloud.organization();
    let made = drive.ok("POST", "/organizations/", json!({"name": "Other", "plan_type": 2})).await;
    let path = format!("/organizations/{}/", made["id"].as_str().unwrap());
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("PUT", &path, json!({"name": "Another", "email": "other@example.org"})).await;
    drive.ok("DELETE", &path, Value::Null).await;
    drive.ok("GET", "/organizations/", Value::Null).await;
    let path = format!("/organizations/{organization}");
    for part in ["quotas", "remaining-budget", "consumption/current-month", "payment-methods", "invitations"] {
        drive.ok("GET", &format!("{path}/{part}/"), Value::Null).await;
    }
    let credit = json!({"amount": 10_000, "expiration_date": "2030-01-01T00:00:00+00:00", "comment": "thanks"});
    let credit = drive.sudo("POST", &format!("{path}/credits/"), credit).await;
    let one = format!("{path}/credits/{}/", credit["id"].as_str().unwrap());
    drive.sudo("PATCH", &one, json!({"comment": "many thanks"})).await;
    drive.ok("GET", &format!("{path}/credits/"), Value::Null).await;
    drive.sudo("DELETE", &one, Value::Null).await;
    let customer = json!({
        "name": "We", "email": "we@example.org", "phone": "0", "country": "AT", "city": "Dornbirn",
        "line1": "Street 1", "postal_code": "6850",
    });
    drive.ok("PUT", &format!("{path}/customer/"), customer).await;
    drive.ok("GET", &format!("{path}/customer/"), Value::Null).await;
}

async fn projects(drive: &mut Drive, cloud: &LocalCloud) {
    let organization = cloud.organization();
    let backup = json!({"location_type": "s3", "location": "bucket", "credentials": {"access_key_id": "a"}});
    let body = json!({"name": "new", "organization_id": organization, "backup_location": backup});
    let made = drive.ok("POST", "/projects/", body).await;
    let path = format!("/projects/{}/", made["id"].as_str().unwrap());
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("PATCH", &path, json!({"name": "newer"})).await;
    let member = json!({"user": "member@example.org", "role_fqn": "project_member"});
    drive.ok("POST", &format!("{path}users/"), member.clone()).await;
    drive.ok("POST", &format!("{path}users/"), member).await;
    drive.ok("GET", &format!("{path}users/"), Value::Null).await;
    drive.ok("DELETE", &format!("{path}users/member@example.org/"), Value::Null).await;
    drive.ok("GET", &format!("{path}clusters/"), Value::Null).await;
    drive.ok("DELETE", &path, Value::Null).await;
    drive.ok("GET", "/projects/", Value::Null).await;
    drive.ok("GET", &format!("/organizations/{organization}/projects/"), Value::Null).await;
}

async fn catalogue(drive: &mut Drive, cloud: &LocalCloud) {
    let organization = cloud.organization();
    let region = json!({"description": "Our own", "organization_id": organization});
    let region = drive.ok("POST", "/regions/", region).await;
    let path = format!("/regions/{}/", region["name"].as_str().unwrap());
    drive.ok("GET", &format!("{path}install-token/"), Value::Null).await;
    drive.ok("GET", "/regions/", Value::Null).await;
    drive.ok("GET", &format!("/organizations/{organization}/regions/"), Value::Null).await;
    drive.ok("DELETE", &path, Value::Null).await;
    drive.ok("GET", "/products/", Value::Null).await;
    drive.ok("GET", "/products/storage/", Value::Null).await;
    let price = "product_name=cr1&product_tier=default&product_unit=2&region=aks1.westeurope.azure";
    let price = drive.ok("GET", &format!("/products/clusters/price?{price}"), Value::Null).await;
    assert!(price["total_price"]["price_per_hour"].as_f64().unwrap() > 0.0);
    for path in ["/meta/", "/meta/cratedb-versions/", "/meta/ip-address/", "/meta/jwk/", "/features/status/", "/roles/"]
    {
        drive.ok("GET", path, Value::Null).await;
    }
}

async fn people(drive: &mut Drive, cloud: &LocalCloud) {
    drive.ok("GET", "/users/me/", Value::Null).await;
    drive.ok("PATCH", "/users/me/", json!({"email": "new@example.org"})).await;
    let made = drive.ok("POST", "/users/me/api-keys/", Value::Null).await;
    let path = format!("/users/me/api-keys/{}/", made["key"]["key"].as_str().unwrap());
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("PATCH", &path, json!({"active": false})).await;
    drive.ok("DELETE", &path, Value::Null).await;
    drive.ok("GET", "/users/me/api-keys/", Value::Null).await;
    drive.sudo("GET", "/users/", Value::Null).await;
    let path = format!("/organizations/{}/users/", cloud.organization());
    let member = json!({"user": "new@example.org", "role_fqn": "org_member"});
    drive.ok("POST", &path, member.clone()).await;
    drive.ok("POST", &path, member).await;
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("DELETE", &format!("{path}new@example.org/"), Value::Null).await;
}

async fn clusters(drive: &mut Drive, cloud: &LocalCloud, cluster: Uuid) {
    let organization = cloud.organization();
    drive.ok("GET", "/clusters/", Value::Null).await;
    drive.ok("GET", &format!("/organizations/{organization}/clusters/"), Value::Null).await;
    drive.ok("HEAD", "/clusters/name/staging/", Value::Null).await;
    let wanted = json!({
        "cluster": {
            "name": "made", "crate_version": "6.4.3", "username": "admin", "password": "x".repeat(24),
            "product_name": "cr1", "product_tier": "default",
        },
        "subscription_id": cloud.subscription(),
        "project": {"name": "made", "region": "aks1.eastus2.azure"},
    });
    let made = drive.ok("POST", &format!("/organizations/{organization}/clusters/"), wanted).await;
    let made = format!("/clusters/{}/", made["id"].as_str().unwrap());
    drive.ok("DELETE", &made, Value::Null).await;
    let path = format!("/clusters/{cluster}");
    for part in ["", "/available-products", "/available-upgrades", "/operations"] {
        drive.ok("GET", &format!("{path}{part}/"), Value::Null).await;
    }
    drive.ok("GET", &format!("{path}/metrics/crate_query_count/?minutes_ago=3"), Value::Null).await;
    let token = drive.ok("GET", &format!("{path}/jwt/"), Value::Null).await;
    drive.ok("POST", "/meta/jwt/refresh/", json!({"refresh_token": token["refresh"]})).await;
    drive.ok("DELETE", &format!("{path}/nodes/0"), Value::Null).await;
}

async fn changes(drive: &mut Drive, cloud: &LocalCloud, cluster: Uuid) {
    let path = format!("/clusters/{cluster}/");
    drive.ok("PATCH", &path, json!({"password": "y".repeat(24)})).await;
    for (part, body) in [
        ("scale", json!({"product_unit": 2})),
        ("product", json!({"product_name": "cr3"})),
        ("upgrade", json!({"crate_version": "6.4.3"})),
        ("storage", json!({"disk_size_per_node_bytes": 64_i64 << 30})),
        ("ip-restrictions", json!({"ip_whitelist": [{"cidr": "192.0.2.0/24", "description": "office"}]})),
        ("backup-schedule", json!({"backup_hours": "2,4,6"})),
        ("deletion-protection", json!({"deletion_protected": true})),
        ("deletion-protection", json!({"deletion_protected": false})),
        ("suspend", json!({"suspended": true})),
    ] {
        drive.ok("PUT", &format!("{path}{part}/"), body).await;
    }
    // While it sleeps.
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("GET", &format!("{path}metrics/crate_query_count/"), Value::Null).await;
    drive.ok("PUT", &format!("{path}suspend/"), json!({"suspended": false})).await;
    let operations = drive.ok("GET", &format!("{path}operations/"), Value::Null).await;
    assert_eq!(operations["operations"].as_array().unwrap().len(), 10);
    let now = drive.ok("GET", &path, Value::Null).await;
    assert_eq!(
        [&now["num_nodes"], &now["product_name"], &now["crate_version"], &now["backup_schedule"]],
        [&json!(3), &json!("cr3"), &json!("6.4.3"), &json!("55 2,4,6 * * *")]
    );
    assert_eq!(now["hardware_specs"]["disk_size_per_node_bytes"], 64_i64 << 30);
    assert_eq!(now["ip_whitelist"], json!([{"cidr": "192.0.2.0/24", "description": "office"}]));
    let new = cloud.add_subscription(cloud.organization(), "new");
    let body = json!({"old_subscription_id": cloud.subscription(), "new_subscription_id": new});
    drive.sudo("POST", &format!("{path}transfer-subscription/"), body).await;
}

async fn data(drive: &mut Drive, cloud: &LocalCloud, cluster: Uuid, source: Uuid) {
    let organization = format!("/organizations/{}", cloud.organization());
    let file = drive.ok("POST", &format!("{organization}/files/"), json!({"name": "data.csv"})).await;
    drive.upload(file["upload_url"].as_str().unwrap(), "a,b\n1,2\n3,4\n").await;
    let id = file["id"].as_str().unwrap();
    let file = drive.ok("GET", &format!("{organization}/files/{id}/"), Value::Null).await;
    assert_eq!(drive.download(file["download_url"].as_str().unwrap()).await, "a,b\n1,2\n3,4\n");
    drive.ok("GET", &format!("{organization}/files/"), Value::Null).await;
    let data = json!({"aws_secret": {"access_key": "a", "secret_key": "b"}});
    let secret =
        drive.ok("POST", &format!("{organization}/secrets/"), json!({"name": "s3", "type": "AWS", "data": data})).await;
    let secret = secret["id"].as_str().unwrap();

    let path = format!("/clusters/{cluster}");
    let target = json!({"table": "doc.t", "create_table": true});
    let jobs = [
        json!({"type": "file", "format": "csv", "destination": target, "file": {"id": id}}),
        json!({"type": "url", "format": "json", "compression": "gzip", "destination": target, "url": {"url": "http://x/y"}}),
        json!({"type": "s3", "format": "parquet", "destination": target, "s3": {"bucket": "b", "file_path": "*", "secret_id": secret}}),
    ];
    for job in jobs {
        cloud.set_operation_time(Duration::from_secs(3_600));
        drive.ok("POST", &format!("{path}/import-jobs/"), job.clone()).await;
        cloud.set_operation_time(Duration::ZERO);
        let made = drive.ok("POST", &format!("{path}/import-jobs/"), job).await;
        let one = format!("{path}/import-jobs/{}/", made["id"].as_str().unwrap());
        let ended = drive.ok("GET", &one, Value::Null).await;
        assert_eq!(ended["status"], "SUCCEEDED");
        drive.ok("GET", &format!("{one}progress/?limit=ALL&offset=0"), Value::Null).await;
        drive.ok("GET", &format!("{path}/import-jobs/"), Value::Null).await;
        drive.ok("DELETE", &one, Value::Null).await;
    }
    let export = json!({"source": {"table": "doc.t"}, "destination": {"format": "csv"}});
    let made = drive.ok("POST", &format!("{path}/export-jobs/"), export).await;
    let one = format!("{path}/export-jobs/{}/", made["id"].as_str().unwrap());
    let ended = drive.ok("GET", &one, Value::Null).await;
    assert!(drive.download(ended["destination"]["file"]["download_url"].as_str().unwrap()).await.starts_with("id\n"));
    drive.ok("GET", &format!("{path}/export-jobs/"), Value::Null).await;
    drive.ok("DELETE", &one, Value::Null).await;
    drive.ok("GET", &format!("{organization}/secrets/"), Value::Null).await;
    drive.ok("DELETE", &format!("{organization}/secrets/{secret}/"), Value::Null).await;
    drive.ok("DELETE", &format!("{organization}/files/{id}/"), Value::Null).await;

    let snapshots = drive.ok("GET", &format!("/clusters/{source}/snapshots/"), Value::Null).await;
    let newest = &snapshots[0];
    let restore = json!({
        "repository": newest["repository"], "snapshot": newest["snapshot"], "type": "tables",
        "tables": ["doc.readings"], "source_cluster_id": source,
    });
    drive.ok("POST", &format!("{path}/snapshots/restore/"), restore).await;
}

/// What is only there while an operation goes on.
async fn while_it_lasts(drive: &mut Drive, cloud: &LocalCloud, cluster: Uuid) {
    cloud.set_operation_time(Duration::from_secs(3_600));
    let path = format!("/clusters/{cluster}/");
    let cluster = drive.ok("PUT", &format!("{path}suspend/"), json!({"suspended": true})).await;
    assert_eq!(cluster["health"]["running_operation"], "SUSPEND");
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("GET", &format!("{path}operations/"), Value::Null).await;
    drive.refused("PUT", &format!("{path}suspend/"), json!({"suspended": false}), 400).await;
}

async fn subscriptions(drive: &mut Drive, cloud: &LocalCloud) {
    let organization = cloud.organization();
    let body = json!({"type": "contract", "organization_id": organization});
    let made = drive.sudo("POST", "/subscriptions/", body).await;
    let path = format!("/subscriptions/{}/", made["id"].as_str().unwrap());
    drive.ok("GET", &path, Value::Null).await;
    drive.ok("GET", "/subscriptions/", Value::Null).await;
    drive.ok("GET", &format!("/organizations/{organization}/subscriptions/"), Value::Null).await;
    drive.ok("PATCH", &format!("{path}assign-org/"), json!({"organization_id": organization})).await;
    drive.ok("DELETE", &path, Value::Null).await;
    let audit = drive.ok("GET", &format!("/organizations/{organization}/auditlogs/"), Value::Null).await;
    assert!(audit.as_array().unwrap().iter().any(|entry| entry["action"] == "cluster.suspend.edit"));
}

async fn refusals(drive: &mut Drive, cloud: &LocalCloud, cluster: Uuid) {
    let path = format!("/clusters/{cluster}/");
    drive.refused("PUT", &format!("{path}scale/"), json!({"product_unit": 99}), 400).await;
    drive.refused("PUT", &format!("{path}scale/"), json!({"unit": 1}), 400).await;
    drive.refused("PUT", &format!("{path}storage/"), json!({"disk_size_per_node_bytes": 1}), 400).await;
    drive.refused("PUT", &format!("{path}upgrade/"), json!({"crate_version": "6.3.0"}), 400).await;
    drive.refused("PUT", &format!("{path}product/"), json!({"product_name": "crfree"}), 400).await;
    drive.refused("PUT", &format!("{path}backup-schedule/"), json!({"backup_hours": "24"}), 400).await;
    drive.refused("PUT", &format!("{path}ip-restrictions/"), json!({"ip_whitelist": [{"cidr": "x"}]}), 400).await;
    drive.refused("PATCH", &path, json!({"password": "short"}), 400).await;
    drive.refused("GET", &format!("/clusters/{}/", Uuid::new_v4()), Value::Null, 404).await;
    drive.refused("GET", "/clusters/no-id/", Value::Null, 404).await;
    drive
        .refused("POST", "/subscriptions/", json!({"type": "contract", "organization_id": cloud.organization()}), 403)
        .await;
    drive.refused("GET", &format!("{path}metrics/crate_colour/"), Value::Null, 404).await;
    drive.refused("DELETE", &format!("{path}nodes/7"), Value::Null, 404).await;
}
