//! `retention restore`: what was archived before it went is listed, and comes back.

use crate::support::{DB, Place, Ran};

/// Weather goes after 90 days, and into files before that.
fn manifest(place: &Place) -> String {
    let folder = place.path().join("cold");
    format!(
        "kind: Retention\nname: weather\nzone: America/New_York\ntables:\n  - table: observations\n    \
         time: {{ column: time_hour, as: epoch_seconds }}\n    slice: month\n    tiers:\n      \
         - archive: {{ after: 30 days, to: {} }}\n      - drop: {{ after: 300 days }}\n    guard: {{ max_share: 90% }}\n",
        folder.display()
    )
}

fn restore(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["retention", "restore"], args, &["--cluster", DB]].concat())
}

#[test]
fn what_was_archived_and_dropped_comes_back() {
    let place = Place::with_weather();
    assert!(restore(&place, &["list"]).done().stdout.contains("nothing is archived"));
    place.write("cold.yaml", &manifest(&place));
    let rows = place.value("SELECT count(*) FROM observations");
    let what = ["-f", "cold.yaml", "--cluster", DB, "--now", "2014-01-15T00:00:00Z"];
    let plan = place.run(&[&["retention", "plan", "--format", "json"][..], &what].concat()).json();
    let hash = plan["hash"].as_str().unwrap();
    place.run(&[&["retention", "apply", "--expect-plan", hash][..], &what].concat()).done();
    assert_ne!(place.value("SELECT count(*) FROM observations"), rows);

    let listed = restore(&place, &["list", "--format", "json"]).json();
    let archives = listed.as_array().unwrap();
    assert!(archives.len() > 3, "{listed}");
    let gone: Vec<&str> = archives
        .iter()
        .filter(|archive| archive["in_table"] == false)
        .map(|a| a["snapshot"].as_str().unwrap())
        .collect();
    assert!((1..archives.len()).contains(&gone.len()), "{listed}");
    assert!(restore(&place, &["show", gone[0]]).done().stdout.contains(gone[0]));
    // Nobody has approved it, and there is nobody to ask.
    let unasked = restore(&place, &["run", gone[0]]);
    assert_eq!(unasked.code, Some(2), "{unasked}");
    assert!(unasked.to_string().contains("--plan"), "{unasked}");
    let before = place.value("SELECT count(*) FROM observations");
    for name in &gone {
        let shown = restore(&place, &["run", name, "--plan"]).done();
        assert!(shown.stdout.contains("into observations") && shown.stdout.contains("--expect-plan"), "{shown}");
        let plan = restore(&place, &["run", name, "--plan", "--format", "json"]).json();
        assert_eq!((&plan["kind"], &plan["verdicts"][0]["verdict"]), (&"restore".into(), &"restore".into()), "{plan}");
        let other = restore(&place, &["run", name, "--expect-plan", "00000000"]);
        assert_eq!(other.code, Some(5), "{other}");
        let hash = plan["hash"].as_str().unwrap();
        let done = restore(&place, &["run", name, "--expect-plan", hash]).done();
        assert!(done.to_string().contains("retention hold add"), "{done}");
        // What is there already is there, whoever asks again.
        let again = restore(&place, &["run", name, "--plan"]).done();
        assert!(again.stdout.contains("there already"), "{again}");
    }
    assert_ne!(place.value("SELECT count(*) FROM observations"), before);
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);

    // Other rows in its place are left alone, and the plan says so.
    place.run(&["query", "--write", "--cluster", DB, "UPDATE observations SET temp = -99"]).done();
    let refused = restore(&place, &["run", gone[0], "--plan"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.to_string().contains("rows where those of the archive would be"), "{refused}");
}

#[test]
fn what_is_on_no_record_is_not_found() {
    let place = Place::with_weather();
    for command in
        [vec!["show", "x"], vec!["run", "x", "--plan"], vec!["run", "x", "--beside", "--expect-plan", "00000000"]]
    {
        let ran = restore(&place, &command);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.to_string().contains("no archive `x`"), "{ran}");
    }
}
