//! Tenants, holds and kept policies on a real PostgreSQL, with the manifest of the examples.

use clusterkeep_core::sql::{Db, sql};
use clusterkeep_testkit::servers;

use crate::support::{Place, Ran};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/tenants.yaml");

const TABLES: [&str; 4] = [
    "CREATE TABLE acme_events (at timestamptz, device text, value double precision)",
    "CREATE TABLE globex_log (at timestamptz, line text)",
    "CREATE TABLE acme_app_log (at timestamptz, line text)",
    "CREATE TABLE acme_billing_log (at timestamptz, line text)",
];

async fn filled(db: &Db) {
    for table in TABLES {
        db.execute(sql(table)).await.unwrap();
    }
    for statement in [
        "CREATE INDEX ON acme_events (at)",
        "CREATE INDEX ON globex_log (at)",
        "CREATE INDEX ON acme_app_log (at)",
        "CREATE INDEX ON acme_billing_log (at)",
        "INSERT INTO acme_events SELECT at, 'd', 1 FROM generate_series('2026-08-01Z'::timestamptz, '2026-11-20Z', '6 hours') AS at",
        "INSERT INTO globex_log SELECT at, 'x' FROM generate_series('2026-11-01Z'::timestamptz, '2026-11-20Z', '6 hours') AS at",
        "INSERT INTO acme_app_log SELECT at, 'x' FROM generate_series('2025-11-18Z'::timestamptz, '2025-12-20Z', '6 hours') AS at",
        "INSERT INTO acme_billing_log SELECT at, 'x' FROM generate_series('2020-11-18Z'::timestamptz, '2020-12-20Z', '6 hours') AS at",
    ] {
        db.execute(sql(statement)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_planned_held_and_kept_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    filled(&db).await;
    let place = Place::empty();
    let run =
        |args: &[&str]| -> Ran { place.run_with(args, |command| command.env("CLUSTERKEEP_CLUSTER", database.url())) };
    let now = ["--now", "2026-11-20T12:00:00Z"];
    place.run(&["retention", "check", "-f", EXAMPLE]).done();
    run(&["retention", "policies", "add", "-f", EXAMPLE]).done();

    let plan = |more: &[&str]| run(&[&["retention", "plan"], &now[..], more].concat());
    let acme = plan(&["--tags", "acme"]);
    assert!(acme.stdout.contains("acme_events") && acme.stdout.contains("acme_app_log"), "{acme}");
    assert!(!acme.stdout.contains("globex") && !acme.stdout.contains("acme_billing"), "{acme}");
    let short = plan(&["--tags", "short"]);
    assert!(short.stdout.contains("globex_log") && !short.stdout.contains("acme"), "{short}");
    assert_eq!(short.code, Some(4), "most of the log is older than a week, more than the guard allows: {short}");
    assert!(short.stderr.contains("apply a part:") && !short.stderr.contains("--until ..."), "{short}");

    // What the hint says is within the guard.
    let (_, part) = short.stderr.split_once("apply a part: ").unwrap();
    let part: Vec<_> = part.lines().next().unwrap().split_whitespace().collect();
    plan(&[&["--tags", "short"], &part[..]].concat()).done();

    run(&["retention", "hold", "add", "--tag", "acme", "--reason", "lawsuit 12/7", "--owner", "legal"]).done();
    let held = plan(&["--tags", "acme"]).done();
    assert!(held.stdout.contains("held by legal (1): lawsuit 12/7"), "{held}");
    // A table is known by its schema, too.
    run(&["retention", "hold", "add", "--table", "public.globex_log", "--reason", "x", "--owner", "legal"]).done();
    assert!(plan(&["--tags", "short"]).done().stdout.contains("held by legal (2)"));
    run(&["audit", "verify"]).done();
}
