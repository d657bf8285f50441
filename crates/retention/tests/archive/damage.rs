//! Every way in which an archive can be spoiled is seen, and nothing is restored from it.

use std::path::Path;

use clusterkeep_core::Error;
use clusterkeep_retention::archive::{Archived, Part, State, Target, list, restore, verify};

use crate::kit::{Folder, exported, name, numbers, rows, shown, sqlite};

/// Spoils an archive, and sees that it is noticed and that the next export makes another one.
async fn spoiled(what: &str, spoil: impl Fn(&Folder, &Archived), listed_as_damaged: bool) -> Error {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..5_000).await;
    let archived = exported(&folder.location, &db, &Part::whole(table.clone())).await;
    let archive = archived.manifest.name.clone();
    spoil(&folder, &archived);
    let error = verify(&folder.location, &archive).await.expect_err(what);
    assert!(!error.is_retryable());
    let target = Target::Table(name("back"));
    restore(&folder.location, &archive, &db, &target).await.expect_err(what);
    let tables = clusterkeep_core::sql::sql("SELECT count(*) FROM sqlite_schema WHERE name = 'back'");
    assert_eq!(db.query(tables).await.unwrap().scalar::<i64>().unwrap(), 0, "{what}: nothing is made");
    let state = list(&folder.location).await.unwrap().remove(0).state;
    assert_eq!(matches!(state, State::Damaged(_)), listed_as_damaged, "{what}: {state:?}");

    let again = exported(&folder.location, &db, &Part::whole(table.clone())).await;
    assert!(!again.reused, "{what}");
    verify(&folder.location, &again.manifest.name).await.unwrap();
    assert_eq!(rows(&db, &table, "at").await.len(), 5_000);
    error
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn files() {
    let file = |folder: &Folder| folder.only(".parquet");
    let cut =
        spoiled("cut off", |folder, _| change(&file(folder), |bytes| bytes.truncate(bytes.len() - 1)), true).await;
    assert!(cut.to_string().contains("bytes instead of"), "{}", shown(&cut));
    spoiled("empty", |folder, _| change(&file(folder), Vec::clear), true).await;
    spoiled("longer", |folder, _| change(&file(folder), |bytes| bytes.push(0)), true).await;
    spoiled("gone", |folder, _| std::fs::remove_file(file(folder)).unwrap(), true).await;
    for share in [3, 2] {
        let flip = |bytes: &mut Vec<u8>| {
            let at = bytes.len() / share;
            bytes[at] ^= 1;
        };
        let error = spoiled("a flipped bit", |folder, _| change(&file(folder), flip), false).await;
        assert!(error.to_string().contains("others than were written"), "{}", shown(&error));
    }
}

#[tokio::test]
async fn manifests() {
    let manifest = |folder: &Folder| folder.only(".json");
    spoiled("cut off", |folder, _| change(&manifest(folder), |bytes| bytes.truncate(bytes.len() / 2)), true).await;
    let replace = |from: &'static str, to: &'static str| {
        move |folder: &Folder, _: &Archived| {
            let text = std::fs::read_to_string(manifest(folder)).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(manifest(folder), text.replacen(from, to, 1)).unwrap();
        }
    };
    for (from, to) in [("\"rows\": 5000", "\"rows\": 4999"), ("\"TEXT\"", "\"TEXT DEFAULT 1\""), ("5f1c", "6f1c")] {
        let error = spoiled(from, replace(from, to), true).await;
        assert!(error.to_string().contains("has been changed"), "{}", shown(&error));
    }
    let error = spoiled("version", replace("\"version\": 1", "\"version\": 2"), true).await;
    assert!(error.hint().unwrap().contains("later one"), "{}", shown(&error));
    spoiled("field", replace("\"rows\"", "\"unknown\": 1, \"rows\""), true).await;
}

/// A manifest that lies where another belongs is not taken for it.
#[tokio::test]
async fn a_manifest_of_another_table() {
    let ((_keep, db), folder) = (sqlite().await, Folder::new());
    for table in ["t", "u"] {
        numbers(&db, &name(table), 0..100).await;
    }
    let t = exported(&folder.location, &db, &Part::whole(name("t"))).await.manifest.name;
    let u = exported(&folder.location, &db, &Part::whole(name("u"))).await.manifest.name;
    let path = |archive: &str| folder.directory.path().join("cold").join(format!("{archive}.json"));
    std::fs::copy(path(&t), path(&u)).unwrap();
    let error = verify(&folder.location, &u).await.unwrap_err();
    assert!(error.to_string().contains(&format!("is that of `{t}`")), "{}", shown(&error));
    verify(&folder.location, &t).await.unwrap();
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    let folder = Folder::new();
    for odd in ["", "..", "../../etc/passwd", "/etc/passwd", "t.0001", "a/b.0001"] {
        let error = verify(&folder.location, odd).await.unwrap_err();
        assert!(error.to_string().contains("is no name of an archive"), "{}", shown(&error));
    }
}
