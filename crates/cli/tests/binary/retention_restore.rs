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
    for name in gone {
        restore(&place, &["run", name]).done();
    }
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
}

#[test]
fn what_is_on_no_record_is_not_found() {
    let place = Place::with_weather();
    for command in [vec!["show", "x"], vec!["run", "x"], vec!["run", "x", "--beside"]] {
        let ran = restore(&place, &command);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.to_string().contains("no archive `x`"), "{ran}");
    }
}
