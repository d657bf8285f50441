//! `retention`: planned, approved, applied, and nothing left to do; refused, drifted and locked where it must be.

use crate::support::{DB, MANIFEST, Place, Ran, snapshot};

const NOW: &str = "2014-01-15T00:00:00Z";

fn retention(place: &Place, command: &str, more: &[&str]) -> Ran {
    place.run(&[&["retention", command, "-f", "weather.yaml", "--cluster", DB, "--now", NOW], more].concat())
}

/// The hash of the plan as it is now.
fn hash(place: &Place) -> String {
    retention(place, "plan", &["--format", "json"]).json()["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_is_shown_applied_and_then_there_is_nothing_to_do() {
    let place = Place::with_weather();
    let rows = place.value("SELECT count(*) FROM observations");
    let planned = retention(&place, "plan", &[]);
    snapshot!("plan", planned);
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows, "a plan changes nothing");
    assert_eq!(retention(&place, "plan", &["--exit-code", "--quiet"]).code, Some(3));

    let apply = planned.stdout.split_once("--expect-plan ").unwrap().1.trim().to_owned();
    snapshot!("apply", retention(&place, "apply", &["--expect-plan", &apply]));
    assert_ne!(place.value("SELECT count(*) FROM observations"), rows);

    snapshot!("plan_again", retention(&place, "plan", &["--exit-code"]));
    snapshot!("apply_again", retention(&place, "apply", &["--expect-plan", &hash(&place)]));
}

#[test]
fn the_printed_command_does_what_was_shown() {
    let place = Place::with_weather();
    let planned = retention(&place, "plan", &["--from", "2013-02-01", "--until", "2013-03-01"]).done();
    let (_, line) = planned.stdout.split_once("apply it: clusterkeep ").unwrap();
    let line = line.replace("\\\n", " ");
    let args: Vec<_> = line.split_whitespace().collect();
    let applied = place.run(&args).done();
    assert!(applied.stdout.contains("done"), "{applied}");
    let february = "SELECT count(*) FROM observations WHERE time_hour >= 1359694800 AND time_hour < 1362114000";
    assert_eq!(place.value(february), "0");
    assert_ne!(place.value("SELECT count(*) FROM observations WHERE time_hour < 1359694800"), "0");
}

#[test]
fn json_has_the_keys_of_its_schema() {
    let place = Place::with_weather();
    let plan = retention(&place, "plan", &["--format", "json"]).json();
    for key in ["kind", "as_of", "zone", "hash", "verdicts", "steps"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    assert_eq!(plan["kind"], "retention");
    let dropped = plan["verdicts"].as_array().unwrap().iter().find(|verdict| verdict["verdict"] == "drop").unwrap();
    for key in ["object", "verdict", "reason", "table", "start", "end", "rows", "bytes", "policy"] {
        assert!(dropped.get(key).is_some(), "{key}");
    }
    let report = retention(&place, "apply", &["--format", "json", "--expect-plan", &hash(&place)]).json();
    assert_eq!(report["exit_code"], 0);
    assert!(report["outcomes"].as_array().unwrap().iter().all(|outcome| outcome["outcome"] == "done"));
    let rows = retention(&place, "plan", &["--format", "ndjson"]).stdout;
    assert!(rows.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn nothing_is_applied_that_nobody_approved() {
    let place = Place::with_weather();
    let rows = place.value("SELECT count(*) FROM observations");
    snapshot!("apply_unapproved", retention(&place, "apply", &[]));
    snapshot!("apply_drifted", retention(&place, "apply", &["--expect-plan", "12345678"]));
    let short = retention(&place, "apply", &["--expect-plan", "1234"]);
    assert_eq!(short.code, Some(2), "{short}");
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
}

#[test]
fn a_guard_rail_refuses_and_says_how_to_go_on() {
    let place = Place::with_weather();
    place.write("weather.yaml", &MANIFEST.replace("max_share: 90%", "max_share: 25%"));
    let planned = retention(&place, "plan", &[]);
    assert_eq!(planned.code, Some(4), "{planned}");
    snapshot!("plan_refused", planned.stderr);
}

#[test]
fn a_plan_in_the_future_can_only_be_looked_at() {
    let place = Place::with_weather();
    let future =
        ["retention", "plan", "-f", "weather.yaml", "--cluster", DB, "--now", "2900-01-01", "--format", "json"];
    let hash = place.run(&future).json()["hash"].as_str().unwrap().to_owned();
    let mut apply = future.to_vec();
    apply[1] = "apply";
    apply.extend(["--expect-plan", &hash]);
    let ran = place.run(&apply);
    assert_eq!(ran.code, Some(4), "{ran}");
}

#[test]
fn explained_in_words() {
    let place = Place::with_weather();
    snapshot!("explain", retention(&place, "explain", &[]));
    snapshot!("explain_day", retention(&place, "explain", &["observations", "--at", "2013-10-16"]));
    let unknown = retention(&place, "explain", &["nothing"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
}

#[test]
fn quiet_says_nothing_but_the_data() {
    let place = Place::with_weather();
    let ran = retention(&place, "apply", &["--quiet", "--expect-plan", &hash(&place)]).done();
    assert!(ran.stderr.is_empty(), "{ran}");
}
