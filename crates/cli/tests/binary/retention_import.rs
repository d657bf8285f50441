//! `retention policies import`: the policies of CrateDB Toolkit, read from the table that it makes.

use clusterkeep_core::sql::{Db, Statement, sql};
use clusterkeep_testkit::servers;

use crate::support::{Place, Ran, snapshot};

/// The table as the other tool makes it, in a schema of the test's own.
const DDL: &str = "\
CREATE TABLE IF NOT EXISTS \"retention_policy\" (\
\"id\" TEXT NOT NULL PRIMARY KEY, \"strategy\" TEXT NOT NULL, \"tags\" OBJECT(DYNAMIC), \"table_schema\" TEXT, \
\"table_name\" TEXT, \"partition_column\" TEXT NOT NULL, \"retention_period\" INTEGER NOT NULL, \
\"reallocation_attribute_name\" TEXT, \"reallocation_attribute_value\" TEXT, \"target_repository_name\" TEXT) \
CLUSTERED INTO 1 SHARDS";

const TABLES: [&str; 4] = [
    "CREATE TABLE raw_metrics (ts TIMESTAMP WITH TIME ZONE, ts_month TIMESTAMP WITH TIME ZONE \
     GENERATED ALWAYS AS date_trunc('month', ts)) PARTITIONED BY (ts_month)",
    "CREATE TABLE local_events (at TIMESTAMP WITHOUT TIME ZONE) PARTITIONED BY (at)",
    "CREATE TABLE by_year (\"Year\" INTEGER) PARTITIONED BY (\"Year\")",
    "CREATE TABLE twice (at TIMESTAMP WITH TIME ZONE) PARTITIONED BY (at)",
];

async fn policy(db: &Db, id: &str, strategy: &str, tags: &str, table: &str, column: &str, days: i64) {
    let text = "INSERT INTO retention_policy (id, strategy, tags, table_schema, table_name, partition_column, \
                retention_period) VALUES (?, ?, CAST(? AS OBJECT(DYNAMIC)), current_schema, ?, ?, ?)";
    let statement: Statement = sql(text).bind(id).bind(strategy).bind(tags).bind(table).bind(column).bind(days);
    db.execute(statement).await.unwrap();
}

/// What was shown, without what differs from run to run: address, schema, and how wide its name makes columns.
fn shown(runs: &[Ran], address: &str, schema: &str) -> String {
    let text: String = runs.iter().map(|ran| format!("{ran}\n")).collect();
    let text = text.replace(address, "[ADDRESS]").replace(schema, "[SCHEMA]");
    let narrow = |line: &str| {
        let words = line.trim_start();
        let (indent, _) = line.split_at(line.len() - words.len());
        let columns = words.split("  ").map(str::trim).filter(|column| !column.is_empty());
        format!("{indent}{}\n", columns.collect::<Vec<_>>().join("  "))
    };
    text.lines().map(narrow).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_the_older_tool_are_read_judged_and_kept() {
    let Some(database) = servers::cratedb().await else { return };
    let db = database.connect().await;
    db.execute(sql(DDL)).await.unwrap();
    for table in TABLES {
        db.execute(sql(table)).await.unwrap();
    }
    policy(&db, "1", "delete", r#"{"foo":"true","bar":"true"}"#, "raw_metrics", "ts_month", 30).await;
    policy(&db, "2", "delete", "{}", "local_events", "at", 7).await;
    policy(&db, "3", "delete", "{}", "by_year", "Year", 365).await;
    policy(&db, "4", "delete", "{}", "twice", "at", 10).await;
    policy(&db, "5", "delete", r#"{"keep":"true"}"#, "twice", "at", 90).await;
    policy(&db, "6", "snapshot", "{}", "raw_metrics", "ts_month", 60).await;
    policy(&db, "7", "reallocate", "{}", "raw_metrics", "ts_month", 60).await;
    policy(&db, "8", "delete", "{}", "raw_metrics", "ts_month", 0).await;
    policy(&db, "9", "delete", "{}", "raw_metrics", "ts_month", -5).await;
    policy(&db, "a", "delete", "{}", r#"x"; DROP TABLE raw_metrics; --"#, "x' OR 1=1 --", 1).await;
    policy(&db, "b", "vaporise", "{}", "raw_metrics", "ts_month", 1).await;
    db.execute(sql("REFRESH TABLE retention_policy")).await.unwrap();

    let place = Place::empty();
    let source = format!("{}.retention_policy", database.name());
    let run = |args: &[&str]| {
        let with = [&["retention", "policies"], args, &["--cluster", database.url()]].concat();
        let password = database.url().split_once("://").unwrap().1.split_once('@').map(|(user, _)| user.to_owned());
        let ran = place.run(&with);
        if let Some((_, password)) = password.as_deref().and_then(|user| user.split_once(':')) {
            assert!(!ran.everything().contains(password), "{ran}");
        }
        ran
    };
    let printed = run(&["import", "--source", &source]);
    assert_eq!(printed.code, Some(7), "{printed}");
    assert!(printed.stdout.starts_with("kind: Retention\nname: imported\nzone: UTC\n"), "{printed}");
    place.write("imported.yaml", &printed.stdout);
    place.run(&["retention", "check", "-f", "imported.yaml"]).done();

    let state = "sqlite://state.db";
    let kept = run(&["import", "--source", &source, "--into", "metrics", "--state", state]);
    assert_eq!(kept.code, Some(7), "{kept}");
    let listed = run(&["list", "--state", state]).done();
    let about: Vec<_> = listed.stdout.lines().filter(|line| line.contains("drop after")).collect();
    assert_eq!(about.len(), 3, "{listed}");
    assert!(listed.stdout.contains("drop after 90 days"), "the longest period of two wins: {listed}");

    // The other tool's table is as it was, and so are all others.
    let rows = db.query(sql("SELECT count(*) AS n FROM retention_policy")).await.unwrap();
    assert_eq!(rows.first().unwrap().get::<i64>("n").unwrap(), 11);
    snapshot!("import", shown(&[printed, kept], database.url(), database.name()));

    let none = run(&["import", "--source", &format!("{}.raw_metrics", database.name())]);
    assert_eq!(none.code, Some(2), "{none}");
    let missing = run(&["import"]);
    assert_eq!(missing.code, Some(2), "{missing}");
    assert!(missing.stderr.contains("ext.retention_policy"), "{missing}");
}

#[test]
fn another_engine_has_none() {
    let place = Place::with_weather();
    let ran = place.run(&["retention", "policies", "import", "--cluster", crate::support::DB]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("in CrateDB, and not in SQLite"), "{ran}");
}
