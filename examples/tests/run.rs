//! Each example runs to its end, and shows what it says.

use std::path::PathBuf;
use std::process::Command;

use clusterkeep_core::sql::Engine;
use clusterkeep_testkit::servers;

/// Runs an example to its end, which must be a good one, and returns what it printed.
fn run(name: &str, args: &[&str]) -> String {
    // Cargo builds the examples of a package along with its tests, into a folder beside theirs.
    let here = std::env::current_exe().unwrap();
    let program: PathBuf = here.ancestors().nth(2).unwrap().join("examples").join(name);
    let output = Command::new(&program).args(args).output().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{name} ended with {}\n{out}\n{err}", output.status);
    assert_eq!(err, "", "{name}");
    out
}

#[track_caller]
fn assert_lines(out: &str, lines: &[&str]) {
    let mut rest = out.lines();
    for line in lines {
        assert!(rest.any(|found| found.contains(line)), "there is no `{line}` where it should be in\n{out}");
    }
}

fn shows_its_table(out: &str, product: &str) {
    assert!(out.starts_with(product), "{out}");
    assert_lines(
        out,
        &[
            "origin",
            "JFK",
            "LGA",
            r#"{"origin":"JFK","temp":39.02}"#,
            r#"{"origin":"LGA","temp":39.92}"#,
            "JFK: 3.9 °C",
            "41 + 1 = 42",
        ],
    );
    assert!(!out.contains("EWR"), "a bound value says what is warm\n{out}");
}

#[test]
fn query_on_sqlite() {
    shows_its_table(&run("query", &[]), "SQLite");
}

#[tokio::test]
async fn query_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    let out = run("query", &[database.url()]);
    shows_its_table(&out, "PostgreSQL");
    let password = database.url().split(':').nth(2).and_then(|rest| rest.split('@').next()).unwrap();
    assert!(!password.is_empty() && !out.contains(password), "no password is shown");
}

#[tokio::test]
async fn query_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    shows_its_table(&run("query", &[database.url()]), "MariaDB");
}

#[tokio::test]
async fn query_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    shows_its_table(&run("query", &[database.url()]), "CrateDB");
}

#[test]
fn plan_and_apply() {
    let out = run("plan_and_apply", &[]);
    assert_lines(
        &out,
        &[
            "retention on SQLite",
            "cutoff: requests ending at or before 2013-12-15 00:00 EST",
            "drop",
            "keep",
            "slices are gone, exit code 0",
            "rows are left",
            "the audit ends with",
            "and again: 0 steps",
        ],
    );
}

#[test]
fn rollup() {
    let out = run("rollup", &[]);
    assert_lines(&out, &["step 1: ", "exit code 0"]);
    // 23 hours of 10 March, between days of 24.
    let day = |begins: &str| {
        let line = out.lines().find(|line| line.contains(begins)).unwrap_or_else(|| panic!("no {begins} in\n{out}"));
        line.split('┆').nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(
        (day("2013-03-09 05:00:00"), day("2013-03-10 05:00:00"), day("2013-03-11 04:00:00")),
        ("24".into(), "23".into(), "24".into())
    );
    assert_lines(&out, &["2013-03", "2013-04", "2013-05", "the averages are what they were"]);
}

#[test]
fn jobs() {
    let out = run("jobs", &[]);
    assert_lines(
        &out,
        &[
            "cleanup succeeded: 2 statements: 1 rows read, 2 changed",
            "left after a night: 1 row",
            "download succeeded: 200 OK, ",
            "load succeeded: 2 rows",
            "New York: 5.0 °C",
            "Vienna: 10.0 °C",
            "points of a sine wave",
        ],
    );
    let points = out.lines().last().unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
    assert!((5..=30).contains(&points), "{out}");
}

#[test]
fn schedule() {
    let out = run("schedule", &[]);
    assert_lines(
        &out,
        &[
            "Thu 2026-10-29 01:30 EDT   05:30 UTC",
            "Sun 2026-11-01 01:30 EDT   05:30 UTC   the clock goes back at 02:00: 01:30 comes twice, the first one fires",
            "Mon 2026-11-02 01:30 EST   06:30 UTC",
            "7 fires in the week",
            "ticker is running",
            "were cut off",
        ],
    );
    let ended = out.lines().find(|line| line.contains("runs have succeeded, 0 were cut off")).unwrap();
    let succeeded: u32 = ended.split(' ').next().unwrap().parse().unwrap();
    assert!((1..=4).contains(&succeeded), "{ended}");
}

#[test]
fn notification() {
    let out = run("notification", &[]);
    assert_lines(
        &out,
        &["told: default/load failed (\"first_failure\")", "told: default/load is well again (\"recovery\")"],
    );
    // Each is told once, and followed once for each run that has failed.
    assert_eq!((out.matches("told: ").count(), out.matches("apologise for the run of ").count()), (2, 2), "{out}");
}

#[test]
fn monitoring() {
    let out = run("monitoring", &[]);
    assert_lines(
        &out,
        &[
            "the service ends",
            "ALARM default/look is silent: no run of look has succeeded within 800 milliseconds: the last one ended at",
            "the service is back",
            "ALARM default/look is well again",
            "1 missed heartbeat in the history",
        ],
    );
    assert_eq!(out.matches("ALARM").count(), 2, "once for the silence, and once for its end\n{out}");
}

#[test]
fn local_server() {
    if !servers::is_there(Engine::Postgres) {
        return;
    }
    assert_lines(&run("local_server", &[]), &["PostgreSQL answers at 127.0.0.1:", "39.02", "39.92", "is gone"]);
}
