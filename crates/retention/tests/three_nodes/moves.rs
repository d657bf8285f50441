//! Partitions that move to other nodes, and those that do not.

use std::time::Duration;

use clusterkeep_core::age::{days, seconds};
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, sql};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::model::{OnFailure, Policy, Tier};

use super::world::{NOW, World, assert_done, at, messages};

fn policy(table: &str) -> Policy {
    Policy::for_table(table).time("ts")
}

/// Has each move of the policy wait no longer, and put back what had no effect.
fn impatient(mut policy: Policy) -> Policy {
    for tier in &mut policy.tiers {
        if let Tier::Reallocate(tier) = tier {
            tier.wait = Some(seconds(3));
            tier.on_failure = OnFailure::Reset;
        }
    }
    policy
}

/// The setting of each partition, by its place in time; empty where it has none.
async fn required(world: &World, table: &str) -> Vec<String> {
    let query = sql("SELECT settings['routing']['allocation']['require'] AS require FROM \
                     information_schema.table_partitions WHERE table_name = ? AND table_schema = 'doc' \
                     ORDER BY partition_ident");
    let found = world.db.query(query.bind(table)).await.unwrap();
    found.rows().map(|row| row.value("require").unwrap().to_string()).collect()
}

pub(crate) async fn partitions_move_by_age(world: &World) {
    world.table("moving", 4, "hot").await;
    assert_eq!(world.where_is("moving").await, [("n0".to_owned(), 4)]);
    // The first ends 30 days before, the second 29, and so on.
    let policy = || {
        policy("moving")
            .reallocate_after(days(28), "storage", "warm")
            .reallocate_after(days(29), "storage", "cold")
            .merge_after(days(30))
    };
    let (plan, report) = world.apply(policy()).await;
    assert_done(&report);
    let shown = plan.to_string();
    assert!(
        shown.contains("move 2 partitions to storage=cold") && shown.contains("move 1 partition to storage=warm"),
        "{shown}"
    );
    let there = world.where_is("moving").await;
    assert_eq!(there, [("n0".to_owned(), 1), ("n1".to_owned(), 1), ("n2".to_owned(), 2)], "{shown}");
    assert_eq!(world.rows("moving").await, 2_400);
    let (plan, report) = world.apply(policy()).await;
    assert_eq!((plan.steps.len(), report.exit_code), (0, ExitCode::Done), "{plan}");
}

pub(crate) async fn what_does_not_move_is_explained_and_put_back(world: &World) {
    world.table("stuck", 1, "hot").await;
    // Somebody else's limit, by which one node can't take all three shards.
    world
        .run(sql(
            "ALTER TABLE stuck PARTITION (day = 1767225600000) SET (\"routing.allocation.total_shards_per_node\" = 1)",
        ))
        .await;
    let before = required(world, "stuck").await;
    let policy = impatient(policy("stuck").reallocate_after(days(7), "storage", "cold"));
    let (plan, report) = world.apply(policy.clone()).await;
    assert_eq!((plan.steps.len(), report.exit_code), (1, ExitCode::Failed), "{report:?}");
    let said = messages(&report);
    assert!(said.contains("has not moved to storage=cold within 3 s") && said.contains("shard 0"), "{said}");
    assert_eq!(required(world, "stuck").await, before, "what had no effect is put back");

    world
        .run(sql(
            "ALTER TABLE stuck PARTITION (day = 1767225600000) RESET (\"routing.allocation.total_shards_per_node\")",
        ))
        .await;
    assert_done(&world.apply(policy).await.1);
    assert_eq!(world.where_is("stuck").await, [("n2".to_owned(), 1)]);

    // What the earlier tier had it need is lifted with the move; more copies than nodes are refused beforehand.
    let copies = self::policy("stuck").set_replicas_after(days(5), "1").reallocate_after(days(7), "storage", "warm");
    let plan = world.retention(copies).plan(at(NOW)).await.unwrap();
    assert!(
        plan.steps.is_empty() && plan.to_string().contains("2 copies need as many nodes with storage=warm"),
        "{plan}"
    );
}

/// The server would not put a shard where less is free than its low watermark: a plan that asks for it is refused, and the
/// partition stays as it is.
pub(crate) async fn what_does_not_fit_is_refused(world: &World) {
    world.table("large", 1, "hot").await;
    let disk = "cluster.routing.allocation.disk";
    let set = format!(
        "SET GLOBAL TRANSIENT \"{disk}.watermark.low\" = '1000tb', \"{disk}.watermark.high\" = '999tb', \
         \"{disk}.watermark.flood_stage\" = '998tb'"
    );
    // What is set aside is read whatever is done by it: a threshold that is on would have the server move what is there.
    let (before, policy) =
        (required(world, "large").await, policy("large").reallocate_after(days(7), "storage", "warm"));
    world.run(Statement::assert_safe(set)).await;
    world.run(sql("SET GLOBAL TRANSIENT \"cluster.routing.allocation.disk.threshold_enabled\" = TRUE")).await;
    let (plan, report) = world.apply(policy).await;
    world.run(sql("RESET GLOBAL \"cluster.routing.allocation.disk\"")).await;
    world.run(sql("SET GLOBAL TRANSIENT \"cluster.routing.allocation.disk.threshold_enabled\" = FALSE")).await;
    assert!(plan.steps.is_empty() && plan.to_string().contains("have room for 0 B, and"), "{plan}");
    assert_eq!((report.exit_code, required(world, "large").await), (ExitCode::Refused, before));
}

pub(crate) async fn a_node_that_dies_during_a_move(world: &mut World) {
    world.table("dying", 2, "hot").await;
    world.run(sql("SET GLOBAL TRANSIENT \"indices.recovery.max_bytes_per_sec\" = '8kb'")).await;
    let mut policy = policy("dying").reallocate_after(days(7), "storage", "warm");
    for tier in &mut policy.tiers {
        if let Tier::Reallocate(tier) = tier {
            tier.wait = Some(seconds(12));
        }
    }
    let retention = world.retention(policy.clone());
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_eq!(plan.steps.len(), 2, "{plan}");
    let applied = tokio::spawn(async move { retention.apply(&plan, Approval::WithinGuards).await });
    under_way(world).await.unwrap();
    world.nodes.kill("n1").unwrap();
    let report = applied.await.unwrap().unwrap();
    assert!(matches!(report.exit_code, ExitCode::Failed | ExitCode::Partial), "{report:?}");
    assert!(report.count(Outcome::Failed) > 0 && messages(&report).contains("has not moved"), "{report:?}");
    // While there is none to move to, the plan says so.
    let plan = world.retention(policy.clone()).plan(at(NOW)).await.unwrap();
    assert!(plan.steps.is_empty() && plan.to_string().contains("no node has storage=warm"), "{plan}");

    world.run(sql("RESET GLOBAL \"indices.recovery.max_bytes_per_sec\"")).await;
    world.nodes.start_again("n1").await.unwrap();
    for tier in &mut policy.tiers {
        if let Tier::Reallocate(tier) = tier {
            tier.wait = None;
        }
    }
    assert_done(&world.apply(policy).await.1);
    assert_eq!(world.where_is("dying").await, [("n1".to_owned(), 2)]);
    assert_eq!(world.rows("dying").await, 1_200, "nothing is lost");
}

/// Waits until a shard is on its way: on a machine with much else to do, counting and looking before it take their time.
async fn under_way(world: &World) -> Result<()> {
    for _ in 0..1_200 {
        let mut query = SqlBuilder::new(Engine::Cratedb);
        query.push("SELECT count(*) FROM sys.shards WHERE table_name = ").bind(Ident::literal("dying").as_str());
        query.push(" AND routing_state = 'RELOCATING'");
        if world.db.query(query.build()).await?.scalar::<i64>()? > 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(clusterkeep_core::Error::failed("see a shard on its way"))
}
