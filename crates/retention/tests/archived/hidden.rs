//! Rows that row-level security hides from who archives and drops: they would go with their partition, and be in no
//! archive. So nothing goes.

use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::Db;
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::Policy;
use clusterkeep_testkit::servers;

use crate::world::{Kind, NOW, at, policy_at, rows, script, scripts};

/// A policy of PostgreSQL shows the owner of the table every second row alone.
async fn hidden(policy: impl Fn(&str) -> Policy, exit_code: ExitCode) {
    let Some(database) = servers::postgres().await else { return };
    let (admin, folder) = (database.connect().await, tempfile::tempdir().unwrap());
    let role = format!("keeper_{}", database.name());
    let create =
        format!("CREATE ROLE {role} LOGIN PASSWORD 'a-test'; GRANT CREATE ON DATABASE {} TO {role};", database.name());
    script(&admin, create + &format!("GRANT ALL ON SCHEMA public TO {role};")).await;
    let (_, server) = database.url().rsplit_once('@').unwrap();
    let db = Db::connect(&format!("postgres://{role}:a-test@{server}")).await.unwrap();
    script(&db, scripts(Kind::Partitions)).await;
    let before = rows(&admin, "raw").await;
    let hide = |table: String| {
        format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
             CREATE POLICY half ON {table} USING (n % 2 = 0);"
        )
    };
    script(&db, (1..=6).map(|day| hide(format!("raw_{day}"))).collect::<String>()).await;

    let to = folder.path().join("cold").display().to_string();
    let retention = Retention::new(db.clone()).policy(policy(&to));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!(rows(&admin, "raw").await, before, "nothing goes: {report:?}");
    assert_eq!(report.exit_code, exit_code, "{report:?}");
    let said = report.outcomes.iter().find_map(|outcome| outcome.message.clone()).unwrap();
    assert!(said.contains("row-level security"), "{said}");
    db.close().await;
    script(&admin, format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role};")).await;
}

#[tokio::test]
async fn what_is_hidden_is_not_left_out_of_an_archive() {
    hidden(|to| policy_at(Kind::Partitions, to), ExitCode::Failed).await;
}

#[tokio::test]
async fn what_is_hidden_does_not_go_with_its_partition() {
    use clusterkeep_core::age::days;
    let all = clusterkeep_retention::model::percent(100);
    hidden(|_| Policy::for_table("raw").time("ts").drop_after(days(20)).max_share(all), ExitCode::Refused).await;
}
