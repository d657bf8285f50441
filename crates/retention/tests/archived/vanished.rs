//! Case 18: an archive that was removed or changed after it was verified is none, and what it was to hold stays.

use std::path::{Path, PathBuf};

use clusterkeep_core::ExitCode;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::{Approval, Outcome};

use crate::world::{Kind, NOW, World, assert_done, at};

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
