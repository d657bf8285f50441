//! What the service would refuse is refused before it is asked, with the reason.

use clusterkeep_core::change::{Change, Reason};
use clusterkeep_core::cloud::{NewCluster, Restore};
use clusterkeep_core::secret::Secret;
use clusterkeep_testkit::cloud::Fixture;

use crate::world::{GIB, PASSWORD, World};

#[tokio::test]
async fn sizes() {
    let world = World::with(Fixture::named("small").product("s2")).await;
    let cluster = world.id;
    let units = world.refused(&Change::Scale { cluster, unit: 3 }).await;
    assert_eq!(units, Reason::NoUnit { unit: 3, units: vec![0] });
    let fixed = world.refused(&Change::ExpandStorage { cluster, bytes: 64 * GIB }).await;
    assert_eq!(fixed, Reason::FixedStorage);
    assert!(matches!(
        world.refused(&Change::ChangeProduct { cluster, product: "cr9".into() }).await,
        Reason::NoProduct { .. }
    ));
    assert_eq!(world.refused(&Change::Suspend { cluster }).await, Reason::NeverSleeps { product: "s2".into() });

    let world = World::new().await;
    let cluster = world.id;
    assert_eq!(world.refused(&Change::ExpandStorage { cluster, bytes: GIB }).await, Reason::Shrinks);
    let large = world.refused(&Change::ExpandStorage { cluster, bytes: 100_000 * GIB }).await;
    assert_eq!(large, Reason::TooLarge { most: 8192 * GIB });
    let error = world.changes().plan(&Change::ExpandStorage { cluster, bytes: 1000 }, chrono::Utc::now()).await;
    assert_eq!(error.unwrap_err().to_string(), "a disk of 1000 bytes is no whole number of GiB");
}

#[tokio::test]
async fn versions() {
    let world = World::with(Fixture::named("old").version("5.8.2")).await;
    let refused =
        async |version: &str| world.refused(&Change::Upgrade { cluster: world.id, version: version.to_owned() }).await;
    assert_eq!(refused("6.0.0").await, Reason::OtherMajor);
    assert_eq!(refused("5.10.0").await, Reason::SkipsMinor { next: "5.9".into() });
    assert_eq!(refused("5.7.9").await, Reason::EarlierMinor);
    assert!(matches!(refused("5.9.99").await, Reason::NoUpgrade { .. }));
    assert!(matches!(refused("nightly-6.0.0-2025-05-01-00-02").await, Reason::OtherChannel { .. }));
    let back = Change::Upgrade { cluster: world.id, version: "5.8.1".into() };
    assert_eq!(world.plan(&back).await.verdicts[0].reason, Reason::Downgrades);
}

#[tokio::test]
async fn what_needs_a_running_cluster() {
    let world = World::with(Fixture::named("asleep").suspended(true)).await;
    let cluster = world.id;
    let restore = Restore::new("system_backup_20260101000000", "20260101000000");
    for change in [
        Change::Scale { cluster, unit: 1 },
        Change::ChangeProduct { cluster, product: "cr2".into() },
        Change::Upgrade { cluster, version: "6.4.9".into() },
        Change::ExpandStorage { cluster, bytes: 512 * GIB },
        Change::Restore { cluster, restore },
    ] {
        assert_eq!(world.refused(&change).await, Reason::Suspended, "{change:?}");
    }
}

#[tokio::test]
async fn creations() {
    let world = World::new().await;
    let organization = world.cloud.organization();
    let create = |cluster: NewCluster| Change::Create { organization, cluster: Box::new(cluster) };
    let new = |name: &str| {
        NewCluster::new(name, "admin", Secret::new(PASSWORD), "6.1.2")
            .project(world.cloud.project())
            .subscription(world.cloud.subscription().to_string())
    };
    let taken = world.refused(&create(new("staging").product("cr3", "default", 0))).await;
    assert!(matches!(taken, Reason::NameTaken { .. }), "{taken:?}");
    assert!(matches!(world.refused(&create(new("x-1").product("cr9", "default", 0))).await, Reason::NoProduct { .. }));
    assert!(matches!(world.refused(&create(new("x-1").product("cr1", "default", 77))).await, Reason::NoUnit { .. }));
    world.cloud.add_cluster(Fixture::named("free").product("crfree")).unwrap();
    assert_eq!(world.refused(&create(new("x-1").free_tier())).await, Reason::FreeTaken { name: "free".into() });
    let error = world.changes().plan(&create(new("-")), chrono::Utc::now()).await.unwrap_err();
    assert_eq!(error.to_string(), "a cluster can't be named `-`");
}

#[tokio::test]
async fn snapshots_that_are_not_there() {
    let world = World::new().await;
    let restore = Restore::new("system_backup_20260101000000", "20260101000000");
    assert_eq!(world.refused(&Change::Restore { cluster: world.id, restore }).await, Reason::NoSnapshot);
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_an_error() {
    let world = World::new().await;
    let nobody = Change::Delete { cluster: uuid::Uuid::new_v4() };
    let error = world.changes().plan(&nobody, chrono::Utc::now()).await.unwrap_err();
    assert!(matches!(error, clusterkeep_core::Error::Cloud(_)), "{error:?}");
}
