//! Commands about clusters on real servers.

use clusterkeep_testkit::servers::{self, TestDatabase};

use crate::support::{Place, Ran};

fn run(place: &Place, database: &TestDatabase, args: &[&str]) -> Ran {
    place.run_with(args, |command| command.env("CLUSTERKEEP_CLUSTER", database.url()))
}

/// Every question has an answer; they are those that the older tool asks.
fn answers_everything(place: &Place, database: &TestDatabase, questions: usize) {
    let ran = run(place, database, &["cluster", "info", "--database", "--format", "json"]).done();
    let document = ran.json();
    let answers = document["database"]["diagnostics"].as_array().unwrap();
    assert_eq!(answers.len(), questions, "{ran}");
    for answer in answers {
        assert!(answer["rows"].is_array() && answer["error"].is_null(), "{answer}");
    }
    let text = run(place, database, &["cluster", "info", "--database"]).done();
    assert!(!text.stdout.contains("failed:"), "{text}");
    let health = run(place, database, &["cluster", "health", "--format", "json"]).done();
    assert_eq!(health.json()["well"], true, "{health}");
    run(place, database, &["cluster", "ping"]).done();
}

/// Writes, reads and describes through the shell.
fn shell_works(place: &Place, database: &TestDatabase, table: &str) {
    let shell = |args: &[&str]| run(place, database, &[&["cluster", "shell", "--format", "csv"], args].concat());
    let create = format!("CREATE TABLE {table} (a INTEGER, b VARCHAR(20)); INSERT INTO {table} (a, b) VALUES (1, ';')");
    assert_eq!(shell(&["-c", &create]).code, Some(4));
    shell(&["--write", "-c", &create]).done();
    if database.url().starts_with("http") || database.url().starts_with("crate") {
        shell(&["--write", "-c", &format!("REFRESH TABLE {table}")]).done();
    }
    assert_eq!(shell(&["-c", &format!("SELECT a, b FROM {table};")]).done().stdout, "a,b\n1,;\n");
    let listed = shell(&["-c", "\\d"]).done();
    assert!(listed.stdout.contains(table), "{listed}");
    let described = shell(&["-c", &format!("\\d {table}")]).done();
    let columns: Vec<_> = described.stdout.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(columns, ["column", "a", "b"], "{described}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::empty();
    shell_works(&place, &database, "shelled");
    answers_everything(&place, &database, 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let Some(database) = servers::postgres().await else { return };
    let place = Place::empty();
    shell_works(&place, &database, "shelled");
    answers_everything(&place, &database, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    let place = Place::empty();
    shell_works(&place, &database, "shelled");
    answers_everything(&place, &database, 3);
}
