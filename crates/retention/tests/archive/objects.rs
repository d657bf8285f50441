//! Archives in real object stores: an S3 server, also where keys are wrong, buckets are missing and connections drop; and Azure's blob storage.

use std::path::Path;
use std::time::Duration;

use clusterkeep_core::sql::{Db, Statement, TableName, sql};
use clusterkeep_retention::archive::{Location, Part, State, Target, export, list, restore, verify};
use clusterkeep_testkit::blobs::{self, BlobServer};
use clusterkeep_testkit::objects::{self, ObjectServer};
use clusterkeep_testkit::proxy::Proxy;

use crate::kit::{Good as _, context, exported, name, numbers, rows, shown, sqlite};

/// The place `cold/PREFIX` of a server that is reached by `port`; keys from variables of the names that are given.
fn location(server: &ObjectServer, port: u16, bucket: &str, secret: &str) -> Location {
    let variables = |name: &str| match name {
        "TEST_KEY" => Some(server.access_key().to_owned()),
        "TEST_SECRET" => Some(server.secret_key().to_owned()),
        "WRONG_SECRET" => Some("wrong-secret-that-nobody-may-see".to_owned()),
        _ => None,
    };
    let url = format!(
        "s3://{bucket}/some/prefix?endpoint=http://127.0.0.1:{port}\
         &access_key_id=env:TEST_KEY&secret_access_key=env:{secret}"
    );
    Location::parse(&url, &variables).unwrap()
}

/// A table whose archive has some 48 MiB, so that it goes in several parts.
async fn large(db: &Db, table: &TableName) {
    let create = format!(
        "CREATE TABLE {table} AS WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 767) \
         SELECT n AS at, randomblob(65536) AS note FROM s"
    );
    db.execute(Statement::assert_safe(create)).await.unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.map(|entry| entry.unwrap()) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found.sort();
    found
}

/// A small table and a large one go out, are known again, come back beside, and are listed.
async fn out_and_back(location: &Location, db: &Db) {
    assert!(list(location).await.good("an empty list").is_empty());
    numbers(db, &name("small"), 0..1_000).await;
    large(db, &name("large")).await;
    for table in ["small", "large"] {
        let table = name(table);
        let archived = exported(location, db, &Part::whole(table.clone())).await;
        assert_eq!(verify(location, &archived.manifest.name).await.good("verify"), archived.manifest);
        assert!(exported(location, db, &Part::whole(table.clone())).await.reused);
        let beside = name(&format!("{table}_back"));
        restore(location, &archived.manifest.name, db, &Target::Table(beside.clone())).await.good("restore");
        assert_eq!(rows(db, &beside, "at").await, rows(db, &table, "at").await);
    }
    let listed = list(location).await.good("a list");
    assert!(listed.iter().all(|one| matches!(one.state, State::Complete(_))), "{listed:?}");
    assert_eq!(listed.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back() {
    let Some(server) = objects::s3().await else { return };
    let (_keep, db) = sqlite().await;
    let bucket = server.bucket("cold");
    let location = location(&server, server.port(), "cold", "TEST_SECRET");
    out_and_back(&location, &db).await;
    assert_eq!(files(&bucket.join("some/prefix")).len(), 4);
}

/// The place `CONTAINER/PREFIX` of a server of Azure's kind, with the key in a variable of that name.
fn blob_location(server: &BlobServer, container: &str, key: &str) -> Location {
    let variables = |name: &str| match name {
        "TEST_KEY" => Some(server.key().to_owned()),
        "WRONG_KEY" => Some("d3Jvbmcta2V5LXRoYXQtbm9ib2R5LW1heS1zZWU=".to_owned()),
        _ => None,
    };
    let (endpoint, account) = (server.endpoint(), blobs::ACCOUNT);
    let url = format!("az://{container}/some/prefix?account={account}&endpoint={endpoint}&access_key=env:{key}");
    Location::parse(&url, &variables).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_and_back() {
    let Some(server) = blobs::azurite().await else { return };
    server.container("cold");
    let (_keep, db) = sqlite().await;
    let location = blob_location(&server, "cold", "TEST_KEY");
    location.look().await.good("a look");
    out_and_back(&location, &db).await;
    for (container, key) in [("cold", "WRONG_KEY"), ("nowhere", "TEST_KEY")] {
        let location = blob_location(&server, container, key);
        let error = location.look().await.expect_err("a look");
        let text = shown(&error);
        assert!(!text.contains("d3Jvbmct") && !text.contains(server.key()), "{text}");
        let part = Part::whole(name("small"));
        export(&location, &db, &part, &context()).await.expect_err("an export");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_and_missing_buckets() {
    let Some(server) = objects::s3().await else { return };
    let (_keep, db) = sqlite().await;
    numbers(&db, &name("t"), 0..100).await;
    let bucket = server.bucket("cold");
    let part = Part::whole(name("t"));
    let wrong = location(&server, server.port(), "cold", "WRONG_SECRET");
    for error in [export(&wrong, &db, &part, &context()).await.unwrap_err(), list(&wrong).await.unwrap_err()] {
        let text = format!("{} {error:?}", shown(&error));
        assert!(text.contains("keys right?") && text.contains("SignatureDoesNotMatch"), "{text}");
        assert!(text.len() < 2_000, "{text}");
        assert!(!text.contains("wrong-secret") && !text.contains(server.access_key()), "{text}");
    }
    let missing = location(&server, server.port(), "nowhere", "TEST_SECRET");
    let error = export(&missing, &db, &part, &context()).await.unwrap_err();
    assert!(shown(&error).contains("bucket"), "{}", shown(&error));
    assert!(files(&bucket).is_empty());
}

/// Killed between the file and its manifest: the next export does away with what is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lacks_its_manifest_is_no_archive() {
    let Some(server) = objects::s3().await else { return };
    let (_keep, db) = sqlite().await;
    numbers(&db, &name("t"), 0..100).await;
    let bucket = server.bucket("cold").join("some/prefix");
    let location = location(&server, server.port(), "cold", "TEST_SECRET");
    let archive = exported(&location, &db, &Part::whole(name("t"))).await.manifest.name;
    std::fs::remove_file(bucket.join(format!("{archive}.json"))).unwrap();
    assert_eq!(list(&location).await.unwrap()[0].state, State::Unfinished);
    verify(&location, &archive).await.unwrap_err();
    let again = exported(&location, &db, &Part::whole(name("t"))).await;
    assert_eq!((again.reused, files(&bucket).len()), (false, 2));

    // Cut off where it lies.
    let file = bucket.join(&again.manifest.file.key);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let error = verify(&location, &again.manifest.name).await.unwrap_err();
    assert!(error.to_string().contains("bytes instead of"), "{}", shown(&error));
    assert!(matches!(list(&location).await.unwrap()[0].state, State::Damaged(_)));
}

/// Connections drop in the middle, again and again: an export ends well or not at all, and the next one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_drop() {
    let Some(server) = objects::s3().await else { return };
    let (_keep, db) = sqlite().await;
    large(&db, &name("t")).await;
    let bucket = server.bucket("cold");
    let proxy = Proxy::to(server.port()).await.unwrap();
    let location = location(&server, proxy.port(), "cold", "TEST_SECRET");
    let part = Part::whole(name("t"));
    let cutting = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            proxy.cut();
        }
        // What is tried again from now on gets through.
        std::future::pending::<()>().await;
    };
    let context = context();
    let exporting = async {
        let archived = export(&location, &db, &part, &context).await?;
        verify(&location, &archived.manifest.name).await
    };
    let outcome = tokio::select! { outcome = exporting => outcome, () = cutting => unreachable!() };
    println!(
        "with {} connections: {:?}",
        proxy.accepted(),
        outcome.as_ref().map(|manifest| manifest.rows).map_err(shown)
    );
    assert!(proxy.accepted() > 3);

    // Nobody answers: it fails, says so, and leaves nothing that looks finished.
    db.execute(sql("UPDATE t SET at = at + 1000")).await.unwrap();
    proxy.refuse().await;
    export(&location, &db, &part, &context).await.unwrap_err();
    proxy.restore().await.unwrap();
    let archived = exported(&location, &db, &part).await;
    verify(&location, &archived.manifest.name).await.good("verify");
    for one in list(&location).await.unwrap() {
        let State::Complete(manifest) = one.state else { panic!("{one:?}") };
        verify(&location, &manifest.name).await.good("verify");
    }
    drop(bucket);
}
