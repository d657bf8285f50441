//! `query`: rows in every format, and nothing written unless asked for.

use std::io::Write;
use std::process::Stdio;

use crate::support::{DB, Place, Ran, snapshot};

#[test]
fn rows_in_every_format() {
    let place = Place::with_weather();
    let sql = "SELECT origin, count(*) AS hours, max(temp) AS hottest, NULL AS missing FROM observations GROUP BY 1";
    for format in ["table", "json", "ndjson", "csv", "yaml", "markdown"] {
        let ran = place.run(&["query", "--cluster", DB, "--format", format, sql]).done();
        assert!(ran.stderr.is_empty(), "{ran}");
        let name = format!("query_{format}");
        insta::assert_snapshot!(name, ran.stdout);
    }
}

#[test]
fn a_statement_comes_from_the_standard_input() {
    let place = Place::with_weather();
    let args = ["query", "--cluster", DB, "--format", "csv", "-"];
    let mut child =
        place.command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 1 AS one").unwrap();
    assert_eq!(Ran::of(&args, child.wait_with_output().unwrap()).done().stdout, "one\n1\n");
}

#[test]
fn writing_needs_to_be_asked_for() {
    let place = Place::with_weather();
    let before = place.value("SELECT count(*) FROM observations");
    let delete = "DELETE FROM observations WHERE origin = 'JFK'";
    snapshot!("query_refused", place.run(&["query", "--cluster", DB, delete]));
    assert_eq!(place.value("SELECT count(*) FROM observations"), before);
    snapshot!("query_write", place.run(&["query", "--cluster", DB, "--write", delete]));
    assert_ne!(place.value("SELECT count(*) FROM observations"), before);
    let returning = "DELETE FROM observations WHERE time_hour < 1357027200 RETURNING origin, time_hour";
    snapshot!("query_returning", place.run(&["query", "--cluster", DB, "--write", returning]));
}

#[test]
fn what_the_database_does_not_know_is_bad_input() {
    let place = Place::with_weather();
    let query = |sql: &str| place.run(&["query", "--cluster", DB, sql]).to_string();
    snapshot!(
        "query_unknown",
        [query("SELECT * FROM observatoins"), query("SELECT tmep FROM observations"), query("SELEC 1")].join("\n")
    );
}

#[test]
fn the_cluster_may_come_from_the_environment_or_a_file() {
    let place = Place::with_weather();
    let sql = ["query", "--format", "csv", "SELECT 1 AS one"];
    place.run_with(&sql, |command| command.env("CLUSTERKEEP_CLUSTER", DB)).done();
    place.write(".env", "CLUSTERKEEP_CLUSTER=sqlite://weather.db\n");
    place.run(&sql).done();
    // A flag of any kind beats an environment of any kind, and that beats the file.
    let other = [("CRATEDB_CLUSTER_ID", "not a Cloud id")];
    place.run_with(&[&sql[..], &["--cluster", DB]].concat(), |command| command.envs(other)).done();
    assert_eq!(place.run_with(&sql, |command| command.envs(other)).code, Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_weather();
    let args = ["query", "--cluster", DB, "--format", "ndjson", "SELECT * FROM observations"];
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(&args, child.wait_with_output().unwrap()).done();
    assert!(ran.stderr.is_empty(), "{ran}");
}

#[test]
fn what_a_database_holds_does_not_steer_the_terminal() {
    let place = Place::with_weather();
    let ran = place.run(&["query", "--cluster", DB, "SELECT char(27) || '[2J' AS evil"]).done();
    assert!(!ran.stdout.contains('\u{1b}'), "{ran}");
}
