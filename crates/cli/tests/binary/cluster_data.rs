//! Commands that move data: jobs of the Cloud, copies between databases, and what a sweep finds.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::cloud::{Sky, all, sky_snapshot};
use crate::support::{DB, Place, terminal};

#[test]
fn jobs_bring_data_in_and_take_it_out() {
    let sky = Sky::usual();
    sky.place.write("weather.csv", "origin,temp\nEWR,39.02\nJFK,39.92\n");
    let import = |args: &[&str]| sky.run(&[&["cluster", "import", "--cluster", "staging"], args].concat());
    let runs = [
        import(&["weather.csv"]),
        // Whatever was imported before does not matter to what is imported next.
        import(&["https://example.org/pems-1.csv.gz", "--table", "testdrive.pems-1"]),
        import(&["weather.csv", "--table", "doc.again", "--format", "json"]),
        import(&["https://example.org/data.parquet", "--no-wait", "--quiet", "--table", "later"]),
        import(&["missing.csv"]),
        import(&["weather"]),
        import(&["https://example.org/data", "--table", "t"]),
        sky.run(&["cluster", "jobs", "--cluster", "staging", "--format", "csv"]),
        sky.run(&["cluster", "snapshots", "--cluster", "staging", "--format", "json"]),
    ];
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [0, 0, 0, 0, 2, 2, 2, 0, 0], "{}", all(&runs[..8]));
    assert!(runs[7].stdout.lines().count() >= 5, "{}", runs[7]);
    assert!(!runs[8].json().as_array().unwrap().is_empty());
    sky_snapshot!("cluster_import", all(&runs[..7]));

    let export = |args: &[&str]| sky.run(&[&["cluster", "export", "--cluster", "staging"], args].concat());
    let ran = export(&["doc.weather", "out.csv"]).done();
    assert!(ran.stdout.starts_with("exported ") && sky.place.path().join("out.csv").exists(), "{ran}");
    assert_eq!(export(&["doc.weather", "out.csv"]).code, Some(2));
    sky.place.write("out.csv", "old");
    export(&["doc.weather", "out.csv", "--overwrite"]).done();
    assert_ne!(std::fs::read_to_string(sky.place.path().join("out.csv")).unwrap(), "old");
}

#[test]
fn a_snapshot_is_restored_by_plan() {
    let sky = Sky::usual();
    let plan = sky.run(&["cluster", "restore", "latest", "--cluster", "staging", "--plan"]);
    assert!(plan.code == Some(0) || plan.code == Some(4), "{plan}");
    let missing = sky.run(&["cluster", "restore", "19990101000000", "--cluster", "staging", "--plan"]);
    assert_eq!(missing.code, Some(2), "{missing}");
    assert!(missing.stderr.contains("snapshot not found"), "{missing}");
    assert!(sky.changes().is_empty());
}

#[test]
fn tables_are_copied_by_plan() {
    let place = Place::with_weather();
    place.write("other.db", "");
    let copy =
        |args: &[&str]| place.run(&[&["cluster", "copy", "--cluster", DB, "--to", "sqlite://other.db"], args].concat());
    let create = "CREATE TABLE observations (origin TEXT, time_hour INTEGER, temp REAL, humid REAL)";
    place.run(&["query", "--cluster", "sqlite://other.db", "--write", create]).done();
    let plan = copy(&["--plan"]).done();
    let (_, hash) = plan.stdout.trim().rsplit_once("--expect-plan ").unwrap_or_else(|| panic!("{plan}"));
    let runs = [copy(&["--expect-plan", hash]), copy(&["--plan", "--exit-code"]), copy(&[])];
    let count =
        place.run(&["query", "--cluster", "sqlite://other.db", "--format", "csv", "SELECT count(*) FROM observations"]);
    assert_eq!(count.done().stdout.lines().last(), Some("17520"), "{}", all(&runs));
    assert_eq!(runs[0].code, Some(0), "{}", runs[0]);
    assert_eq!(runs[2].code, Some(2), "{}", runs[2]);
    let replicate = copy(&["--replicate", "--plan"]);
    assert_eq!(replicate.code, Some(2), "{replicate}");
}

#[test]
fn a_sweep_of_nothing_does_nothing() {
    let sky = Sky::usual();
    let runs = [
        sky.run(&["cluster", "sweep", "--plan", "--exit-code"]),
        sky.run(&["cluster", "sweep", "--plan", "--format", "json"]),
    ];
    assert!(runs.iter().all(|ran| ran.code == Some(0)), "{}", all(&runs));
    assert!(runs[0].stdout.contains("there is nothing to do"), "{}", runs[0]);
    assert_eq!(runs[1].json()["kind"], "sweep");
}

/// On a terminal the plan is shown and asked about; only yes is yes.
#[test]
fn on_a_terminal_it_asks() {
    let sky = Sky::usual();
    for (answer, code, left) in [("n\n", Some(4), 3), ("yes\n", Some(0), 2)] {
        let (mut near, far) = terminal();
        let mut command = sky.place.command(&["cluster", "delete", "--cluster", "staging"]);
        command.envs(sky.environment()).env("NO_COLOR", "1");
        command.stdin(far.try_clone().unwrap()).stderr(Stdio::from(far)).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        near.write_all(answer.as_bytes()).unwrap();
        let shown = std::thread::spawn(move || {
            let mut shown = Vec::new();
            // Reading ends with an error where the other end of a terminal is closed.
            near.read_to_end(&mut shown).ok();
            String::from_utf8_lossy(&shown).into_owned()
        });
        let output = child.wait_with_output().unwrap();
        let shown = shown.join().unwrap();
        assert_eq!(output.status.code(), code, "{shown}");
        assert!(shown.contains("backups") && shown.contains("apply plan"), "{shown}");
        assert_eq!(sky.cloud.clusters().len(), left);
    }
}
