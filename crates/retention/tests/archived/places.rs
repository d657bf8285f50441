//! Places that are not there, or that nothing can be put at: refused in the plan, and the rows stay.

use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::Approval;
use clusterkeep_retention::Retention;
use clusterkeep_testkit::objects;

use crate::world::{Kind, NOW, World, at, policy_at};

async fn refused(world: &World, to: &str) -> String {
    let retention = Retention::new(world.db.clone()).policy(policy_at(world.kind, to));
    let before = world.rows().await;
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert!(plan.steps.is_empty(), "{plan}");
    let why = plan.refused().next().unwrap().reason.to_string();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!((report.exit_code, world.rows().await == before), (ExitCode::Refused, true));
    why
}

#[tokio::test]
async fn a_folder_that_can_not_be_made() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    let missing = world.folder.path().join("no/where").display().to_string();
    let why = refused(&world, &missing).await;
    assert!(why.contains("there is no folder that"), "{why}");
    let file = world.folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let why = refused(&world, &file.display().to_string()).await;
    assert!(why.contains("is no folder"), "{why}");
}

#[tokio::test]
async fn a_store_that_does_not_know_the_keys() {
    let Some(server) = objects::s3().await else { return };
    assert!(server.bucket("cold").is_dir());
    let world = World::new(Kind::Sqlite).await.unwrap();
    // Variables that every process has, and whose values are no keys of this server.
    let to = format!(
        "s3://cold/x?endpoint=http://127.0.0.1:{}&access_key_id=env:HOME&secret_access_key=env:PATH",
        server.port()
    );
    let why = refused(&world, &to).await;
    assert!(why.contains("can't be archived at s3://cold/x"), "{why}");
    assert!(!why.contains(&std::env::var("PATH").unwrap()), "{why}");
}

#[tokio::test]
async fn names_of_another_engine_are_refused() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    let policy = clusterkeep_retention::model::Policy::for_table("raw").time("ts");
    let policy = policy
        .meaning(clusterkeep_retention::model::Meaning::EpochSeconds)
        .archive_after(clusterkeep_core::age::days(3), "a_repository");
    let refused = Retention::new(world.db.clone()).policy(policy).plan(at(NOW)).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::BadInput);
    assert!(refused.hint().unwrap().contains("`to`"), "{refused}: {:?}", refused.hint());
}
