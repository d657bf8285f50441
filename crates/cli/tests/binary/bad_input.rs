//! What bad input gets: one line with place and cause, a hint, exit code 2, and no password.

use crate::support::{DB, MANIFEST, Place, Ran, snapshot};

fn all(runs: &[Ran]) -> String {
    runs.iter().map(|ran| format!("{ran}\n")).collect()
}

#[test]
fn addresses() {
    let place = Place::with_weather();
    let query = |address: &str| place.run(&["query", "--cluster", address, "SELECT 1"]);
    let id = "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191";
    let with = |variables: &[(&str, &str)]| {
        place.run_with(&["query", "SELECT 1"], |command| command.envs(variables.iter().copied()))
    };
    place.write(".env", "CRATEDB_CLUSTER_ID=one\nCRATEDB_CLUSTER_URL=crate://localhost\n");
    let runs = [
        with(&[("CRATEDB_CLUSTER_ID", id), ("CRATEDB_CLUSTER_URL", "crate://h")]),
        with(&[]),
        place.run(&["query", "--cluster", "a", "--cluster", "b", "SELECT 1"]),
        query("weather.db"),
        query("oracle://h/db"),
        query("postgres://u:hunter2@h:x/db"),
        query("postgres://u:hun#ter2@h/db"),
        query("postgres://h/db?sslmod=require"),
        query("sqlite://missing.db"),
        query("staging"),
        query("crate://u:hunter2@db.example.org"),
        place.run(&["query", "--cluster", "postgres://u@h/db?password=env:NOT_SET", "SELECT 1"]),
    ];
    snapshot!("bad_addresses", all(&runs));
    // `staging` is the name of a cluster, and nobody has said who asks for it.
    let codes: Vec<_> = runs[1..10].iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [2, 2, 2, 2, 2, 2, 2, 2, 1]);
}

#[test]
fn no_address_at_all() {
    snapshot!("no_address", Place::empty().run(&["query", "SELECT 1"]));
}

#[test]
fn case_09_and_10_files_with_bad_ages_keys_and_names() {
    let place = Place::with_weather();
    let before = place.value("SELECT count(*) FROM observations");
    let plan = |change: &dyn Fn(&str) -> String| {
        place.write("bad.yaml", &change(MANIFEST));
        place.run(&["retention", "plan", "-f", "bad.yaml", "--cluster", DB])
    };
    let replaced = |from: &'static str, to: &'static str| {
        assert!(MANIFEST.contains(from), "{from}");
        plan(&|text| text.replacen(from, to, 1))
    };
    let mut runs = vec![
        place.run(&["retention", "plan", "-f", "missing.yaml", "--cluster", DB]),
        place.run(&["retention", "plan", "-f", ".", "--cluster", DB]),
        plan(&|_| String::new()),
        replaced("zone: ", "zone "),
        replaced("name: weather\n", "name: weather\nname: again\n"),
        replaced("slice: day", "slices: day"),
        replaced("kind: Retention", "kind: Retentoin"),
        replaced("kind: Retention\n", ""),
        replaced("America/New_York", "America/New_Amsterdam"),
        replaced("table: observations\n", "table: observatoins\n"),
        replaced("column: time_hour", "column: time_minute"),
        replaced("[temp, humid]", "[temp, humidity]"),
        replaced("by: [origin]", "by: [airport]"),
        replaced(", as: epoch_seconds", ""),
        replaced("max_share: 90%", "max_share: 90"),
        place.run(&["retention", "plan", "-f", "weather.yaml", "--manifest", "climate", "--cluster", DB]),
    ];
    for age in ["90", "0d", "-1d", "NaN", "10 dayz", "5m", "99999999999999 years", "\"\""] {
        runs.push(plan(&|text| text.replacen("after: 90 days", &format!("after: {age}"), 1)));
    }
    for ran in &runs {
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stdout.is_empty(), "{ran}");
        let errors = ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{ran}");
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("hint: ")).count(), 1, "{ran}");
        assert_eq!(ran.stderr.lines().count(), 2, "{ran}");
    }
    snapshot!("bad_files", all(&runs));
    assert_eq!(place.value("SELECT count(*) FROM observations"), before);
    let tables = place.value("SELECT count(*) FROM sqlite_master WHERE name <> 'observations'");
    assert_eq!(tables, "0", "nothing was touched");
}

#[test]
fn expressions() {
    let place = Place::empty();
    let next = |expression: &str| place.run(&["schedule", "next", expression]);
    let runs = [
        next("0 0 30 2 *"),
        next("61 * * * *"),
        next("* * *"),
        next("@every 5"),
        place.run(&["schedule", "next", "@daily", "--zone", "Mars/Olympus"]),
        place.run(&["schedule", "next", "@daily", "--after", "tomorrow"]),
        place.run(&["schedule", "history", "nightly"]),
        place.run(&["schedule", "list", "--state", "sqlite://typo.db"]),
        place.run(&["schedule", "list", "--state", "mysql://localhost/jobs"]),
    ];
    snapshot!("bad_expressions", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(2)));
    assert!(!place.path().join("typo.db").exists(), "looking creates nothing");
}

#[test]
fn jobs() {
    let place = Place::with_weather();
    let trigger = |from: &str, to: &str, job: &str| {
        assert!(MANIFEST.contains(from), "{from}");
        place.write("bad.yaml", &MANIFEST.replacen(from, to, 1));
        place.run(&["schedule", "trigger", job, "-f", "bad.yaml", "--cluster", DB])
    };
    let runs = [
        trigger("namespace", "namespace", "weekly"),
        trigger("manifest: weather", "manifest: climate", "nightly"),
        trigger("action: retention", "action: rm", "nightly"),
        trigger("approve: within_guards", "approve: always", "nightly"),
        trigger(", approve: within_guards", "", "nightly"),
        trigger("30 3 * * *", "30 3 31 2 *", "nightly"),
        trigger("kind: Timetable", "kind: Retention", "nightly"),
    ];
    snapshot!("bad_jobs", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(2)));
}

/// Failing is not bad input: nothing answers, and it says how often and how long it was tried.
#[test]
fn a_dead_server_is_a_failure() {
    let place = Place::empty();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("postgres://me:hunter2@127.0.0.1:{port}/db");
    let ran = place.run(&["query", "--cluster", &address, "SELECT 1", "-vvv"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(!ran.everything().contains("hunter2"), "{ran}");
    let error = ran.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("attempts in") && error.contains("refused"), "{error}");
}
