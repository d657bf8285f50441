//! There, gone, and back; archives alone; archives that are removed.

use std::num::NonZeroU32;
use std::path::Path;

use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::sql;
use clusterkeep_retention::Retention;
use clusterkeep_retention::archive::{self, verify};
use clusterkeep_retention::model::{HoldScope, Manifest, Policy, Tier};
use clusterkeep_retention::plan::Decision;
use clusterkeep_retention::restore::{Destination, Reason};
use clusterkeep_retention::store::NewHold;

use crate::world::{Kind, NOW, World, assert_done, at, restored, rows, script};

/// What lies beside the files is what `schemas/` says of it, as another program would read it.
fn are_as_the_schema_says(world: &World, archives: &[archive::Manifest]) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/archive-manifest.json");
    let read = |path: &Path| serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&read(&schema)).unwrap();
    for one in archives {
        let mut document = read(&Path::new(&world.to()).join(format!("{}.json", one.name)));
        if let Err(error) = validator.validate(&document) {
            panic!("{}: {error} at {}", one.name, error.instance_path());
        }
        document["rows"] = "24".into();
        assert!(!validator.is_valid(&document));
        document.as_object_mut().unwrap().remove("rows");
        assert!(!validator.is_valid(&document));
    }
}

async fn there_and_back(kind: Kind) {
    let Some(world) = World::new(kind).await else { return };
    let before = world.rows().await;
    let retention = world.retention();
    let plan = retention.plan(at(NOW)).await.unwrap();
    let decided = |decision| plan.verdicts.iter().filter(|verdict| verdict.verdict == decision).count();
    assert_eq!((decided(Decision::Drop), decided(Decision::Archive)), (3, 2), "{plan}");
    assert!(plan.to_string().contains("first archived in"), "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 72);

    let archives = world.archives().await;
    assert_eq!(archives.iter().map(|one| one.rows).collect::<Vec<_>>(), [24; 5]);
    assert!(archives.iter().all(|one| one.plan.as_deref() == Some(plan.hash.to_string().as_str())));
    for one in &archives {
        verify(&world.location(), &one.name).await.unwrap();
    }
    are_as_the_schema_says(&world, &archives);
    let again = retention.plan(at(NOW)).await.unwrap();
    assert!(again.is_empty(), "what is archived is not archived again: {again}");

    let listed = retention.archives().list(None).await.unwrap();
    assert!(listed.iter().all(|one| one.state.as_deref() == Some("complete") && one.rows == 24), "{listed:?}");
    assert_eq!(listed.iter().filter(|one| one.in_table).count(), 2);
    // What is there as it was is not put there again, and nothing is replaced.
    let plan = retention.archives().plan(&archives[4].name, Destination::Table, at(NOW)).await.unwrap();
    assert!(plan.steps.is_empty() && plan.verdicts[0].reason == Reason::Present, "{:?}", plan.verdicts);
    restored(&retention, &archives[4].name, Destination::Table).await.unwrap();
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 72);
    world.db.execute(sql("UPDATE raw SET note = 'other' WHERE n = 100")).await.unwrap();
    let other = restored(&retention, &archives[4].name, Destination::Table).await.unwrap_err();
    assert!(other.contains("has 24 rows where those of the archive would be"), "{other}");
    world.db.execute(sql("UPDATE raw SET note = 'naïve 100' WHERE n = 100")).await.unwrap();
    for (nth, one) in archives[..3].iter().enumerate() {
        if kind != Kind::Partitions {
            assert_eq!(restored(&retention, &one.name, Destination::Table).await.unwrap(), "raw");
            continue;
        }
        // There is no partition for these rows any more.
        let refused = restored(&retention, &one.name, Destination::Table).await.unwrap_err();
        assert!(refused.contains("--beside"), "{refused}");
        let into = restored(&retention, &one.name, Destination::Beside).await.unwrap();
        let (from, to) = (nth + 1, nth + 2);
        script(
            &world.db,
            format!(
                "ALTER TABLE {} RENAME TO raw_back_{nth}; ALTER TABLE raw ATTACH PARTITION raw_back_{nth} \
                 FOR VALUES FROM ('2026-01-0{from}Z') TO ('2026-01-0{to}Z')",
                into
            ),
        )
        .await;
    }
    assert_eq!(world.rows().await, before);
    // And they go again, by the archives that there are.
    assert_done(&world.apply().await);
    let rows = world.rows().await.lines().count();
    let number = world.archives().await.len();
    // On PostgreSQL they are partitions of another name by now; on MariaDB one partition has all of them.
    let expected = match kind {
        Kind::Partitions => 8,
        Kind::Mariadb => 6,
        _ => 5,
    };
    let left = if kind == Kind::Mariadb { 1 + 145 } else { 1 + 145 - 72 };
    assert_eq!((rows, number), (left, expected));
}

#[tokio::test]
async fn slices_of_sqlite() {
    there_and_back(Kind::Sqlite).await;
}

#[tokio::test]
async fn partitions_of_postgresql() {
    there_and_back(Kind::Partitions).await;
}

#[tokio::test]
async fn slices_of_postgresql() {
    there_and_back(Kind::Plain).await;
}

#[tokio::test]
async fn slices_of_mariadb() {
    there_and_back(Kind::MariadbPlain).await;
}

#[tokio::test]
async fn partitions_of_mariadb() {
    there_and_back(Kind::Mariadb).await;
}

#[tokio::test]
async fn what_was_detached_is_archived_before_it_is_dropped() {
    let Some(world) = World::new(Kind::Partitions).await else { return };
    let policy = || {
        let mut policy = Policy::for_table("raw").time("ts").archive_to_after(days(18), &world.to());
        policy = policy.detach_after(days(19)).drop_after(days(22));
        policy.max_share(clusterkeep_retention::model::percent(100))
    };
    let retention = Retention::new(world.db.clone()).policy(policy());
    for _ in 0..2 {
        let plan = retention.plan(at(NOW)).await.unwrap();
        assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    }
    let later = retention.plan(at("2026-01-26T12:00:00Z")).await.unwrap();
    let goes = later.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop).count();
    assert!(goes >= 2, "{later}");
    assert_done(&retention.apply(&later, Approval::WithinGuards).await.unwrap());
    let archived: Vec<_> = world.archives().await.iter().filter_map(|one| one.start).collect();
    for day in ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"] {
        assert!(archived.contains(&at(day)), "{day}: {archived:?}");
    }
}

#[tokio::test]
async fn archives_are_removed_when_their_time_is_over_and_nobody_holds_them() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    assert_done(&world.apply().await);
    assert_eq!(world.archives().await.len(), 5);
    // The first two are older than 30 days by then.
    let later = "2026-02-02T12:00:00Z";
    let mut policy = world.policy().keep_archives(days(30));
    let retention = |policy: &Policy| {
        Retention::new(world.db.clone()).manifest(Manifest::named("retention").policy(policy.clone()))
    };
    let removes = |plan: &clusterkeep_retention::Planned| {
        plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Remove).count()
    };
    let plan = retention(&policy).plan(at(later)).await.unwrap();
    assert_eq!(removes(&plan), 2, "{plan}");
    let scope = HoldScope { table: Some("raw".parse().unwrap()), ..HoldScope::default() };
    let hold = NewHold { owner: "ann".into(), reason: "a study".into(), scope, expires_at: None };
    let id = retention(&policy).store().holds().add(hold, at(NOW)).await.unwrap().id;
    let held = retention(&policy).plan(at(later)).await.unwrap();
    assert!(held.is_empty(), "{held}");
    retention(&policy).store().holds().release(&id, "the study is over", at(NOW)).await.unwrap();
    for tier in &mut policy.tiers {
        if let Tier::Archive(tier) = tier {
            tier.keep_newest = NonZeroU32::new(4);
        }
    }
    let plan = retention(&policy).plan(at(later)).await.unwrap();
    assert_eq!(removes(&plan), 1, "{plan}");
    let gone = world.archives().await[0].clone();
    let report = retention(&policy).apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_done(&report);
    assert!(report.outcomes.iter().any(|one| one.outcome == Outcome::Done && one.object.to_string().contains('@')));
    let left = world.archives().await;
    assert!(left.iter().all(|one| one.name != gone.name), "{left:?}");
    let files = std::fs::read_dir(world.folder.path().join("cold").join(gone.name.split_once('/').unwrap().0)).unwrap();
    let stem = gone.name.split_once('/').unwrap().1;
    assert!(files.map(|file| file.unwrap().file_name().into_string().unwrap()).all(|file| !file.starts_with(stem)));
    assert!(!rows(&world.db, "raw").await.is_empty());
}
