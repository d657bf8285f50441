//! A thousand clusters.

use std::time::Instant;

use clusterkeep_testkit::cloud::{Fixture, LocalCloud};

use crate::caller::Caller;

#[tokio::test]
async fn a_thousand_clusters_are_listed_quickly() {
    let cloud = LocalCloud::start().await.unwrap();
    for number in 0..1_000 {
        cloud.add_cluster(Fixture::named(&format!("cluster-{number}"))).unwrap();
    }
    let caller = Caller::of(&cloud);
    caller.get("/meta/").await;
    let begun = Instant::now();
    let body = caller.request("GET", "/clusters/").send().await.unwrap().bytes().await.unwrap();
    let took = begun.elapsed();
    println!("{} bytes in {took:?}", body.len());
    assert_eq!(serde_json::from_slice::<Vec<serde_json::Value>>(&body).unwrap().len(), 1_000);
    // Some 5 ms where it is optimised.
    assert!(took.as_millis() < 2_000, "{took:?}");
}
