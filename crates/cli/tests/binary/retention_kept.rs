//! `retention hold|acknowledge|policies|check`: what people leave in the state, and what it changes for plans.

use crate::support::{DB, MANIFEST, Place, Ran, snapshot};

const NOW: &str = "2014-01-15T00:00:00Z";

fn all(runs: &[Ran]) -> String {
    runs.iter().map(|ran| format!("{ran}\n")).collect()
}

fn retention(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["retention"], args, &["--cluster", DB]].concat())
}

/// As in the file, with another age.
fn with_age(age: &str) -> String {
    MANIFEST.replacen("after: 90 days", &format!("after: {age}"), 1)
}

fn hold<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["hold", "add", "--reason", "study of a storm", "--owner", "legal@example.org"], more].concat()
}

#[test]
fn case_13_what_is_held_stays_until_it_is_released() {
    let place = Place::with_weather();
    let placed =
        retention(&place, &hold(&["--table", "observations", "--from", "2013-07-01", "--until", "2013-07-03"]));
    let plan = ["plan", "-f", "weather.yaml", "--now", NOW];
    let held = retention(&place, &plan).done();
    assert!(held.stdout.contains("held by legal@example.org (1): study of a storm"), "{held}");
    let explained =
        retention(&place, &["explain", "-f", "weather.yaml", "--now", NOW, "observations", "--at", "2013-07-02"]);
    let runs = [
        placed,
        retention(&place, &["hold", "list"]),
        explained,
        retention(&place, &["hold", "release", "1", "--reason", "the study is done"]),
        retention(&place, &["hold", "list"]),
    ];
    snapshot!("hold", all(&runs));
    assert!(!retention(&place, &plan).done().stdout.contains("held by"));
    let audit = place.run(&["audit", "list", "--cluster", DB, "--format", "csv"]).done().stdout;
    assert!(audit.contains("hold_placed") && audit.contains("hold_released") && audit.contains("the study is done"));
}

#[test]
fn case_16_a_hold_between_plan_and_apply_wins() {
    let place = Place::with_weather();
    let plan = retention(&place, &["plan", "-f", "weather.yaml", "--now", NOW, "--format", "json"]).json();
    retention(&place, &hold(&["--everything"])).done();
    let rows = place.value("SELECT count(*) FROM observations");
    let hash = plan["hash"].as_str().unwrap();
    let applied = retention(&place, &["apply", "-f", "weather.yaml", "--now", NOW, "--expect-plan", hash]);
    assert_eq!(applied.code, Some(5), "{applied}");
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
}

#[test]
fn bad_holds() {
    let place = Place::with_weather();
    let runs = [
        retention(&place, &hold(&["--table", "observatoins"])),
        retention(&place, &hold(&[])),
        retention(&place, &["hold", "add", "--table", "observations"]),
        retention(&place, &["hold", "add", "--table", "observations", "--reason", " "]),
        retention(&place, &hold(&["--tag", "a b"])),
        retention(&place, &hold(&["--from", "2013-07-02", "--until", "2013-07-01"])),
        retention(&place, &hold(&["--everything", "--table", "observations"])),
        retention(&place, &hold(&["--everything", "--expires", "2013-07-01"])),
        retention(&place, &hold(&["--from", "2013-07-02", "--zone", "Mars/Olympus"])),
        retention(&place, &["hold", "release", "7", "--reason", "x"]),
    ];
    assert!(runs.iter().all(|ran| ran.code == Some(2)), "{}", all(&runs));
    snapshot!("bad_holds", all(&runs));
    assert_eq!(place.value("SELECT count(*) FROM sqlite_master WHERE name <> 'observations'"), "0", "nothing was made");
}

#[test]
fn policies_are_kept_looked_at_changed_and_taken_out() {
    let place = Place::with_weather();
    place.write("shorter.yaml", &with_age("30 days"));
    let add = |file: &str, more: &[&str]| retention(&place, &[&["policies", "add", "-f", file], more].concat());
    let runs = [
        add("weather.yaml", &[]),
        add("weather.yaml", &[]),
        retention(&place, &["policies", "list"]),
        retention(&place, &["policies", "show", "observations"]),
        retention(&place, &["policies", "check"]),
        retention(&place, &["policies", "diff", "-f", "weather.yaml"]),
        retention(&place, &["policies", "diff", "-f", "shorter.yaml"]),
        add("shorter.yaml", &[]),
        add("shorter.yaml", &["--replace", "--if-version", "7"]),
        add("shorter.yaml", &["--replace", "--if-version", "1"]),
        retention(&place, &["policies", "remove", "observations", "--if-version", "1"]),
        retention(&place, &["policies", "remove", "nothing"]),
        retention(&place, &["policies", "remove", "observations"]),
        retention(&place, &["policies", "list"]),
    ];
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [0, 0, 0, 0, 0, 0, 3, 2, 5, 0, 5, 2, 0, 2], "{}", all(&runs));
    snapshot!("policies", all(&runs));
}

#[test]
fn what_is_exported_says_the_same() {
    let place = Place::with_weather();
    retention(&place, &["policies", "add", "-f", "weather.yaml"]).done();
    let exported = retention(&place, &["policies", "export"]).done().stdout;
    place.write("exported.yaml", &exported);
    let same = retention(&place, &["policies", "diff", "-f", "exported.yaml"]).done();
    assert_eq!(same.stdout, "both say the same\n");
    let again = retention(&place, &["policies", "add", "-f", "exported.yaml"]).done();
    assert!(again.stdout.contains("is kept already"), "{again}");
    // Plans of the one and the other are the same, cutoffs, verdicts and all.
    let table = |args: &[&str]| {
        let text = retention(&place, &[&["plan", "--now", NOW], args].concat()).done().stdout;
        text.split_once("\n\n").unwrap().1.split_once("\nplan ").unwrap().0.to_owned()
    };
    assert_eq!(table(&["-f", "weather.yaml"]), table(&[]));
}

#[test]
fn what_is_kept_is_planned_and_applied_without_a_file() {
    let place = Place::with_weather();
    retention(&place, &["policies", "add", "-f", "weather.yaml"]).done();
    let planned = retention(&place, &["plan", "--now", NOW]).done();
    let (_, line) = planned.stdout.split_once("apply it: clusterkeep ").unwrap();
    let line = line.replace("\\\n", " ");
    place.run(&line.split_whitespace().collect::<Vec<_>>()).done();
    assert!(retention(&place, &["plan", "--now", NOW]).done().stdout.contains("nothing to do"));
}

#[test]
fn case_17_without_policies_nothing_is_planned() {
    let place = Place::with_weather();
    let runs = [
        retention(&place, &["plan"]),
        retention(&place, &["check"]),
        retention(&place, &["explain"]),
        retention(&place, &["policies", "list"]),
        retention(&place, &["policies", "export", "--manifest", "weather"]),
        retention(&place, &["plan", "-f", "weather.yaml", "--tags", "acme"]),
        retention(&place, &["plan", "-f", "weather.yaml", "--table", "observatoins"]),
        place.run(&["retention", "plan", "-f", "weather.yaml", "--cluster", "postgres://u@127.0.0.1:1/db"]),
    ];
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [2, 2, 2, 2, 2, 2, 2, 1], "{}", all(&runs));
    snapshot!("no_policies", all(&runs));
}

#[test]
fn a_kept_row_that_nobody_understands_stops_everything_and_is_named() {
    let place = Place::with_weather();
    retention(&place, &["policies", "add", "-f", "weather.yaml"]).done();
    let id = retention(&place, &["policies", "list", "--format", "json"]).json()[0]["id"].as_str().unwrap().to_owned();
    let rows = place.value("SELECT count(*) FROM observations");
    for (from, to) in [
        ("\"after\":\"90 days\"", "\"after\":\"90\""),
        ("\"after\":\"90 days\"", "\"after\":\"90 days\",\"after\":\"1 day\""),
        ("\"after\":\"90 days\"", "\"after\":\"90 days\",\"unless\":\"never\""),
        ("\"observations\"", "\"other\""),
    ] {
        let update = format!("UPDATE clusterkeep_policies SET body = replace(body, '{from}', '{to}')");
        place.run(&["query", "--cluster", DB, "--write", &update]).done();
        for command in [&["plan"][..], &["check"], &["policies", "check"], &["policies", "export"]] {
            let ran = retention(&place, command);
            assert_eq!(ran.code, Some(2), "{ran}");
            assert!(ran.stderr.contains(&id), "{ran}");
        }
        let back = format!("UPDATE clusterkeep_policies SET body = replace(body, '{to}', '{from}')");
        place.run(&["query", "--cluster", DB, "--write", &back]).done();
    }
    retention(&place, &["policies", "check"]).done();
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
    // It can be taken out by its id.
    place.run(&["query", "--cluster", DB, "--write", "UPDATE clusterkeep_policies SET body = '{'"]).done();
    let removed = retention(&place, &["policies", "remove", &id[..8], "--manifest", "weather"]).done();
    assert!(removed.stdout.contains("a row that can't be understood"), "{removed}");
}

#[test]
fn a_manifest_is_checked_alone_and_against_a_database() {
    let place = Place::with_weather();
    place.write("unknown.yaml", &MANIFEST.replace("table: observations\n", "table: observatoins\n"));
    place.write("column.yaml", &MANIFEST.replace("column: time_hour", "column: time_minute"));
    place.write("rule.yaml", &with_age("6 hours"));
    let alone = |file: &str| place.run(&["retention", "check", "-f", file]);
    let against = |file: &str| retention(&place, &["check", "-f", file]);
    let runs = [
        alone("weather.yaml"),
        against("weather.yaml"),
        alone("unknown.yaml"),
        against("unknown.yaml"),
        against("column.yaml"),
        alone("rule.yaml"),
        alone("missing.yaml"),
    ];
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [0, 0, 0, 2, 2, 2, 2], "{}", all(&runs));
    snapshot!("check", all(&runs));
}

#[test]
fn the_older_name_of_now_says_what_it_means() {
    let place = Place::with_weather();
    let plan = |flag: &str| retention(&place, &["plan", "-f", "weather.yaml", flag, "2014-01-15", "--format", "json"]);
    let (older, now) = (plan("--cutoff-day").done(), plan("--now").done());
    assert_eq!(older.json()["hash"], now.json()["hash"]);
    assert!(older.stderr.contains("ages are counted back from") && now.stderr.is_empty(), "{older}");
    let both = retention(&place, &["plan", "-f", "weather.yaml", "--now", "2014-01-15", "--cutoff-day", "2014-01-15"]);
    assert_eq!(both.code, Some(2), "{both}");
}
