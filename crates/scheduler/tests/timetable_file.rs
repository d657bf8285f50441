//! Timetables as files: what they say, and what is said about wrong ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use clusterkeep_core::manifest;
use clusterkeep_scheduler::{Misfire, OnCrash, Overlap, Timetable, When};

const WEATHER: &str = r#"kind: Timetable
namespace: weather
jobs:
  - name: nightly
    when: "30 3 * * *"
    zone: America/New_York
    run: { action: retention, manifest: weather, approve: within_guards }
  - name: often
    description: Looks whether anybody is there.
    when: { every: 6 h, from: 2026-01-01T03:30:00Z }
    run:
      action: ping
    overlap: { allow: 3 }
    misfire: { all: { within: 2 days } }
    gap: run-after
    fold: both
    on_crash: retry
"#;

#[test]
fn a_timetable_says_what_it_means() {
    let timetables = manifest::read_str::<Timetable>(WEATHER, "weather.yaml").unwrap();
    let timetable = &timetables[0].value;
    assert_eq!(timetable.namespace(), "weather");
    let [nightly, often] = timetable.jobs.as_slice() else { panic!("two jobs") };
    let run = nightly.run.as_action().unwrap();
    assert_eq!((run.action.as_str(), &run.args["approve"]), ("retention", &"within_guards".into()));
    assert_eq!(nightly.zone.to_string(), "America/New_York");
    assert_eq!((nightly.overlap, nightly.misfire, nightly.on_crash), (Overlap::Skip, Misfire::Latest, None));
    assert!(matches!(often.when, When::Every { from: Some(_), .. }));
    assert_eq!(often.on_crash, Some(OnCrash::Retry));
    // It is kept as JSON, and comes back as it was.
    let kept = serde_json::to_string(timetable).unwrap();
    assert_eq!(serde_json::from_str::<Timetable>(&kept).unwrap(), *timetable);
}

#[test]
fn what_is_wrong_has_its_place_and_a_hint() {
    let wrong = [
        (
            "\"30 3 * * *\"",
            "\"61 3 * * *\"",
            "weather.yaml:5:11: cron expression `61 3 * * *`: minute `61` is above 59",
        ),
        ("\"30 3 * * *\"", "\"0 0 30 2 *\"", "weather.yaml:5:11: cron expression `0 0 30 2 *`: it never fires"),
        ("\"30 3 * * *\"", "\"@every 90\"", "weather.yaml:5:11: age `90` has no unit"),
        ("America/New_York", "America/New_Yrok", "weather.yaml:6:11: "),
        ("name: often", "name: nightly", "weather.yaml:"),
        ("2 days", "2", "weather.yaml:14:"),
        ("overlap:", "overlp:", "weather.yaml:"),
    ];
    for (right, mistaken, expected) in wrong {
        let text = WEATHER.replacen(right, mistaken, 1);
        let error = manifest::read_str::<Timetable>(&text, "weather.yaml").unwrap_err();
        assert!(error.to_string().starts_with(expected), "{mistaken}: {error}");
        assert!(!error.to_string().contains('\u{1f}'), "{error}");
        if mistaken != "name: nightly" {
            assert!(error.hint().is_some(), "{mistaken}: {error}");
        }
    }
}

#[test]
fn the_schema_knows_every_field() {
    let schema = serde_json::to_string(&manifest::schema::<Timetable>()).unwrap();
    for field in
        ["kind", "namespace", "jobs", "when", "zone", "run", "action", "overlap", "misfire", "on_crash", "gap", "fold"]
    {
        assert!(schema.contains(&format!("\"{field}\"")), "{field}");
    }
}
