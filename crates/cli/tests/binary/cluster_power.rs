//! Clusters of a local Cloud with a real CrateDB behind them: up, asked, and down again.

use clusterkeep_testkit::cloud::{Fixture, Kind};
use clusterkeep_testkit::servers;

use crate::cloud::Sky;

#[tokio::test(flavor = "multi_thread")]
async fn up_asked_and_down() {
    let Some(database) = servers::cratedb().await else { return };
    let sky = tokio::task::block_in_place(Sky::empty);
    // `crate://crate@127.0.0.1:4200/schema`, of which host and port are what counts.
    let (_, rest) = database.url().split_once('@').unwrap();
    let server = format!("http://{}", rest.split(['/', '?']).next().unwrap());
    sky.add(Fixture::named("real").product("cr1").suspended(true).backed_by(&server));

    let started = sky.run(&["cluster", "start", "--cluster", "real", "--timeout", "30s"]).done();
    assert!(started.stdout.is_empty() && started.stderr.contains("real: running at "), "{started}");
    assert!(started.stderr.contains("resume real: succeeded"), "{started}");
    assert_eq!(sky.changes().iter().filter(|change| change.starts_with("PUT ")).count(), 1, "{:?}", sky.changes());

    // It runs on when the command has ended.
    let health = sky.run(&["cluster", "health", "--cluster", "real"]).done();
    assert!(health.stdout.contains("cloud     GREEN") && health.stdout.contains("database  GREEN"), "{health}");
    assert_eq!(sky.run(&["cluster", "ping", "--cluster", "real"]).done().stdout, "cloud: yes, database: yes\n");
    let query = sky.run(&["query", "--cluster", "real", "--format", "csv", "SELECT 1 AS one"]).done();
    assert_eq!(query.stdout, "one\n1\n");
    let shell =
        ["cluster", "shell", "--cluster", "real", "--format", "csv", "-c", "SELECT count(*) AS n FROM sys.nodes"];
    assert_eq!(sky.run(&shell).done().stdout, "n\n1\n");
    let info = sky.run(&["cluster", "info", "--cluster", "real", "--database", "--format", "json"]).done();
    assert_eq!(info.json()["database"]["diagnostics"].as_array().unwrap().len(), 18);

    // One that runs already is left alone, and so it is by those who only ask.
    sky.cloud.clear_requests();
    sky.run(&["cluster", "start", "--cluster", "real", "--quiet"]).done();
    assert!(!sky.changes().iter().any(|change| change.starts_with("PUT ")), "{:?}", sky.changes());

    let stopped = sky.run(&["cluster", "stop", "--cluster", "real"]).done();
    assert!(stopped.stderr.ends_with("real: suspended\n"), "{stopped}");
    let sleeping = sky.run(&["query", "--cluster", "real", "SELECT 1"]);
    assert_eq!(sleeping.code, Some(1), "{sleeping}");

    sky.cloud.fail_next_operation(Kind::Suspend, Some("The region is on fire."));
    let failed = sky.run(&["cluster", "start", "--cluster", "real", "--timeout", "30s"]);
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.stderr.contains("The region is on fire."), "{failed}");

    let accepted = sky.run(&["cluster", "start", "--cluster", "real", "--no-wait"]).done();
    assert!(accepted.stderr.contains("accepted"), "{accepted}");
}
