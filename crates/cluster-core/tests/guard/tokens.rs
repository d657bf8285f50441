//! The tokens that open a cluster's database.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use clusterkeep_testkit::cloud::Fixture;

use crate::world::World;

fn files(world: &World) -> Vec<PathBuf> {
    std::fs::read_dir(world.folder.path().join("tokens")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn asked(world: &World) -> usize {
    world.cloud.requests().iter().filter(|request| request.path.contains("/jwt/")).count()
}

#[tokio::test]
async fn a_token_is_kept_for_its_owner_alone_and_used_again() {
    let (world, _) = World::with(Fixture::named("staging"));
    drop(world.builder("staging").start().await.unwrap());
    assert_eq!(asked(&world), 1);
    let files = files(&world);
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    drop(world.builder("staging").start().await.unwrap());
    assert_eq!(asked(&world), 1, "the second process takes the first one's");
}

#[tokio::test]
async fn a_token_that_others_could_read_is_not_used() {
    let (world, _) = World::with(Fixture::named("staging"));
    drop(world.builder("staging").start().await.unwrap());
    std::fs::set_permissions(&files(&world)[0], std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(world.builder("staging").start().await.unwrap());
    assert_eq!(asked(&world), 2);
}

#[tokio::test]
async fn an_old_token_is_renewed_before_it_expires() {
    let (world, _) = World::with(Fixture::named("staging"));
    drop(world.builder("staging").start().await.unwrap());
    let file = &files(&world)[0];
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    kept["expiry"] = (chrono::Utc::now() + chrono::Duration::seconds(30)).to_rfc3339().into();
    std::fs::write(file, kept.to_string()).unwrap();
    drop(world.builder("staging").start().await.unwrap());
    let refreshed =
        world.cloud.requests().iter().filter(|request| request.path.ends_with("/meta/jwt/refresh/")).count();
    assert_eq!(refreshed, 1, "by its refresh token");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced() {
    let (world, _) = World::with(Fixture::named("staging"));
    drop(world.builder("staging").start().await.unwrap());
    let file = &files(&world)[0];
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    kept["token"] = "withdrawn".into();
    std::fs::write(file, kept.to_string()).unwrap();
    let cluster = world.builder("staging").start().await.unwrap();
    assert_eq!(cluster.query("SELECT 1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_clusters_at_once_never_mix_their_tokens() {
    let (one, _) = World::with(Fixture::named("staging"));
    let (other, _) = World::with(Fixture::named("staging"));
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = tokio::join!(
        one.builder("staging").state_folder(folder.path()).start(),
        other.builder("staging").state_folder(folder.path()).start()
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    for _ in 0..20 {
        let (a, b) = tokio::join!(first.query("SELECT 1"), second.query("SELECT 1"));
        assert!(a.is_ok() && b.is_ok());
    }
}

#[tokio::test]
async fn a_token_behind_a_link_or_without_sense_is_not_used() {
    let (world, _) = World::with(Fixture::named("staging"));
    drop(world.builder("staging").start().await.unwrap());
    let file = &files(&world)[0];
    let elsewhere = world.folder.path().join("elsewhere");
    std::fs::rename(file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, file).unwrap();
    drop(world.builder("staging").start().await.unwrap());
    assert_eq!(asked(&world), 2, "a link may lead to what somebody else wrote");
    assert!(!std::fs::symlink_metadata(file).unwrap().is_symlink(), "and is replaced");
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    kept["expiry"] = "-262143-01-01T00:00:00Z".into();
    std::fs::write(file, kept.to_string()).unwrap();
    drop(world.builder("staging").start().await.unwrap());
}
