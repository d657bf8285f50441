//! Names and values that would be something else if they were pasted.

use clusterkeep_core::age::days;
use clusterkeep_core::civil::Every;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, TableName, Value};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Manifest, Policy, percent};

use super::world::{World, assert_done, at, dropped};

/// What CrateDB lets a column be called: no dots, no brackets, nothing that begins with an underscore.
const COLUMNS: [&str; 5] = ["TsDay", "select", "Grüße 🦀", "x\"; DROP TABLE users; --", "x'; DELETE FROM users; --"];

#[tokio::test]
async fn case_25_names_and_values_stay_what_they_are() {
    let Some(world) = World::new().await else { return };
    for (nth, name) in COLUMNS.into_iter().enumerate() {
        let (column, tenant) = (Ident::new(name).unwrap(), Ident::new(format!("{name} of")).unwrap());
        // CrateDB's tables can't have upper-case letters or these marks in their names.
        let table = TableName::within(
            Ident::new(world.schema()).unwrap(),
            Ident::new(["grüße-🦀", "select", "t'x", "a-b;", "--"][nth]).unwrap(),
        );
        let mut create = SqlBuilder::new(Engine::Cratedb);
        create.push("CREATE TABLE ").table(&table).push(" (").ident(&column).push(" TIMESTAMP WITH TIME ZONE, ");
        create.ident(&tenant).push(" TEXT) CLUSTERED INTO 1 SHARDS PARTITIONED BY (");
        create.ident(&column).push(", ").ident(&tenant).push(")");
        world.run(create.build()).await;
        let mut insert = SqlBuilder::new(Engine::Cratedb);
        insert
            .push("INSERT INTO ")
            .table(&table)
            .push(" (")
            .ident(&column)
            .push(", ")
            .ident(&tenant)
            .push(") VALUES (?, ?)");
        let values = ["' OR 1=1 --", "\"; DROP TABLE x; --", "ü🦀", "null", "", "?", "a.b"];
        let rows: Vec<Vec<Value>> = values
            .into_iter()
            .flat_map(|value| (0..3).map(move |n| (value, n)))
            .map(|(value, n)| {
                vec![Value::Timestamp(at("2026-01-01T00:00:00Z") + chrono::TimeDelta::days(n)), value.into()]
            })
            .collect();
        world.db.session().await.unwrap().execute_many(&insert.build(), &rows).await.unwrap();
        let mut policy =
            Policy::for_table("replaced").time(name).width(Every::Day).drop_after(days(1)).max_share(percent(100));
        policy.table = Some(table.clone());
        let retention = Retention::new(world.db.clone())
            .state(world.state.clone())
            .manifest(Manifest::named(format!("names-{nth}")).policy(policy));
        let plan = retention.plan(at("2026-01-03T00:00:00Z")).await.unwrap();
        assert_eq!(dropped(&plan).len(), values.len(), "the first day: {plan}");
        assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
        let left = world.keys(table.name.as_str()).await;
        assert_eq!(left.len(), 2 * values.len(), "{name}: {left:?}");
        assert!(left.iter().all(|key| !key.contains("1767225600000")), "{left:?}");
    }
}
