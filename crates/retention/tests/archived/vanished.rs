//! Case 18: an archive that was removed or changed after it was verified is none, and what it was to hold stays.

use std::path::{Path, PathBuf};

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::sql;
use clusterkeep_retention::Retention;
use clusterkeep_retention::archive::verify;
use clusterkeep_retention::restore::Destination;

use crate::world::{Kind, NOW, World, assert_done, at, policy_at, restored};

/// What somebody does to the files of an archive.
#[derive(Debug, Clone, Copy)]
enum Meddling {
    RemoveManifest,
    RemoveFile,
    ChangeOneByte,
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let tables = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = tables.flat_map(|table| std::fs::read_dir(table).unwrap().map(|entry| entry.unwrap().path()));
    files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

impl Meddling {
    fn with(self, folder: &Path) {
        match self {
            Self::RemoveManifest => files(folder, ".json").iter().for_each(|path| std::fs::remove_file(path).unwrap()),
            Self::RemoveFile => files(folder, ".parquet").iter().for_each(|path| std::fs::remove_file(path).unwrap()),
            Self::ChangeOneByte => {
                for path in files(folder, ".parquet") {
                    let mut bytes = std::fs::read(&path).unwrap();
                    let middle = bytes.len() / 2;
                    // More than once, and never as it was.
                    bytes[middle] = bytes[middle].wrapping_add(1);
                    std::fs::write(&path, bytes).unwrap();
                }
            }
        }
    }
}

/// Each archive is meddled with right after its step has ended; nothing goes, and the next run makes another one.
async fn meddled(kind: Kind, meddling: Meddling) {
    let Some(world) = World::new(kind).await else { return };
    let before = world.rows().await;
    let folder = PathBuf::from(world.to());
    let listener = move |event: Event| {
        if let Event::StepFinished { what, .. } = event
            && what.contains("archive in files")
        {
            meddling.with(&folder);
        }
    };
    let retention = world.retention().parallel(1).events(Events::to(listener));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!(world.rows().await, before, "{kind:?}, {meddling:?}: nothing goes");
    let dropped = report.outcomes.iter().filter(|one| one.outcome == Outcome::Refused).collect::<Vec<_>>();
    assert!(!dropped.is_empty() && report.exit_code == ExitCode::Partial, "{kind:?}, {meddling:?}: {report:?}");
    let message = dropped[0].message.clone().unwrap();
    assert!(message.contains("is not as it was when it was read back"), "{message}");

    assert_done(&world.apply().await);
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 72);
}

#[tokio::test]
async fn case_18_on_sqlite() {
    for meddling in [Meddling::RemoveManifest, Meddling::RemoveFile, Meddling::ChangeOneByte] {
        meddled(Kind::Sqlite, meddling).await;
    }
}

#[tokio::test]
async fn case_18_of_partitions_of_postgresql() {
    meddled(Kind::Partitions, Meddling::RemoveFile).await;
}

#[tokio::test]
async fn case_18_of_slices_of_postgresql() {
    meddled(Kind::Plain, Meddling::ChangeOneByte).await;
}

#[tokio::test]
async fn case_18_of_partitions_of_mariadb() {
    meddled(Kind::Mariadb, Meddling::RemoveManifest).await;
}

#[tokio::test]
async fn case_18_of_slices_of_mariadb() {
    meddled(Kind::MariadbPlain, Meddling::RemoveFile).await;
}

/// What is archived alone, and whose archive somebody has removed, is archived again.
#[tokio::test]
async fn what_is_archived_alone_is_archived_again() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    assert_done(&world.apply().await);
    assert!(world.retention().plan(at(NOW)).await.unwrap().is_empty());
    let there = world.archives().await;
    let last = Path::new(&world.to()).join(&there[4].file.key);
    std::fs::remove_file(last).unwrap();
    let plan = world.retention().plan(at(NOW)).await.unwrap();
    assert_eq!(plan.steps.len(), 1, "{plan}");
    assert_done(&world.apply().await);
    assert!(world.retention().plan(at(NOW)).await.unwrap().is_empty());
}

/// A place that is not there says nothing of what is in it: nothing is archived anew for that, and what is to be removed
/// from it stays on record.
#[tokio::test]
async fn a_disk_that_is_not_mounted() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    assert_done(&world.apply().await);
    let (place, away) = (PathBuf::from(world.to()), world.folder.path().join("away"));
    std::fs::rename(&place, &away).unwrap();
    assert!(world.retention().plan(at(NOW)).await.unwrap().is_empty());
    let retention = Retention::new(world.db.clone()).policy(world.policy().keep_archives(days(30)));
    let before = world.rows().await;
    let plan = retention.plan(at("2026-02-02T12:00:00Z")).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    let refused: Vec<_> = plan.refused().map(|verdict| verdict.reason.to_string()).collect();
    assert_eq!(refused.len(), 5, "three that would go, and two archives: {plan}");
    assert!(refused.iter().all(|why| why.contains("5 archives on record are in it")), "{refused:?}");
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!((report.exit_code, world.rows().await == before), (ExitCode::Refused, true));
    std::fs::rename(&away, &place).unwrap();
    let listed = retention.archives().list(None).await.unwrap();
    assert_eq!(listed.iter().filter(|one| one.state.as_deref() == Some("complete")).count(), 5, "{listed:?}");
}

/// An archive that is whole, and another one than was put on record under its name, does not come back.
#[tokio::test]
async fn another_archive_in_the_place_of_one() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    assert_done(&world.apply().await);
    world.db.execute(sql("UPDATE raw SET note = 'forged' WHERE n > 100")).await.unwrap();
    let forge = world.folder.path().join("forge");
    let retention = Retention::new(world.db.clone()).policy(policy_at(Kind::Sqlite, forge.to_str().unwrap()));
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    let name = world.archives().await[4].name.clone();
    for ending in [".json", ".parquet"] {
        for path in files(&forge, ending) {
            let there = PathBuf::from(world.to()).join(path.strip_prefix(&forge).unwrap());
            std::fs::copy(&path, &there).unwrap();
        }
    }
    assert!(verify(&world.location(), &name).await.is_ok(), "it is whole");
    world.db.execute(sql("DELETE FROM raw WHERE n BETWEEN 96 AND 143")).await.unwrap();
    // The name is on record at both places: which one is meant is said.
    let ambiguous = restored(&world.retention(), &name, Destination::Table).await.unwrap_err();
    assert!(ambiguous.contains("is on record in"), "{ambiguous}");
    let refused =
        restored(&world.retention(), &format!("{}/{name}", world.to()), Destination::Table).await.unwrap_err();
    assert!(refused.contains("is not the archive that is on record"), "{refused}");
    restored(&world.retention(), &format!("{}/{name}", forge.display()), Destination::Table).await.unwrap();
    assert!(world.rows().await.contains(",119,forged"));
}
