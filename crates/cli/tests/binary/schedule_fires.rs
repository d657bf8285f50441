//! What is asked about expressions: by other dialects and policies, in words, as a lint, and over a period.

use crate::cloud::all;
use crate::support::{Place, snapshot};

const TIMETABLE: &str = r#"kind: Timetable
jobs:
  - name: late
    when: { calendar: "Thu..Sun *-*-* 02:30" }
    zone: Europe/Berlin
    except: [2026-03-27, "12-25"]
    run: { action: ping }
  - name: quarter
    when: { every: 3 months, from: 2026-01-31T11:00:00Z }
    zone: Europe/Berlin
    run: { action: ping }
  - name: both
    when: { any: ["0 6 1 * *", { kubernetes: "0 18 * * 0" }] }
    starts: 2026-03-26T00:00:00Z
    count: 3
    run: { action: ping }
  - name: payday
    when: { rrule: "FREQ=MONTHLY;BYDAY=-1TU", from: 2026-01-01T18:00 }
    zone: Europe/Berlin
    jitter: 90 min
    run: { action: ping }
  - name: beat
    when: "@after 5min"
    run: { action: ping }
"#;

const PERIOD: [&str; 4] = ["--from", "2026-03-26", "--until", "2026-04-02"];

#[test]
fn next_by_other_rules() {
    let place = Place::empty();
    let next = |args: &[&str]| place.run(&[&["schedule", "next"], args, &["-n", "2"]].concat());
    let berlin = ["--zone", "Europe/Berlin", "--after", "2026-03-28"];
    let runs = [
        next(&["0 0 12 ? * 1", "--dialect", "quartz", "--after", "2026-03-28"]),
        next(&["0 0 */10 * MON", "--dialect", "kubernetes", "--after", "2026-03-28"]),
        next(&["Sun *-*~07/1 12:00", "--dialect", "calendar", "--after", "2026-03-28"]),
        next(&[&["30 2 * * *", "--gap", "skip"], &berlin[..]].concat()),
        next(&[&["30 2 * * *", "--gap", "shift"], &berlin[..]].concat()),
        next(&["30 2 * * *", "--fold", "both", "--zone", "Europe/Berlin", "--after", "2026-10-24T22:00:00Z"]),
        next(&["30 2 * * *", "--fold", "second", "--zone", "Europe/Berlin", "--after", "2026-10-24T22:00:00Z"]),
        next(&["@every 90s", "--dialect", "quartz", "--after", "2026-03-28"]),
    ];
    snapshot!("next_rules", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(0)));
}

#[test]
fn every_as_kubernetes_says_it() {
    let place = Place::empty();
    let ask = |what: &str, text: &str| place.run(&["schedule", what, text, "--dialect", "kubernetes"]);
    for text in ["@every 1h30m", "@every 90m", "@every 1.5h"] {
        assert!(ask("explain", text).done().stdout.starts_with("every 90 minutes, "));
        assert_eq!(ask("next", text).done().stdout.lines().count(), 5);
        ask("lint", text).done();
    }
    ask("next", "@daily").done();
    // Kubernetes has no such nickname; elsewhere `m` may be minutes or months.
    for refused in
        [ask("next", "@every 1 day"), ask("next", "@reboot"), place.run(&["schedule", "next", "@every 1h30m"])]
    {
        assert_eq!(refused.code, Some(2), "{refused}");
    }
}

#[test]
fn next_as_json() {
    let place = Place::empty();
    let gap = ["schedule", "next", "30 2 * * *", "--zone", "Europe/Berlin", "--after", "2026-03-28T12:00:00Z"];
    let json = place.run(&[&gap[..], &["-n", "2", "--format", "json"]].concat()).json();
    let keys: Vec<_> = json[0].as_object().map(|fire| fire.keys().cloned().collect()).unwrap_or_default();
    assert_eq!(keys, ["civil", "note", "utc"]);
    assert_eq!(
        (json[0]["utc"].as_str(), json[0]["civil"].as_str()),
        (Some("2026-03-29T01:00:00Z"), Some("2026-03-29T03:00:00"))
    );
    assert_eq!(
        (json[0]["note"]["change"].as_str(), json[0]["note"]["policy"].as_str()),
        (Some("gap"), Some("run-after"))
    );
    assert!(json[1]["note"].is_null());
    // One that could fire and never does again is an answer; one that never could is a mistake.
    let past = place.run(&["schedule", "next", "0 0 0 1 1 * 1999", "--format", "json"]).done();
    assert_eq!(past.stdout.trim(), "[]");
    let never = place.run(&["schedule", "next", "0 0 30 2 *", "--format", "json"]);
    assert_eq!((never.code, never.stdout.as_str()), (Some(2), ""));
}

#[test]
fn what_can_not_be_read_by_a_dialect() {
    let place = Place::empty();
    let next = |args: &[&str]| place.run(&[&["schedule", "next"], args].concat());
    let runs = [
        next(&["30 3 * * *", "--dialect", "quartz"]),
        next(&["0 0 * * 7", "--dialect", "kubernetes"]),
        next(&["*:*/15", "--dialect", "calendar"]),
        next(&["30 3 * * *", "--dialect", "anacron"]),
        next(&["30 3 * * *", "--gap", "first"]),
        place.run(&["schedule", "lint"]),
        place.run(&["schedule", "simulate", "@daily", "--from", "2026-01-02", "--until", "2026-01-02"]),
    ];
    snapshot!("bad_dialects", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(2)));
}

#[test]
fn words_and_lint() {
    let place = Place::empty();
    place.write("jobs.yaml", TIMETABLE);
    let runs = [
        place.run(&["schedule", "explain", "*/15 9-17 * * MON-FRI", "--zone", "Europe/Berlin"]),
        place.run(&["schedule", "explain", "0 0 0 ? * 1", "--dialect", "quartz"]),
        place.run(&["schedule", "explain", "both", "-f", "jobs.yaml"]),
        place.run(&["schedule", "lint", "0 0 13 * 5"]),
        place.run(&["schedule", "lint", "*/45 * * * *", "--strict"]),
        place.run(&["schedule", "lint", "@daily", "--strict"]),
        place.run(&["schedule", "lint", "-f", "jobs.yaml", "--strict"]),
    ];
    snapshot!("schedule_words", all(&runs));
    assert_eq!(runs[4].code, Some(1));
}

#[test]
fn a_period_and_what_is_expected_of_it() {
    let place = Place::empty();
    place.write("jobs.yaml", TIMETABLE);
    let simulate =
        |args: &[&str]| place.run(&[&["schedule", "simulate", "-f", "jobs.yaml"], &PERIOD[..], args].concat());
    snapshot!("simulate", simulate(&[]));
    let json = simulate(&["--format", "json"]);
    place.write("expected.json", &json.stdout);
    assert_eq!(simulate(&["--expect", "expected.json", "--expect-fires", "6"]).code, Some(0));
    place.write("jobs.yaml", &TIMETABLE.replace("2026-03-27", "2026-03-28"));
    let changed = simulate(&["--expect", "expected.json", "--expect-fires", "7", "--quiet"]);
    assert_eq!(changed.code, Some(1), "{changed}");
    snapshot!("simulate_changed", changed);
}
