//! What is SQLite's own: files, databases in memory, and how sessions are set up.

use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::{ErrorClass, ExitCode};

async fn open(path: &std::path::Path, options: ConnectOptions) -> clusterkeep_core::Result<Db> {
    Db::connect_with(&format!("sqlite://{}", path.display()).parse()?, options).await
}

#[tokio::test]
async fn a_file_is_created_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let error = open(&path, ConnectOptions::default()).await.unwrap_err();
    assert_eq!(ExitCode::from(&error), ExitCode::BadInput);
    assert!(error.to_string().contains("a.db") && error.hint().is_some(), "{error}");
    assert!(!path.exists());
    let db = open(&path, ConnectOptions::default().create()).await.unwrap();
    assert_eq!(db.file(), Some(path.clone()));
    assert!(path.exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_fails_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    let missing = folder.path().join("no/such/folder/a.db");
    open(&missing, ConnectOptions::default().create()).await.unwrap_err();
    let other = folder.path().join("text.db");
    std::fs::write(&other, "this is no database, and long enough to be looked at as one ".repeat(100)).unwrap();
    open(&other, ConnectOptions::default()).await.unwrap_err();
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn sessions_are_in_wal_mode_with_foreign_keys() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("a.db"), ConnectOptions::default().create()).await.unwrap();
    assert_eq!(db.query(sql("PRAGMA journal_mode")).await.unwrap().scalar::<String>().unwrap(), "wal");
    db.execute(sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")).await.unwrap();
    db.execute(sql("CREATE TABLE child (id INTEGER REFERENCES parent)")).await.unwrap();
    let orphan = db.execute(sql("INSERT INTO child VALUES (1)")).await.unwrap_err();
    assert_eq!(orphan.class(), Some(ErrorClass::Constraint));
}

#[tokio::test]
async fn readers_go_on_while_another_session_writes() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("a.db"), ConnectOptions::default().create()).await.unwrap();
    db.execute(sql("CREATE TABLE t (a INTEGER)")).await.unwrap();
    let mut writer = db.session().await.unwrap();
    writer.begin().await.unwrap();
    writer.execute(&sql("INSERT INTO t VALUES (1)")).await.unwrap();
    assert_eq!(db.query(sql("SELECT count(*) FROM t")).await.unwrap().scalar::<i64>().unwrap(), 0);
    let mut second = db.session().await.unwrap();
    let locked = second.begin().await.unwrap_err();
    assert_eq!(locked.class(), Some(ErrorClass::LockTimeout));
    writer.commit().await.unwrap();
    second.begin().await.unwrap();
}

#[tokio::test]
async fn a_database_in_memory_is_one_for_all_sessions_and_each_handle_has_its_own() {
    let db = Db::connect("sqlite::memory:").await.unwrap();
    let other = Db::connect("sqlite::memory:").await.unwrap();
    db.execute(sql("CREATE TABLE t (a INTEGER)")).await.unwrap();
    let mut first = db.session().await.unwrap();
    let mut second = db.session().await.unwrap();
    first.execute(&sql("INSERT INTO t VALUES (1)")).await.unwrap();
    assert_eq!(second.query(&sql("SELECT a FROM t")).await.unwrap().len(), 1);
    drop((first, second));
    db.close().await;
    assert_eq!(db.query(sql("SELECT a FROM t")).await.unwrap().len(), 1, "it lives as long as its handle");
    let error = other.query(sql("SELECT a FROM t")).await.unwrap_err();
    assert_eq!(error.class(), Some(ErrorClass::MissingRelation));
}

#[test]
fn a_session_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (db, session) = runtime.block_on(async {
        let db = Db::connect("sqlite::memory:").await.unwrap();
        let mut session = db.session().await.unwrap();
        session.begin().await.unwrap();
        (db, session)
    });
    drop(runtime);
    drop(session);
    drop(db);
}
