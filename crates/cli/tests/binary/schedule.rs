//! `schedule` and `run`: when, what became of it, and once by hand.

use crate::support::{DB, MANIFEST, Place, snapshot};

#[test]
fn next_fires() {
    let place = Place::with_weather();
    let fold = ["schedule", "next", "30 1 * * *", "--zone", "America/New_York", "-n", "3"];
    snapshot!("next", place.run(&[&fold[..], &["--after", "2026-10-31T00:00:00-04:00"]].concat()));
    let gap = ["schedule", "next", "30 2 * * *", "--zone", "America/New_York", "-n", "2", "--after", "2026-03-07"];
    snapshot!("next_gap", place.run(&gap));
    snapshot!(
        "next_late",
        place.run(&[
            "schedule",
            "next",
            "0 23 * * *",
            "--zone",
            "America/New_York",
            "-n",
            "1",
            "--after",
            "2014-01-15"
        ])
    );
    snapshot!(
        "next_job",
        place.run(&["schedule", "next", "nightly", "-f", "weather.yaml", "-n", "2", "--after", "2014-01-15"])
    );
    snapshot!("next_uneven", place.run(&["schedule", "next", "*/45 * * * *", "-n", "3", "--after", "2014-01-15"]));
    snapshot!(
        "next_csv",
        place.run(&["schedule", "next", "@daily", "-n", "2", "--after", "2014-01-15", "--format", "csv"])
    );
    snapshot!("next_never", place.run(&["schedule", "next", "@at 2014-01-15T00:00:00Z", "--after", "2014-01-15"]));
}

#[test]
fn a_job_by_hand_and_its_history() {
    let place = Place::with_weather();
    // By now everything but the newest slice has expired.
    place.write("weather.yaml", &MANIFEST.replace("max_share: 90%", "max_share: 100%"));
    let state = ["--state", "sqlite://jobs.db"];
    snapshot!("schedule_list_none", place.run(&["schedule", "list"]));
    let trigger = ["schedule", "trigger", "nightly", "-f", "weather.yaml", "--cluster", DB];
    let ran = place.run(&[&trigger[..], &state].concat()).done();
    assert!(ran.stdout.contains("succeeded: plan "), "{ran}");
    assert_eq!(place.value("SELECT count(DISTINCT time_hour / 86400) < 3 FROM observations"), "1");
    snapshot!("schedule_list", place.run(&[&["schedule", "list"], &state[..]].concat()));
    let history =
        place.run(&[&["schedule", "history", "nightly", "-n", "weather", "--format", "json"], &state[..]].concat());
    let run = &history.json()[0];
    assert_eq!((run["state"].as_str(), run["kind"].as_str()), (Some("succeeded"), Some("manual")));
    let failed = place.run(&[&["schedule", "history", "--failed"], &state[..]].concat()).done();
    assert_eq!(failed.stdout, "there is no such run\n");
}

#[test]
fn a_guard_rail_makes_a_refused_run() {
    let place = Place::with_weather();
    place.write("weather.yaml", &MANIFEST.replace("max_share: 90%", "max_share: 25%"));
    let rows = place.value("SELECT count(*) FROM observations");
    let ran = place.run(&["schedule", "trigger", "nightly", "-f", "weather.yaml", "--cluster", DB]);
    assert_eq!(ran.code, Some(4), "{ran}");
    assert!(ran.stdout.contains("refused: plan") && ran.stdout.contains("the guard allows 25 %"), "{ran}");
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
    let refused = place.run(&["schedule", "history", "--failed", "--format", "ndjson"]).done();
    assert_eq!(refused.stdout.lines().count(), 1, "{refused}");
}
