//! Copies, segments and archives of partitions, on one node.

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, TableName, Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{HoldScope, Keep, Manifest, Policy, Rollup, percent};
use clusterkeep_retention::plan::{Decision, Reason, Selection};
use clusterkeep_retention::store::NewHold;
use clusterkeep_testkit::fault::{Trap, faulty};

use super::world::{World, assert_done, at, dropped, verdicts};

const NOW: &str = "2026-02-01T00:00:00Z";

fn policy() -> Policy {
    Policy::for_table("readings").time("ts")
}

/// Ten daily partitions from 1 January, of two shards and two rows each, partitioned by a tenant, too, whose name is odd.
async fn prepare(world: &World) {
    world
        .run(sql("CREATE TABLE readings (id INTEGER, ts TIMESTAMP WITH TIME ZONE, \"Te'n\"\"ant\" TEXT, \
                  day TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 2 SHARDS \
                  PARTITIONED BY (day, \"Te'n\"\"ant\") WITH (number_of_replicas = 0)"))
        .await;
    let row = |n: i64| {
        let tenant = if n % 4 == 0 { Value::Null } else { Value::from("a'b\"; DROP TABLE x; --") };
        vec![n.into(), Value::Timestamp(at("2026-01-01T06:00:00Z") + chrono::TimeDelta::hours(12 * n)), tenant]
    };
    // One after the other, with a refresh between: each row is in a segment of its own.
    for half in [0, 1] {
        let rows: Vec<Vec<Value>> = (0..20).filter(|n| n % 2 == half).map(row).collect();
        let insert = sql("INSERT INTO readings (id, ts, \"Te'n\"\"ant\") VALUES (?, ?, ?)");
        world.insert("readings", insert, &rows).await;
    }
}

/// A repository of the test's own.
async fn repository(world: &World) -> String {
    let name = format!("{}_repo", world.schema());
    register(world, &name, "").await;
    name
}

async fn register(world: &World, name: &str, settings: &'static str) {
    let mut create = SqlBuilder::new(Engine::Cratedb);
    create.push("CREATE REPOSITORY ").ident(&Ident::new(name).unwrap()).push(" TYPE fs WITH (location = ");
    create.bind(format!("{}_repo", world.schema())).push(settings).push(")");
    world.run(create.build()).await;
}

async fn count(world: &World, query: &'static str, of: &str) -> i64 {
    world.db.query(sql(query).bind(of)).await.unwrap().scalar().unwrap()
}

const SNAPSHOTS: &str = "SELECT count(*) FROM sys.snapshots WHERE repository = ? AND state = 'SUCCESS'";

#[tokio::test]
async fn copies_are_set_once_and_seen_to_be() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let policy = || policy().set_replicas_after(days(25), "0-1");
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_done(&report);
    // Each day has a partition for a tenant and one for none on some days.
    let due = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::SetReplicas).count();
    assert_eq!((due, plan.steps.len()), (9, 9), "{plan}");
    let set = "SELECT count(*) FROM information_schema.table_partitions \
               WHERE table_schema = ? AND number_of_replicas = '0-1'";
    assert_eq!(count(&world, set, world.schema()).await, 9);
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_eq!((plan.steps.len(), report.exit_code), (0, ExitCode::Done), "what is set is not set again: {plan}");
}

#[tokio::test]
async fn segments_become_one_and_stay_one() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let most = "SELECT max(n) FROM (SELECT count(*) AS n FROM sys.segments WHERE table_schema = ? AND search = TRUE \
                GROUP BY partition_ident, shard_id) AS s";
    // A third row for each of two days, so that one shard has two segments at least.
    for n in 0..6 {
        let insert = sql("INSERT INTO readings (id, ts, \"Te'n\"\"ant\") VALUES (?, '2026-01-01T07:00:00Z', 'x')");
        world.run(insert.bind(n)).await;
        world.refresh("readings").await;
    }
    assert!(count(&world, most, world.schema()).await > 1, "there is something to merge");
    let (plan, report) = world.apply(policy().merge_after(days(20)), NOW).await;
    assert_done(&report);
    assert!(!plan.steps.is_empty() && plan.verdicts.iter().any(|verdict| verdict.verdict == Decision::Compact));
    assert_eq!(count(&world, most, world.schema()).await, 1);
    let (plan, _) = world.apply(policy().merge_after(days(20)), NOW).await;
    assert!(plan.steps.is_empty(), "{plan}");
}

#[tokio::test]
async fn each_partition_is_archived_once_and_again_when_it_is_written_to() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    let policy = || policy().archive_after(days(25), &repository);
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_done(&report);
    assert_eq!(plan.steps.len(), 9, "{plan}");
    assert_eq!(count(&world, SNAPSHOTS, &repository).await, 9);
    let (plan, _) = world.apply(policy(), NOW).await;
    assert!(plan.steps.is_empty(), "{:#?}", verdicts(&plan));

    world.run(sql("INSERT INTO readings (id, ts) VALUES (99, '2026-01-01T01:00:00Z')")).await;
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_eq!(plan.steps.len(), 1, "{plan}");
    assert_done(&report);
    assert_eq!(count(&world, SNAPSHOTS, &repository).await, 10, "the older copy stays");

    // One that is gone from the repository is none.
    let name: String = world
        .db
        .query(
            sql("SELECT name FROM sys.snapshots WHERE repository = ? ORDER BY started LIMIT 1")
                .bind(repository.as_str()),
        )
        .await
        .unwrap()
        .scalar()
        .unwrap();
    let mut drop = SqlBuilder::new(Engine::Cratedb);
    drop.push("DROP SNAPSHOT ").table(&TableName::within(Ident::new(&repository).unwrap(), Ident::new(&name).unwrap()));
    world.run(drop.build()).await;
    let plan = world.retention(policy()).plan(at(NOW)).await.unwrap();
    assert!(plan.steps.len() <= 1, "{plan}");
}

#[tokio::test]
async fn what_goes_is_archived_first() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    let policy = || policy().archive_after(days(20), &repository).drop_after(days(25));
    let before = world.keys("readings").await.len();
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_done(&report);
    let goes = dropped(&plan).len();
    let archived = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Archive).count();
    assert_eq!((goes, archived), (9, 6), "{:#?}", verdicts(&plan));
    assert_eq!(world.keys("readings").await.len(), before - goes);
    assert_eq!(count(&world, SNAPSHOTS, &repository).await, (goes + archived) as i64);
    assert!(plan.to_string().contains("first archived in"), "{plan}");
    let (plan, _) = world.apply(policy(), NOW).await;
    assert!(plan.steps.is_empty(), "{plan}");
}

/// What is due last of a partition says nothing of what is due before that.
#[tokio::test]
async fn what_is_archived_and_then_changed_in_another_way_is_both() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    let policy = || policy().archive_after(days(20), &repository).set_replicas_after(days(25), "0-1");
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_done(&report);
    assert!(plan.verdicts.iter().any(|verdict| verdict.verdict == Decision::SetReplicas), "{plan}");
    assert!(count(&world, SNAPSHOTS, &repository).await >= 9, "{plan}");
    assert!(world.retention(policy()).plan(at(NOW)).await.unwrap().steps.is_empty());
}

/// A rollup is held against all of a time, which therefore goes as one, once each part of it was archived.
#[tokio::test]
async fn what_is_rolled_up_is_archived_part_by_part_and_goes_as_one() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    let rollup = Rollup::daily().of(["id"]).into("daily").keep(Keep::Forever);
    let policy = || policy().downsample(rollup.clone()).archive_after(days(25), &repository).drop_after(days(25));
    let before = world.keys("readings").await.len();
    let (plan, report) = world.apply(policy(), NOW).await;
    assert_done(&report);
    assert_eq!(world.keys("readings").await.len(), before - 9, "{plan}");
    assert_eq!(count(&world, SNAPSHOTS, &repository).await, 9);
    world.refresh("daily").await;
    let rolled: i64 = world.db.query(sql("SELECT sum(id_count) FROM daily")).await.unwrap().scalar().unwrap();
    assert_eq!(rolled, 20);
    assert!(world.retention(policy()).plan(at(NOW)).await.unwrap().steps.is_empty());
}

/// Applies while something comes in between, which has one object refused; gives why.
async fn refused_after(world: &World, policy: &Policy, trap: std::sync::Arc<Trap>) -> String {
    let retention = Retention::new(faulty(world.db.clone(), std::sync::Arc::clone(&trap)))
        .state(world.state.clone())
        .manifest(Manifest::named("test").policy(policy.clone()))
        .parallel(1);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert!(trap.sprung(), "it came to that statement");
    let refused: Vec<_> = report.outcomes.iter().filter(|one| one.outcome == Outcome::Refused).collect();
    assert_eq!((refused.len(), report.exit_code), (1, ExitCode::Partial), "{report:?}");
    refused[0].message.clone().unwrap()
}

#[tokio::test]
async fn case_18_what_is_written_while_it_is_archived_stays() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    let policy = policy().archive_after(days(20), &repository).drop_after(days(25)).max_share(percent(100));
    let before = world.keys("readings").await.len();
    // Right before the first snapshot was asked for, and after what it is to hold was counted; then, before the drop, so
    // that the number of rows stays what it was.
    for (statement, written) in [
        ("CREATE SNAPSHOT", sql("INSERT INTO readings (id, ts) VALUES (99, '2026-01-01T01:00:00Z')")),
        (super::applying::LISTED, sql("UPDATE readings SET id = 98 WHERE id = 99")),
    ] {
        let message = refused_after(&world, &policy, Trap::overtaken(statement, written)).await;
        assert!(message.contains("was written to while") || message.contains("is not what was archived"), "{message}");
        world.refresh("readings").await;
        let rows: i64 =
            world.db.query(sql("SELECT count(*) FROM readings WHERE id IN (98, 99)")).await.unwrap().scalar().unwrap();
        assert_eq!((rows, world.keys("readings").await.len()), (1, before - 8), "only what was not written to is gone");
    }
    assert_done(&world.apply(policy, NOW).await.1);
    assert_eq!(world.keys("readings").await.len(), before - 9);
}

#[tokio::test]
async fn case_18_what_has_no_snapshot_any_more_stays() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let repository = repository(&world).await;
    // The first of the partitions that go is archived beforehand, so that its snapshot is known by name.
    let alone = policy().archive_after(days(20), &repository);
    let first = Selection { until: Some(at("2026-01-02T00:00:00Z")), ..Selection::default() };
    let archived = world.retention(alone).select(first);
    let plan = archived.plan(at(NOW)).await.unwrap();
    assert_done(&archived.apply(&plan, Approval::WithinGuards).await.unwrap());
    let name = sql("SELECT min(name) FROM sys.snapshots WHERE repository = ?").bind(repository.as_str());
    let name: String = world.db.query(name).await.unwrap().scalar().unwrap();

    let policy = policy().archive_after(days(20), &repository).drop_after(days(25)).max_share(percent(100));
    let mut removal = SqlBuilder::new(Engine::Cratedb);
    removal
        .push("DROP SNAPSHOT ")
        .table(&TableName::within(Ident::new(&repository).unwrap(), Ident::new(&name).unwrap()));
    let before = world.keys("readings").await.len();
    // Somebody removes it after it was verified, and before the first partition goes.
    let trap = Trap::overtaken(super::applying::LISTED, removal.build());
    let message = refused_after(&world, &policy, trap).await;
    assert!(message.contains("is not listed any more"), "{message}");
    assert_eq!(world.keys("readings").await.len(), before - 8, "that one alone has stayed");
    assert_done(&world.apply(policy, NOW).await.1);
    assert_eq!(world.keys("readings").await.len(), before - 9);
}

#[tokio::test]
async fn what_can_be_known_beforehand_is_refused_in_the_plan() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    repository(&world).await;
    let repository = format!("{}_read", world.schema());
    register(&world, &repository, ", readonly = true").await;
    for (policy, why) in [
        (policy().archive_after(days(20), "nowhere"), "there is no repository nowhere"),
        (policy().archive_after(days(20), &repository).drop_after(days(25)), "is read-only"),
        (policy().reallocate_after(days(20), "storage", "cold"), "no node has storage=cold"),
        (policy().set_replicas_after(days(20), "1"), "2 copies need as many nodes, and there is 1"),
    ] {
        let (plan, report) = world.apply(policy, NOW).await;
        assert!(plan.steps.is_empty(), "{plan}");
        let refused: Vec<_> = plan.refused().collect();
        assert!(!refused.is_empty() && refused.iter().all(|verdict| matches!(verdict.reason, Reason::Unfit { .. })));
        assert!(refused[0].reason.to_string().contains(why), "{plan}");
        assert_eq!((report.exit_code, world.keys("readings").await.len()), (ExitCode::Refused, 15));
    }
    for (policy, why) in [
        (policy().tablespace_after(days(20), "slow"), "the tier `reallocate` of `readings` does not work on CrateDB"),
        (Policy::for_table("plain").time("ts").merge_after(days(20)), "`plain` has no partitions"),
        (
            Policy::for_table("plain").time("ts").archive_after(days(20), "r").drop_after(days(30)),
            "`plain` has no partitions, which the tier `archive` is for",
        ),
        (policy().archive_to_after(days(20), "/srv/cold"), "the tier `archive` of `readings` does not work on CrateDB"),
    ] {
        world.run(sql("CREATE TABLE IF NOT EXISTS plain (ts TIMESTAMP WITH TIME ZONE)")).await;
        let refused = world.retention(policy).plan(at(NOW)).await.unwrap_err();
        assert_eq!(ExitCode::from(&refused), ExitCode::BadInput, "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[tokio::test]
async fn what_is_held_is_not_touched() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let retention = world.retention(policy().set_replicas_after(days(25), "0-1").drop_after(days(28)));
    let scope = HoldScope { table: Some("readings".parse().unwrap()), ..HoldScope::default() };
    let hold = NewHold { owner: "ann".into(), reason: "a study".into(), scope, expires_at: None };
    world.state.ensure(at(NOW)).await.unwrap();
    retention.store().holds().add(hold, at(NOW)).await.unwrap();
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert!(plan.steps.is_empty(), "{plan}");
    assert!(plan.to_string().contains("held by ann"), "{plan}");
}
