//! Clusters of this machine, by name: created, asked, stopped, started with the data that they had, deleted.

use clusterkeep_core::sql::Engine;
use clusterkeep_testkit::servers;

use crate::support::{Place, Ran};

#[test]
fn a_whole_life() {
    if !servers::is_there(Engine::Postgres) {
        return;
    }
    let place = Place::empty();
    // The account that the server runs under must get to its folder.
    let state = std::env::temp_dir().join(format!("clusterkeep-cli-{}", std::process::id()));
    let run = |args: &[&str]| -> Ran {
        place.run_with(args, |command| {
            command.env("XDG_STATE_HOME", &state).env("PATH", std::env::var_os("PATH").unwrap_or_default())
        })
    };
    let cluster = ["--cluster", "local:scratch"];
    let on = |args: &[&str], rest: &[&str]| run(&[args, &cluster[..], rest].concat());

    let unknown = on(&["cluster", "start"], &[]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    let created = run(&["cluster", "create", "local:scratch", "--engine", "postgres"]).done();
    assert!(created.stderr.contains("scratch: running"), "{created}");
    assert_eq!(run(&["cluster", "create", "local:scratch", "--engine", "postgres"]).code, Some(2));
    on(&["cluster", "ping"], &[]).done();
    on(&["cluster", "health"], &[]).done();
    on(&["query"], &["--write", "CREATE TABLE kept AS SELECT 42 AS answer"]).done();
    let listed = run(&["cluster", "list", "--local", "--format", "json"]).done().json();
    assert_eq!((&listed[0]["address"], &listed[0]["state"]), (&"local:scratch".into(), &"running".into()));

    let refused = on(&["cluster", "delete"], &["--plan"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    on(&["cluster", "stop"], &[]).done();
    let asked = on(&["query"], &["SELECT 1"]);
    assert_eq!(asked.code, Some(1), "{asked}");
    assert!(asked.stderr.contains("cluster start --cluster local:scratch"), "{asked}");
    assert_eq!(on(&["cluster", "ping"], &[]).code, Some(1));

    on(&["cluster", "start"], &[]).done();
    let kept = on(&["query"], &["--format", "csv", "SELECT answer FROM kept"]).done();
    assert_eq!(kept.stdout, "answer\n42\n");
    on(&["cluster", "stop"], &[]).done();

    assert_eq!(on(&["cluster", "delete"], &[]).code, Some(2));
    assert_eq!(on(&["cluster", "delete"], &["--expect-plan", "0123456789abcdef"]).code, Some(5));
    let plan = on(&["cluster", "delete"], &["--plan"]).done();
    let (_, hash) = plan.stdout.trim().rsplit_once("--expect-plan ").unwrap_or_else(|| panic!("{plan}"));
    on(&["cluster", "delete"], &["--expect-plan", hash]).done();
    assert_eq!(run(&["cluster", "list", "--local"]).done().stdout, "there is no cluster\n");
    std::fs::remove_dir_all(state).unwrap();
}
