//! Archives are made, used again, listed and restored.

use std::os::unix::fs::PermissionsExt as _;

use clusterkeep_core::Error;
use clusterkeep_core::sql::{Ident, sql};
use clusterkeep_retention::archive::{Part, Span, State, Target, list, restore, still_holds, verify};

use crate::kit::{Folder, add, clear, exported, name, numbers, rows, shown, sqlite};

fn span(from: i64, until: i64) -> Span {
    Span::new(Ident::new("at").unwrap(), from.into(), until.into()).unwrap()
}

#[tokio::test]
async fn a_slice_goes_and_comes_back() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..10_000).await;
    let before = rows(&db, &table, "at").await;
    let part = Part::slice(table.clone(), span(1_000, 4_000));
    let archived = exported(&folder.location, &db, &part).await;
    let manifest = verify(&folder.location, &archived.manifest.name).await.unwrap();
    assert_eq!((manifest.rows, archived.reused), (3_000, false));
    assert_eq!(manifest, archived.manifest);
    assert_eq!(manifest.plan.as_deref(), Some("5f1c0ffee"));

    // The very rows are there; then one of them is missing, and one is another.
    assert!(restore(&folder.location, &manifest.name, &db, &Target::Own).await.unwrap().already);
    for meddle in ["DELETE FROM t WHERE at = 1500", "INSERT INTO t VALUES (1500, 'another')"] {
        db.execute(sql(meddle)).await.unwrap();
        let again = restore(&folder.location, &manifest.name, &db, &Target::Own).await.unwrap_err();
        assert!(matches!(again, Error::Refused { .. }), "{}", shown(&again));
    }
    assert_eq!(rows(&db, &table, "at").await.len(), before.len());

    clear(&db, &table, 1_000..4_000).await;
    let restored = restore(&folder.location, &manifest.name, &db, &Target::Own).await.unwrap();
    assert_eq!((restored.rows, restored.created), (3_000, false));
    assert_eq!(rows(&db, &table, "at").await, before);
}

#[tokio::test]
async fn only_their_owner_gets_at_files() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..10).await;
    exported(&folder.location, &db, &Part::whole(table)).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = folder.files();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
    }
}

#[tokio::test]
async fn the_same_rows_are_archived_once_and_others_beside_them() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..100).await;
    let part = Part::slice(table.clone(), span(0, 100));
    let first = exported(&folder.location, &db, &part).await;
    let files = folder.files();
    let second = exported(&folder.location, &db, &part).await;
    assert!(second.reused && !first.reused);
    assert_eq!((second.manifest, folder.files()), (first.manifest.clone(), files));

    // A row changes in place: the counts are the same, and the archive is not.
    db.execute(sql("UPDATE t SET note = 'changed' WHERE at = 50")).await.unwrap();
    let mut session = db.session().await.unwrap();
    let drifted = still_holds(&mut *session, &part, &first.manifest).await.unwrap_err();
    assert!(matches!(drifted, Error::Drifted { .. }) && drifted.to_string().contains("`note`"), "{}", shown(&drifted));
    let third = exported(&folder.location, &db, &part).await;
    assert!(!third.reused);
    assert_ne!(third.manifest.name, first.manifest.name);
    still_holds(&mut *session, &part, &third.manifest).await.unwrap();
    verify(&folder.location, &first.manifest.name).await.unwrap();
    verify(&folder.location, &third.manifest.name).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_export_left_goes_with_the_next() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..100).await;
    let part = Part::whole(table.clone());
    let archived = exported(&folder.location, &db, &part).await;
    // Killed between file and manifest, and in the middle of each.
    let (file, manifest) = (folder.only(".parquet"), folder.only(".json"));
    std::fs::copy(&file, file.with_extension("parquet.partial")).unwrap();
    std::fs::rename(&manifest, manifest.with_extension("json.partial")).unwrap();
    let listed = list(&folder.location).await.unwrap();
    assert_eq!((listed.len(), &listed[0].state), (1, &State::Unfinished));
    let missing = verify(&folder.location, &archived.manifest.name).await.unwrap_err();
    assert!(matches!(missing, Error::Input { .. }), "{}", shown(&missing));

    let again = exported(&folder.location, &db, &part).await;
    assert!(!again.reused);
    assert_eq!(folder.files().len(), 2, "{:?}", folder.files());
    verify(&folder.location, &again.manifest.name).await.unwrap();
}

#[tokio::test]
async fn lists_say_what_is_there() {
    let ((_keep, db), folder) = (sqlite().await, Folder::new());
    for table in [r#""a.b""#, r#""a.B c""#, r#""say ""hi""; DROP TABLE x""#, r#""ünïcode 🦀""#] {
        let table = name(table);
        numbers(&db, &table, 0..20).await;
        let span = span(0, 10);
        let bounds = ("2026-10-01T00:00:00Z".parse().unwrap(), "2026-11-01T00:00:00Z".parse().unwrap());
        exported(&folder.location, &db, &Part::slice(table, span).between(bounds.0, bounds.1)).await;
    }
    std::fs::write(folder.directory.path().join("cold/notes.json"), "{}").unwrap();
    let listed = list(&folder.location).await.unwrap();
    let mut tables: Vec<_> = listed
        .iter()
        .map(|one| match &one.state {
            State::Complete(manifest) => (manifest.table.to_string(), manifest.rows, manifest.start.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    tables.sort();
    let expected = [r#""a.B c""#, r#""a.b""#, r#""say ""hi""; DROP TABLE x""#, r#""ünïcode 🦀""#];
    assert_eq!(tables, expected.map(|table| (table.to_owned(), 10, true)));
}

#[tokio::test]
async fn a_table_that_does_not_fit_stays_as_it_is() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..100).await;
    let archive = exported(&folder.location, &db, &Part::whole(table)).await.manifest.name;
    for create in [
        "CREATE TABLE other (at BIGINT NOT NULL)",
        "CREATE TABLE other (at BIGINT NOT NULL, note BLOB)",
        "CREATE TABLE other (at BIGINT NOT NULL, note TEXT, more TEXT)",
        "CREATE TABLE other (at BIGINT NOT NULL, note TEXT CHECK (note <> 'row 99, naïve 🦀'))",
    ] {
        db.execute(sql(create)).await.unwrap();
        let target = Target::Table(name("other"));
        restore(&folder.location, &archive, &db, &target).await.expect_err(create);
        assert!(rows(&db, &name("other"), "at").await.is_empty(), "{create}");
        db.execute(sql("DROP TABLE other")).await.unwrap();
    }
    // A trigger that changes what is restored shows.
    let script = sql("CREATE TABLE other (at BIGINT NOT NULL, note TEXT);
        CREATE TRIGGER meddle AFTER INSERT ON other BEGIN UPDATE other SET note = 'x' WHERE at = 5; END");
    db.session().await.unwrap().execute_script(&script).await.unwrap();
    let error = restore(&folder.location, &archive, &db, &Target::Table(name("other"))).await.unwrap_err();
    assert!(error.to_string().contains("`note`"), "{}", shown(&error));
    assert!(rows(&db, &name("other"), "at").await.is_empty());
    db.execute(sql("DROP TRIGGER meddle")).await.unwrap();
    restore(&folder.location, &archive, &db, &Target::Table(name("other"))).await.unwrap();
    add(&db, &name("other"), 0..1).await;
    let error = restore(&folder.location, &archive, &db, &Target::Table(name("other"))).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{}", shown(&error));
}

#[tokio::test]
async fn no_rows_are_an_archive_too() {
    let ((_keep, db), folder, table) = (sqlite().await, Folder::new(), name("t"));
    numbers(&db, &table, 0..10).await;
    let archived = exported(&folder.location, &db, &Part::slice(table.clone(), span(50, 60))).await;
    assert_eq!(verify(&folder.location, &archived.manifest.name).await.unwrap().rows, 0);
    restore(&folder.location, &archived.manifest.name, &db, &Target::Table(name("none"))).await.unwrap();
    add(&db, &table, 50..51).await;
    assert!(!exported(&folder.location, &db, &Part::slice(table, span(50, 60))).await.reused);
}
