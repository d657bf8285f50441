//! Each fault does what it says, and no more.

use std::time::{Duration, Instant};

use clusterkeep_testkit::cloud::{Fault, Fixture, LocalCloud};
use serde_json::{Value, json};

use crate::caller::Caller;

#[tokio::test]
async fn answers_that_are_none_of_the_api() {
    let cloud = LocalCloud::start().await.unwrap();
    let caller = Caller::of(&cloud);
    let cases = [
        (Fault::on("GET", "/clusters/"), 500, "An error occured."),
        (Fault::on("GET", "/clusters/").status(503), 503, "An error occured."),
        (Fault::on("GET", "/clusters/").html(), 200, "<!DOCTYPE html>"),
        (Fault::on("GET", "/clusters/").html_with(502), 502, "<!DOCTYPE html>"),
        (Fault::on("GET", "/clusters/").plain_401(), 401, "401 - Unauthorized"),
        (Fault::on("GET", "/clusters/").redirect(), 302, ""),
        (Fault::on("GET", "/clusters/").conflict(409), 409, "Another cluster operation"),
        (Fault::on("GET", "/clusters/").retry_after(429, 7), 429, "Too many requests."),
    ];
    for (fault, status, text) in cases {
        cloud.inject(fault.clone());
        let response = caller.request("GET", "/clusters/").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{fault:?}");
        assert!(response.text().await.unwrap().contains(text), "{fault:?}");
        assert_eq!(caller.get("/clusters/").await, json!([]), "it happens once");
    }
}

#[tokio::test]
async fn connections_that_break_or_say_nothing() {
    let cloud = LocalCloud::start().await.unwrap();
    let caller = Caller::of(&cloud);
    let ask = || caller.request("POST", "/projects/").timeout(Duration::from_millis(300));
    let project = json!({"name": "new", "organization_id": cloud.organization()});
    let made = async || Caller::of(&cloud).get("/projects/").await.as_array().unwrap().len() - 1;
    let on = || Fault::on("POST", "*");
    for (fault, hangs, is_done) in [
        (on().drop_connection(), false, 0),
        (on().hang(), true, 0),
        (on().lose_answer(), false, 1),
        (on().hang_after(), true, 2),
        (on().truncate(), false, 3),
    ] {
        cloud.inject(fault.clone());
        let error = match ask().json(&project).send().await {
            Ok(response) => response.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.is_timeout(), hangs, "{fault:?}: {error:?}");
        assert_eq!(made().await, is_done, "{fault:?}");
    }
}

#[tokio::test]
async fn slow_answers_are_right() {
    let cloud = LocalCloud::start().await.unwrap();
    cloud.inject(Fault::on("GET", "/clusters/").slow(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(Caller::of(&cloud).get("/clusters/").await, json!([]));
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn answers_that_lack_something() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let caller = Caller::of(&cloud);
    cloud.inject(Fault::on("GET", "*/operations/").no_operations());
    let path = format!("/clusters/{id}/operations/");
    assert_eq!(caller.get(&path).await, json!({"operations": []}));
    assert_eq!(caller.get(&path).await["operations"].as_array().unwrap().len(), 1);
    cloud.inject(Fault::on("GET", "*").no_offsets());
    let path = format!("/clusters/{id}/");
    let bare = |cluster: Value| !cluster["dc"]["created"].as_str().unwrap().contains('+');
    assert!(bare(caller.get(&path).await));
    assert!(!bare(caller.get(&path).await));
}

#[tokio::test]
async fn faults_can_be_taken_back() {
    let cloud = LocalCloud::start().await.unwrap();
    cloud.inject(Fault::on("*", "*").always());
    let caller = Caller::of(&cloud);
    assert_eq!(caller.call("GET", "/clusters/", Value::Null).await.0, 500);
    assert_eq!(caller.call("GET", "/clusters/", Value::Null).await.0, 500);
    cloud.clear_faults();
    assert_eq!(caller.call("GET", "/clusters/", Value::Null).await.0, 200);
}
