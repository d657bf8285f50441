//! Changes, each waited for, and what the cluster is like afterwards.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::cloud::{CloudErrorKind, OperationFilter, OperationStatus, Wait};
use clusterkeep_testkit::cloud::{Fixture, Kind, LocalCloud};

use super::support::{client, cloud_error, listening, new_cluster, operations, password, soon};

#[tokio::test]
async fn a_cluster_is_suspended_and_resumed_with_the_keepers_own_words() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let client = client(&cloud);
    let (wait, heard) = listening();
    assert_eq!(client.resume(id, &wait).await.unwrap().suspended, Some(false));
    assert_eq!(cloud.cluster(id)["suspended"], false);
    assert_eq!(client.suspend(id, &wait).await.unwrap().suspended, Some(true));
    let heard = heard.lock().unwrap().join("\n");
    assert!(
        heard.contains("resume staging: in progress: ") && heard.contains("suspend staging: succeeded: "),
        "{heard}"
    );
    let newest = client.operations(id, &OperationFilter { limit: Some(1), ..Default::default() }).await.unwrap();
    assert_eq!(newest[0].status, Some(OperationStatus::Succeeded));
}

#[tokio::test]
async fn a_cluster_goes_through_its_life() {
    let cloud = LocalCloud::start().await.unwrap();
    let (client, wait) = (client(&cloud), soon());
    let created = client.create(cloud.organization(), &new_cluster(&cloud, "staging"), &wait).await.unwrap();
    let id = created.id;
    assert!(created.database_url().is_some() && created.running_operation().is_none());
    assert_eq!(client.scale(id, 1, &wait).await.unwrap().product_unit, Some(1));
    assert_eq!(client.move_to_product(id, "cr2", &wait).await.unwrap().product_name.as_deref(), Some("cr2"));
    let bytes = 256 << 30;
    assert_eq!(client.expand(id, bytes, &wait).await.unwrap().storage_bytes(), Some(bytes));
    let networks = ["192.0.2.0/24".parse().unwrap(), "198.51.100.7".parse().unwrap()];
    assert_eq!(client.allow(id, &networks, &wait).await.unwrap().ip_whitelist.len(), 2);
    client.schedule_backups(id, &[2, 4], &wait).await.unwrap();
    assert!(cloud.cluster(id)["backup_schedule"].as_str().unwrap().contains("2,4"));
    client.change_password(id, &password(), &wait).await.unwrap();
    client.restart_node(id, 0).await.unwrap();
    if let Some(version) = client.available_upgrades(id).await.unwrap().stable.and_then(|stable| stable.version) {
        let upgraded = client.upgrade(id, &version, &wait).await.unwrap();
        assert_eq!(upgraded.crate_version, Some(version));
    }
    assert_eq!(client.set_deletion_protection(id, true).await.unwrap().deletion_protected, Some(true));
    assert!(client.delete(id, &wait).await.is_err());
    client.set_deletion_protection(id, false).await.unwrap();
    client.delete(id, &wait).await.unwrap();
    assert!(cloud.clusters().is_empty());
    let error = cloud_error(client.delete(id, &wait).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn what_the_service_refuses_is_said_with_its_reasons() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    let mut new = new_cluster(&cloud, "staging");
    new.product = "none".into();
    let error = cloud_error(client.create(cloud.organization(), &new, &soon()).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Invalid);
    assert!(error.to_string().starts_with("create cluster staging: HTTP status 400: "), "{error}");
    let free = cloud.add_cluster(Fixture::named("free").product("crfree")).unwrap();
    let error = cloud_error(client.suspend(free, &soon()).await.unwrap_err());
    assert!(error.to_string().starts_with("suspend cluster free: HTTP status 400: "), "{error}");
}

#[tokio::test]
async fn an_operation_that_fails_is_an_error() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    for message in [Some("A backup is running."), None] {
        cloud.fail_next_operation(Kind::Suspend, message);
        let error = cloud_error(client.suspend(id, &soon()).await.unwrap_err());
        assert_eq!((error.kind, error.message.as_deref()), (CloudErrorKind::OperationFailed, message));
    }
    assert_eq!(client.suspend(id, &soon()).await.unwrap().suspended, Some(true));
}

#[tokio::test]
async fn two_at_once_join() {
    let cloud = LocalCloud::builder().operation_time(Duration::from_millis(200)).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let (one, other, wait) = (client(&cloud), client(&cloud), soon());
    let (first, second) = tokio::join!(one.resume(id, &wait), other.resume(id, &wait));
    assert_eq!((first.unwrap().suspended, second.unwrap().suspended), (Some(false), Some(false)));
    assert_eq!(operations(&cloud, id, "SUSPEND"), 1);
    let (up, down) = tokio::join!(one.resume(id, &wait), other.suspend(id, &wait));
    up.unwrap();
    assert_eq!(down.unwrap().suspended, Some(true));
}

#[tokio::test]
async fn an_hour_costs_at_most_one_request_for_each_pause() {
    let start: DateTime<Utc> = "2026-07-10T00:00:00Z".parse().unwrap();
    let clock = SimulatedClock::at(start);
    let hour = Duration::from_secs(3600);
    let cloud = LocalCloud::builder().clock(Arc::new(clock.clone())).operation_time(hour).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let wait = Wait::default().clock(Arc::new(clock.clone())).timeout(2 * hour);
    assert_eq!(client(&cloud).resume(id, &wait).await.unwrap().suspended, Some(false));
    let mut asked: Vec<DateTime<Utc>> = cloud.requests().iter().map(|request| request.at).collect();
    assert!(asked.len() <= 3600 / 10 + 12, "{}", asked.len());
    let late = asked.iter().filter(|at| **at > start + chrono::Duration::minutes(5)).count();
    assert!(late > 200);
    asked.retain(|at| *at > start + chrono::Duration::minutes(5) && *at < start + chrono::Duration::minutes(55));
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= chrono::Duration::seconds(10)), "never more often");
}
