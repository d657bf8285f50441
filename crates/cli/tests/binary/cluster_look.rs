//! Commands that only look at clusters: what they print, how they end, and that they change nothing.

use clusterkeep_testkit::cloud::Fixture;

use crate::cloud::{Sky, all, sky_snapshot};

#[test]
fn lists_and_facts() {
    let sky = Sky::usual();
    let runs = [
        sky.run(&["cluster", "list"]),
        sky.run(&["cluster", "list", "--project", "nothing-like-it"]),
        sky.run(&["cluster", "list", "--local"]),
        sky.run(&["cluster", "info", "--cluster", "staging"]),
        sky.run(&["cluster", "operations", "--cluster", "staging"]),
        sky.run(&["cluster", "jobs", "--cluster", "staging"]),
    ];
    sky_snapshot!("cluster_lists", all(&runs));
    let snapshots = sky.run(&["cluster", "snapshots", "--cluster", "staging"]).done();
    assert!(snapshots.stdout.contains("system_backup_") && snapshots.stdout.lines().count() > 20, "{snapshots}");
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

#[test]
fn documents() {
    let sky = Sky::usual();
    let runs = [
        sky.run(&["cluster", "list", "--format", "json"]).done(),
        sky.run(&["cluster", "list", "--format", "csv"]).done(),
        sky.run(&["cluster", "info", "--cluster", "asleep", "--format", "json"]).done(),
        sky.run(&["cluster", "health", "--cluster", "asleep", "--format", "json"]),
        sky.run(&["cluster", "ping", "--cluster", "asleep", "--format", "json"]),
    ];
    sky_snapshot!("cluster_documents", all(&runs));
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

#[test]
fn health_and_ping_of_what_sleeps_and_what_does_not_answer() {
    let sky = Sky::usual();
    let runs = [
        sky.run(&["cluster", "health", "--cluster", "asleep"]),
        sky.run(&["cluster", "ping", "--cluster", "asleep"]),
        sky.run(&["cluster", "info", "--cluster", "asleep", "--database"]),
    ];
    sky_snapshot!("cluster_asleep", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(1)));
    // No database stands behind this one.
    for command in ["health", "ping"] {
        let ran = sky.run(&["cluster", command, "--cluster", "staging"]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(!ran.stdout.is_empty(), "{ran}");
    }
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

#[test]
fn a_database_that_is_no_cluster_of_anybody() {
    let place = crate::support::Place::with_weather();
    let runs = [
        place.run(&["cluster", "info", "--cluster", crate::support::DB]),
        place.run(&["cluster", "info", "--cluster", crate::support::DB, "--database"]),
        place.run(&["cluster", "health", "--cluster", crate::support::DB]),
        place.run(&["cluster", "ping", "--cluster", crate::support::DB]),
    ];
    sky_snapshot!("cluster_standalone", all(&runs));
}

#[test]
fn a_thousand_clusters_are_listed() {
    let sky = Sky::empty();
    for number in 0..1000 {
        sky.add(Fixture::named(&format!("cluster-{number:04}")));
    }
    let ran = sky.run(&["cluster", "list", "--format", "csv"]).done();
    assert_eq!(ran.stdout.lines().count(), 1001);
    assert_eq!(sky.cloud.requests().len(), 2, "one request for the clusters, one for the names of projects");
}
