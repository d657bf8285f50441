//! Operations: their course by the clock, and what they leave behind.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_testkit::cloud::{Fixture, Kind, LocalCloud};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::caller::Caller;

/// A Cloud whose operations take 100 seconds of a clock that stands.
async fn cloud() -> (LocalCloud, SimulatedClock) {
    let clock = SimulatedClock::at("2026-07-10T10:00:00Z".parse().unwrap());
    let builder = LocalCloud::builder().clock(Arc::new(clock.clone())).operation_time(Duration::from_secs(100));
    (builder.start().await.unwrap(), clock)
}

async fn suspend(caller: &Caller, id: Uuid, suspended: bool) -> (u16, Value) {
    caller.call("PUT", &format!("/clusters/{id}/suspend/"), json!({"suspended": suspended})).await
}

#[tokio::test]
async fn a_suspension_goes_its_way() {
    let (cloud, clock) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("staging").nodes(2)).unwrap();
    let caller = Caller::of(&cloud);
    let (status, body) = suspend(&caller, id, true).await;
    assert_eq!((status, &body["suspended"]), (200, &json!(false)));

    let mut seen = Vec::new();
    for _ in 0..11 {
        let newest = caller.get(&format!("/clusters/{id}/operations/?type=SUSPEND&limit=1")).await;
        let operation = &newest["operations"][0];
        let cluster = caller.get(&format!("/clusters/{id}/")).await;
        assert_eq!(operation["status"], cluster["last_async_operation"]["status"]);
        let running = cluster["health"]["running_operation"].as_str().unwrap();
        seen.push(format!(
            "{} {} {running} {}",
            operation["status"].as_str().unwrap(),
            cluster["suspended"],
            operation["feedback_data"]["message"].as_str().unwrap()
        ));
        clock.advance(TimeDelta::seconds(10));
    }
    seen.dedup();
    assert_eq!(
        seen,
        [
            "REGISTERED false SUSPEND Your suspension request was received and is pending processing.",
            "SENT false SUSPEND Your suspension request was sent to the region.",
            "IN_PROGRESS false SUSPEND Suspending cluster.",
            "IN_PROGRESS false SUSPEND Waiting for node 1/2 to be terminated.",
            "IN_PROGRESS false SUSPEND Waiting for node 2/2 to be terminated.",
            "SUCCEEDED true  Your suspension request was completed.",
        ]
    );
    assert_eq!(cloud.cluster(id)["health"]["status"], "SUSPENDED");
}

#[tokio::test]
async fn a_second_change_is_a_conflict() {
    let (cloud, clock) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let caller = Caller::of(&cloud);
    assert_eq!(suspend(&caller, id, false).await.0, 200);
    let (status, body) = suspend(&caller, id, true).await;
    let conflict = "Another cluster operation is currently in progress, please try again later.";
    assert_eq!((status, &body["message"]), (400, &json!(conflict)));
    assert_eq!(caller.call("DELETE", &format!("/clusters/{id}/"), Value::Null).await.1["message"], conflict);
    clock.advance(TimeDelta::seconds(100));
    assert_eq!(suspend(&caller, id, true).await.0, 200);
    assert_eq!(cloud.operations(id).len(), 3);
}

#[tokio::test]
async fn an_operation_that_fails_leaves_the_cluster_as_it_was() {
    let (cloud, clock) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let caller = Caller::of(&cloud);
    cloud.fail_next_operation(Kind::Suspend, Some("The backup did not end."));
    cloud.fail_next_operation(Kind::Suspend, None);
    for feedback in [json!({"message": "The backup did not end."}), json!({})] {
        assert_eq!(suspend(&caller, id, true).await.0, 200);
        clock.advance(TimeDelta::seconds(100));
        let newest = &cloud.operations(id)[0];
        assert_eq!((&newest["status"], &newest["feedback_data"]), (&json!("FAILED"), &feedback));
        assert_eq!(cloud.cluster(id)["suspended"], false);
    }
}

#[tokio::test]
async fn operations_are_filtered_and_newest_first() {
    let (cloud, clock) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let caller = Caller::of(&cloud);
    suspend(&caller, id, true).await;
    clock.advance(TimeDelta::seconds(100));
    suspend(&caller, id, false).await;
    let path = format!("/clusters/{id}/operations/");
    let kinds = |list: Value| {
        let list = list["operations"].as_array().unwrap().clone();
        list.iter().map(|one| format!("{} {}", one["type"], one["status"]).replace('"', "")).collect::<Vec<_>>()
    };
    let all = ["SUSPEND REGISTERED", "SUSPEND SUCCEEDED", "CREATE SUCCEEDED"];
    assert_eq!(kinds(caller.get(&path).await), all);
    assert_eq!(kinds(caller.get(&format!("{path}?type=CREATE")).await), all[2..]);
    assert_eq!(kinds(caller.get(&format!("{path}?statuses=REGISTERED&statuses=SENT")).await), all[..1]);
    assert_eq!(kinds(caller.get(&format!("{path}?start=2026-07-10T10:01:00Z")).await), all[..1]);
    assert_eq!(kinds(caller.get(&format!("{path}?end=2026-07-10T10:01:00")).await), all[1..]);
}

#[tokio::test]
async fn products_that_can_not_be_suspended_are_not() {
    let (cloud, _) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("free").product("crfree")).unwrap();
    let (status, body) = suspend(&Caller::of(&cloud), id, true).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(cloud.cluster(id)["allow_suspend"], false);
}

#[tokio::test]
async fn a_protected_cluster_is_not_deleted() {
    let (cloud, _) = cloud().await;
    let id = cloud.add_cluster(Fixture::named("precious").protected(true)).unwrap();
    let caller = Caller::of(&cloud);
    let path = format!("/clusters/{id}/");
    assert_eq!(caller.call("DELETE", &path, Value::Null).await.0, 400);
    let off = json!({"deletion_protected": false});
    let (status, body) = caller.call("PUT", &format!("{path}deletion-protection/"), off).await;
    assert_eq!((status, &body["deletion_protected"]), (200, &json!(false)));
    assert_eq!(caller.call("DELETE", &path, Value::Null).await, (204, Value::Null));
    assert_eq!(caller.call("GET", &path, Value::Null).await.0, 404);
}
