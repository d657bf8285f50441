//! Tables by patterns and tags: many tenants in one database.

use crate::support::{DB, Place, Ran, snapshot};

const TENANTS: &str = "\
kind: Retention
name: tenants
tags:
  acme: [\"acme_*\"]
  globex: [\"globex_*\"]
tables:
  - select: { tags: [acme], except: [ { name: acme_billing } ] }
    time: { column: at, as: epoch_seconds }
    tiers: [ { drop: { after: 90 days } } ]
    guard: { max_share: 100% }
  - select: { tags: [globex] }
    tags: [short]
    time: { column: at, as: epoch_seconds }
    tiers: [ { drop: { after: 30 days } } ]
    guard: { max_share: 100% }
";

fn all(runs: &[Ran]) -> String {
    runs.iter().map(|ran| format!("{ran}\n")).collect()
}

fn place() -> Place {
    let place = Place::empty();
    place.write("tenants.yaml", TENANTS);
    place.write("weather.db", "");
    for table in ["acme_events", "acme_billing", "globex_events"] {
        table_of(&place, table);
    }
    place
}

/// A table with two days of 2013.
fn table_of(place: &Place, name: &str) {
    for statement in [
        format!("CREATE TABLE {name} (at INTEGER NOT NULL)"),
        format!("CREATE INDEX {name}_at ON {name} (at)"),
        format!("INSERT INTO {name} VALUES (1357016400), (1357102800)"),
    ] {
        place.run(&["query", "--cluster", DB, "--write", &statement]).done();
    }
}

fn retention(place: &Place, command: &str, more: &[&str]) -> Ran {
    let args = ["retention", command, "-f", "tenants.yaml", "--cluster", DB];
    place.run(&[&args, more].concat())
}

const NOW: [&str; 2] = ["--now", "2014-01-15"];

fn hash(place: &Place, more: &[&str]) -> String {
    let plan = retention(place, "plan", &[&NOW[..], &["--format", "json"], more].concat()).json();
    plan["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_may_be_for_one_tenant_alone() {
    let place = place();
    let plan = |more: &[&str]| retention(&place, "plan", &[&NOW[..], more].concat());
    let runs =
        [plan(&[]), plan(&["--tags", "acme"]), plan(&["--tags", "globex,short"]), plan(&["--table", "acme_events"])];
    snapshot!("tenants", all(&runs));
    let hash = hash(&place, &["--tags", "acme"]);
    let apply = [&NOW[..], &["--tags", "acme", "--expect-plan", &hash]].concat();
    retention(&place, "apply", &apply).done();
    let rows = |table: &str| place.value(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(
        (rows("acme_events"), rows("acme_billing"), rows("globex_events")),
        ("1".into(), "2".into(), "2".into())
    );
}

#[test]
fn a_table_that_a_pattern_begins_to_match_waits_for_somebody_to_agree() {
    let place = place();
    let hash_all = hash(&place, &[]);
    retention(&place, "apply", &[&NOW[..], &["--expect-plan", &hash_all]].concat()).done();
    table_of(&place, "acme_orders");
    let refused = retention(&place, "plan", &NOW);
    assert_eq!(refused.code, Some(4), "{refused}");
    let (_, command) = refused.stderr.split_once("say so: clusterkeep ").unwrap();
    let agreed = place.run(&command.split_whitespace().collect::<Vec<_>>());
    let runs = [
        refused,
        agreed,
        retention(&place, "acknowledge", &["acme_orders"]),
        retention(&place, "acknowledge", &["acme_billing"]),
        retention(&place, "plan", &NOW),
    ];
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [4, 0, 0, 2, 0], "{}", all(&runs));
    snapshot!("acknowledge", all(&runs));
}

#[test]
fn tags_are_kept_with_the_policies() {
    let place = place();
    let policies = |args: &[&str]| place.run(&[&["retention", "policies"], args, &["--cluster", DB]].concat());
    let runs = [
        policies(&["add", "-f", "tenants.yaml"]),
        policies(&["tags"]),
        policies(&["list", "--tags", "short"]),
        policies(&["diff", "-f", "tenants.yaml"]),
    ];
    snapshot!("kept_tags", all(&runs));
    let kept = place.run(&["retention", "plan", "--cluster", DB, "--now", "2014-01-15", "--tags", "acme"]).done();
    assert!(kept.stdout.contains("acme_events") && !kept.stdout.contains("globex_events"), "{kept}");
}

#[test]
fn case_10_and_17_a_selector_that_is_misspelt_or_matches_nothing_refuses_the_whole_file() {
    let place = place();
    let bad = |from: &str, to: &str| {
        assert!(TENANTS.contains(from), "{from}");
        place.write("tenants.yaml", &TENANTS.replacen(from, to, 1));
        retention(&place, "plan", &NOW)
    };
    let runs = [
        bad("{ tags: [acme], ", "{ tagz: [acme], "),
        bad("select: { tags: [globex] }", "select: {}"),
        bad("tags: [globex] }", "name: 'initech_*' }"),
        bad("tags: [globex] }", "tags: [initech] }"),
        bad("globex: [\"globex_*\"]", "acme: [\"globex_*\"]"),
        bad("select: { tags: [globex] }", "table: globex_events\n    select: { tags: [globex] }"),
        bad("except: [ { name: acme_billing } ]", "except: [ {} ]"),
    ];
    for ran in &runs {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("hint: ")).count(), 1, "{ran}");
    }
    snapshot!("bad_selectors", all(&runs));
}
