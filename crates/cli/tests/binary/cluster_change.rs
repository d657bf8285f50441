//! Commands that change clusters: the plan, the approval, what is asked of the Cloud, and how they end.

use std::time::Duration;

use clusterkeep_testkit::cloud::Fixture;

use crate::cloud::{Sky, all, sky_snapshot};
use crate::support::Ran;

/// The command that a plan prints, as its arguments.
fn printed(plan: &Ran) -> Vec<String> {
    let (_, line) = plan.stdout.split_once("apply it: clusterkeep ").unwrap_or_else(|| panic!("{plan}"));
    line.trim().split(' ').map(str::to_owned).collect()
}

/// Plans, then runs what the plan prints.
fn plan_and_apply(sky: &Sky, args: &[&str]) -> [Ran; 2] {
    sky.cloud.clear_requests();
    let plan = sky.run_with(&[args, &["--plan"]].concat(), with_password).done();
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
    let words = printed(&plan);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let applied = sky.run_with(&words, with_password).done();
    [plan, applied]
}

fn with_password(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env("DB_PASSWORD", "correct-horse-battery-staple")
}

#[test]
fn what_is_planned_is_what_is_done() {
    let sky = Sky::usual();
    let of = |name: &str, key: &str| {
        let all = sky.cloud.clusters();
        all.iter().find(|one| one["name"] == name).map(|one| one[key].clone()).unwrap_or_default()
    };
    let mut runs = Vec::new();
    runs.extend(plan_and_apply(&sky, &["cluster", "scale", "--cluster", "staging", "--unit", "1"]));
    assert_eq!(of("staging", "product_unit"), 1);
    runs.extend(plan_and_apply(&sky, &["cluster", "scale", "--cluster", "staging", "--product", "cr2"]));
    assert_eq!(of("staging", "product_name"), "cr2");
    runs.extend(plan_and_apply(&sky, &["cluster", "storage", "64GiB", "--cluster", "staging"]));
    assert_eq!(of("staging", "hardware_specs")["disk_size_per_node_bytes"], 64_u64 << 30);
    runs.extend(plan_and_apply(&sky, &["cluster", "allow", "192.0.2.0/24", "--this-address", "--cluster", "staging"]));
    assert_eq!(of("staging", "ip_whitelist").as_array().unwrap().len(), 2);
    runs.extend(plan_and_apply(&sky, &["cluster", "allow", "--everyone", "--cluster", "staging"]));
    runs.push(sky.run(&["cluster", "protect", "on", "--cluster", "staging"]).done());
    assert_eq!(of("staging", "deletion_protected"), true);
    runs.push(sky.run(&["cluster", "delete", "--cluster", "staging", "--plan"]));
    runs.extend(plan_and_apply(&sky, &["cluster", "protect", "off", "--cluster", "staging"]));
    runs.extend(plan_and_apply(&sky, &["cluster", "delete", "--cluster", "staging"]));
    assert!(of("staging", "id").is_null());
    let create = ["cluster", "create", "fresh", "--product", "cr1", "--region", "aks1.westeurope.azure"];
    runs.extend(plan_and_apply(&sky, &[&create[..], &["--password", "env:DB_PASSWORD"]].concat()));
    assert_eq!(of("fresh", "product_name"), "cr1");
    sky_snapshot!("cluster_changes", all(&runs));
    assert!(runs.iter().all(|ran| !ran.everything().contains("correct-horse")));
}

#[test]
fn upgrades_are_listed_and_planned() {
    let sky = Sky::empty();
    sky.add(Fixture::named("old").product("cr1").version("6.3.7"));
    let runs = [
        sky.run(&["cluster", "upgrade", "--cluster", "old"]),
        sky.run(&["cluster", "upgrade", "--cluster", "old", "--to", "99.0.0", "--plan"]),
        sky.run(&["cluster", "upgrade", "--cluster", "old", "--to", "5.0.0", "--plan"]),
    ];
    sky_snapshot!("cluster_upgrades", all(&runs));
    plan_and_apply(&sky, &["cluster", "upgrade", "--cluster", "old", "--to", "6.4.3"]);
    assert_eq!(sky.cloud.clusters()[0]["crate_version"], "6.4.3");
}

#[test]
fn without_a_terminal_and_without_a_hash_nothing_is_done() {
    let sky = Sky::usual();
    let commands: [&[&str]; 10] = [
        &["create", "fresh", "--product", "cr1", "--password", "env:DB_PASSWORD"],
        &["delete", "--cluster", "staging"],
        &["scale", "--unit", "1", "--cluster", "staging"],
        &["upgrade", "--to", "6.4.4", "--cluster", "staging"],
        &["storage", "64GiB", "--cluster", "staging"],
        &["allow", "192.0.2.0/24", "--cluster", "staging"],
        &["protect", "off", "--cluster", "staging"],
        &["restore", "latest", "--cluster", "staging"],
        &["copy", "--cluster", "staging", "--to", "asleep"],
        &["sweep"],
    ];
    for command in commands {
        let ran = sky.run_with(&[&["cluster"], command].concat(), with_password);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stderr.contains("nobody has approved a plan") && ran.stderr.contains("--plan`"), "{ran}");
    }
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

#[test]
fn another_plan_than_the_approved_one_is_not_done() {
    let sky = Sky::usual();
    let ran = sky.run(&["cluster", "delete", "--cluster", "staging", "--expect-plan", "0123456789abcdef"]);
    assert_eq!(ran.code, Some(5), "{ran}");
    let ran = sky.run(&["cluster", "delete", "--cluster", "staging", "--expect-plan", "nonsense"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

#[test]
fn pending_and_refused_plans_have_codes_of_their_own() {
    let sky = Sky::usual();
    let plan = |args: &[&str]| sky.run(&[&["cluster"], args, &["--plan", "--exit-code"]].concat()).code;
    assert_eq!(plan(&["scale", "--unit", "1", "--cluster", "staging"]), Some(3));
    assert_eq!(plan(&["scale", "--unit", "0", "--cluster", "staging"]), Some(0));
    sky.run(&["cluster", "protect", "on", "--cluster", "staging"]).done();
    assert_eq!(plan(&["delete", "--cluster", "staging"]), Some(4));
    let json = sky.run(&["cluster", "delete", "--cluster", "staging", "--plan", "--format", "json"]);
    assert_eq!(json.json()["verdicts"][0]["verdict"], "refuse", "{json}");
}

#[test]
fn nobody_has_to_wait() {
    let sky = Sky::usual();
    sky.cloud.set_operation_time(Duration::from_secs(3600));
    let plan = sky.run(&["cluster", "scale", "--unit", "1", "--cluster", "staging", "--no-wait", "--plan"]).done();
    let words = printed(&plan);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert!(words.contains(&"--no-wait"), "{plan}");
    sky.run(&words).done();
    let ran = sky.run(&["cluster", "operations", "--cluster", "staging", "--format", "csv"]).done();
    assert!(
        ran.stdout.contains("scale,registered")
            || ran.stdout.contains("scale,sent")
            || ran.stdout.contains("scale,in progress"),
        "{ran}"
    );
}

#[test]
fn what_the_api_would_refuse_is_not_sent() {
    let sky = Sky::usual();
    let create = |name: &'static str, rest: &[&str]| {
        sky.run_with(&[&["cluster", "create", name, "--plan"], rest].concat(), with_password)
    };
    let short = sky.run_with(
        &["cluster", "create", "fresh", "--product", "cr1", "--password", "env:SHORT", "--plan"],
        |command| command.env("SHORT", "hunter2"),
    );
    let runs = [
        create("ab", &[]),
        create("Upper", &[]),
        create("fresh", &["--password", "env:NOT_SET"]),
        create("fresh", &["--product", "cr1"]),
        short,
        sky.run(&["cluster", "storage", "64", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "storage", "64GB", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "allow", "192.0.2.7/24", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "allow", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "allow", "10.0.0.0/8", "--everyone", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "scale", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "upgrade", "--cluster", "staging", "--plan"]),
        sky.run(&["cluster", "delete", "--cluster", "local:nothing", "--plan"]),
        sky.run(&["cluster", "delete", "--cluster", "sqlite://weather.db", "--plan"]),
        sky.run(&["cluster", "stop", "--cluster", "postgres://localhost/db"]),
        sky.run(&["cluster", "start", "--cluster", "postgres://localhost/db"]),
        sky.run(&["cluster", "copy", "--cluster", "staging", "--to", "staging", "--plan"]),
    ];
    sky_snapshot!("cluster_bad_input", all(&runs));
    assert!(runs.iter().all(|ran| ran.code == Some(2)), "{:?}", runs.iter().map(|ran| ran.code).collect::<Vec<_>>());
    assert!(runs.iter().all(|ran| !ran.everything().contains("hunter2")));
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}
