//! Clusters that a guard creates.

use clusterkeep_core::managed::{Deploy, Left, ManagedClusterBuilder, RunState};
use clusterkeep_testkit::cloud::{Fault, Kind};

use crate::world::{REGION, World};

const PASSWORD: &str = "correct-horse-battery-staple";

fn deploying(world: &World, name: &str) -> ManagedClusterBuilder {
    world.builder(name).deploy(Deploy::new().region(REGION).product("cr1").admin("admin", PASSWORD))
}

#[tokio::test]
async fn what_was_created_is_suspended_in_the_end_and_taken_up_again() {
    let world = World::new();
    assert_eq!(deploying(&world, "fresh").probe().await.unwrap(), RunState::Absent);
    let cluster = deploying(&world, "fresh").start().await.unwrap();
    let id = cluster.info().await.unwrap().address.parse().unwrap();
    assert_eq!(cluster.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
    let again = deploying(&world, "fresh").start().await.unwrap();
    assert_eq!(again.stop().await.unwrap(), Left::Suspended);
    assert_eq!(world.cloud.clusters().len(), 1, "it is resumed, not created again");
    world.ends_suspended(id);
}

#[tokio::test]
async fn a_project_that_is_there_is_used() {
    let world = World::new();
    let project = world.cloud.add_project(world.cloud.organization(), "fresh");
    let deploy = Deploy::new().product("cr1").admin("admin", PASSWORD);
    let cluster = world.builder("fresh").deploy(deploy).start().await.unwrap();
    assert_eq!(world.cloud.clusters()[0]["project_id"], project.to_string(), "and its region with it");
    cluster.stop().await.unwrap();
    let projects = world.settings().client().unwrap().projects().await.unwrap();
    assert_eq!(projects.iter().filter(|project| project.name == "fresh").count(), 1);
}

#[tokio::test]
async fn nothing_is_created_that_was_not_asked_for() {
    let world = World::new();
    let error = world.builder("nowhere").start().await.unwrap_err();
    assert!(error.to_string().contains("cluster not found"), "{error}");
    assert!(world.cloud.clusters().is_empty() && world.records().is_empty());
}

#[tokio::test]
async fn what_would_be_refused_is_never_sent() {
    let world = World::new();
    for deploy in [
        Deploy::new().region(REGION).product("cr1"),
        Deploy::new().region(REGION).product("cr1").admin("admin", "short"),
        Deploy::new().region(REGION).product("cr1").admin("admin", PASSWORD).organization("no-uuid"),
    ] {
        let error = world.builder("fresh").deploy(deploy).start().await.unwrap_err();
        assert_eq!(clusterkeep_core::ExitCode::from(&error).code(), 2, "{error}");
        assert!(!format!("{error:?}").contains("short\""), "{error:?}");
    }
    assert!(world.cloud.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn where_there_are_several_the_choice_is_the_users() {
    let world = World::new();
    let other = world.cloud.add_subscription(world.cloud.organization(), "second");
    let error = deploying(&world, "fresh").start().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2 subscriptions") && text.contains(&other.to_string()), "{text}");
    assert!(world.cloud.clusters().is_empty());
}

#[tokio::test]
async fn the_free_tier_needs_no_subscription() {
    let world = World::new();
    let deploy = Deploy::new().region(REGION).free_tier().admin("admin", PASSWORD);
    let cluster = world.builder("fresh").deploy(deploy).start().await.unwrap();
    assert_eq!(world.cloud.clusters()[0]["product_name"], "crfree");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn nightly_is_the_newest_of_its_channel() {
    let world = World::new();
    let deploy = Deploy::new().region(REGION).product("cr1").version("nightly").admin("admin", PASSWORD);
    let cluster = world.builder("fresh").deploy(deploy).start().await.unwrap();
    let created = &world.cloud.clusters()[0];
    assert_eq!(created["channel"], "nightly");
    assert!(created["crate_version"].as_str().unwrap().starts_with("nightly-"), "{created}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_cluster() {
    let world = World::new();
    world.cloud.inject(Fault::on("POST", "*/clusters/").times(1).lose_answer());
    let cluster = deploying(&world, "fresh").start().await.unwrap();
    assert_eq!(world.cloud.clusters().len(), 1);
    cluster.stop().await.unwrap();
    crate::world::until("nothing is on record", || world.records().is_empty());
}

#[tokio::test]
async fn a_creation_that_fails_is_told_with_the_clouds_own_words() {
    let world = World::new();
    world.cloud.fail_next_operation(Kind::Create, Some("No capacity in this region."));
    let error = deploying(&world, "fresh").start().await.unwrap_err();
    assert!(error.to_string().contains("No capacity in this region."), "{error}");
}
