//! Servers that tests share: each test has a database of its own, and no server outlives the test program.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails, and its helpers are no tests themselves for the lint"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use clusterkeep_core::sql::sql;
use clusterkeep_testkit::servers::{self, TestDatabase};
use clusterkeep_testkit::skip::{REQUIRE, SKIPPED};

const ROLE: &str = "CLUSTERKEEP_TEST_ROLE";

async fn check(first: TestDatabase, second: TestDatabase) {
    assert_eq!(first.server().port(), second.server().port(), "one server for both");
    assert_ne!(first.name(), second.name());
    let (one, two) = (first.connect().await, second.connect().await);
    for (db, value) in [(&one, 1), (&two, 2)] {
        db.execute(sql("CREATE TABLE marks (id INT PRIMARY KEY)")).await.unwrap();
        db.execute(sql("INSERT INTO marks (id) VALUES (?)").bind(value)).await.unwrap();
    }
    let url = first.url().to_owned();
    drop(first);
    // It is removed by nobody whom a test could wait for.
    let deadline = Instant::now() + Duration::from_secs(10);
    while still_there(&url).await {
        assert!(Instant::now() < deadline, "the database of a test that has passed is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if second.engine() == clusterkeep_core::sql::Engine::Cratedb {
        two.execute(sql("REFRESH TABLE marks")).await.unwrap();
    }
    assert_eq!(two.query(sql("SELECT id FROM marks")).await.unwrap().scalar::<i64>().unwrap(), 2);
}

async fn still_there(url: &str) -> bool {
    match clusterkeep_core::sql::Db::connect(url).await {
        Ok(db) => db.query(sql("SELECT id FROM marks")).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn tests_on_postgres_are_apart() {
    if let (Some(first), Some(second)) = (servers::postgres().await, servers::postgres().await) {
        check(first, second).await;
    }
}

#[tokio::test]
async fn tests_on_mariadb_are_apart() {
    if let (Some(first), Some(second)) = (servers::mariadb().await, servers::mariadb().await) {
        check(first, second).await;
    }
}

#[tokio::test]
async fn tests_on_cratedb_are_apart() {
    if let (Some(first), Some(second)) = (servers::cratedb().await, servers::cratedb().await) {
        check(first, second).await;
    }
}

/// Runs `role` below as a test program of its own.
fn program(role: &str, temporary: &Path, variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plays_its_role", "--nocapture"])
        .env(ROLE, role)
        .env("TMPDIR", temporary)
        .env_remove(REQUIRE)
        .env(SKIPPED, temporary.join("skipped"))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// A directory for temporary files that every account can use.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    place
}

/// No test of its own: what the programs above run.
#[tokio::test]
async fn plays_its_role() {
    match std::env::var(ROLE).as_deref() {
        Ok("share") => {
            let database = servers::postgres().await.unwrap();
            assert!(database.server().directory().exists());
        }
        Ok("miss") => assert!(servers::cratedb().await.is_none()),
        Ok(role) => panic!("there is no role `{role}`"),
        Err(_) => {}
    }
}

#[test]
fn a_shared_server_ends_with_the_test_program() {
    if !servers::is_there(clusterkeep_core::sql::Engine::Postgres) {
        return;
    }
    let place = place();
    let output = program("share", place.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_dir(place.path()).unwrap().count() > 0 {
        assert!(Instant::now() < deadline, "the server's directory is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_missing_server_is_said_and_counted() {
    let place = place();
    let nowhere = [("CRATEDB_HOME", "/nonexistent")];
    let output = program("miss", place.path(), &nowhere);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("skipped: plays_its_role needs cratedb"), "{said}");
    program("miss", place.path(), &nowhere);
    let recorded = fs::read_to_string(place.path().join("skipped")).unwrap();
    assert_eq!(recorded, "cratedb: no cratedb is installed\n".repeat(2));
}

#[test]
fn a_missing_server_that_is_required_is_a_failure() {
    let place = place();
    let output = program("miss", place.path(), &[("CRATEDB_HOME", "/nonexistent"), (REQUIRE, "postgres,cratedb")]);
    assert!(!output.status.success());
    assert!(!place.path().join("skipped").exists());
}
