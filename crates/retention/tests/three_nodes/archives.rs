//! Snapshots that are not whole: nothing goes by them.

use std::time::Duration;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::sql;
use clusterkeep_retention::model::Policy;
use clusterkeep_retention::restore::Destination;

use super::world::{NOW, World, assert_done, at, messages, restored};

fn policy(table: &str, repository: &str) -> Policy {
    Policy::for_table(table).time("ts").archive_after(days(20), repository).drop_after(days(25))
}

/// A node is killed while a snapshot that is slow on purpose goes on: the server says that all went well, and lists it as
/// PARTIAL.
pub(crate) async fn case_18_a_partial_snapshot_lets_nothing_go(world: &mut World, run: u32) {
    let (table, repository) = (format!("partial{run}"), format!("slow{run}"));
    world.table(&table, 2, "").await;
    world.repository(&repository, ", max_snapshot_bytes_per_sec = '4kb'").await;
    let retention = world.retention(policy(&table, &repository));
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_eq!(plan.steps.len(), 3, "one goes, and the newest is archived alone: {plan}");
    let applied = tokio::spawn(async move { retention.apply(&plan, Approval::WithinGuards).await });
    let in_progress = sql("SELECT count(*) FROM sys.snapshots WHERE repository = ? AND state = 'IN_PROGRESS'");
    for attempt in 0.. {
        let found = world.db.query(in_progress.clone().bind(repository.as_str())).await.unwrap();
        if found.scalar::<i64>().unwrap() == 2 {
            break;
        }
        assert!(attempt < 200, "no snapshot was begun");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let victim = ["n1", "n2"][run as usize % 2];
    world.nodes.kill(victim).unwrap();
    let report = applied.await.unwrap().unwrap();

    assert!(matches!(report.exit_code.code(), 1 | 7), "{report:?}");
    let said = messages(&report);
    assert!(said.contains("can't be relied on") && said.contains("PARTIAL"), "run {run}: {said}");
    assert!(said.contains(&format!("`{table}/day=")) && said.contains("shards failed"), "run {run}: {said}");
    assert_eq!(report.count(Outcome::Skipped), 1, "what was to go waits: {report:?}");

    world.nodes.start_again(victim).await.unwrap();
    until_whole(world, &table).await;
    assert_eq!(world.rows(&table).await, 1_200, "nothing is gone");
    let mut faster = clusterkeep_core::sql::SqlBuilder::new(clusterkeep_core::sql::Engine::Cratedb);
    let name = clusterkeep_core::sql::Ident::new(&repository).unwrap();
    faster.push("ALTER REPOSITORY ").ident(&name).push(" SET (max_snapshot_bytes_per_sec = '40mb')");
    if world.db.execute(faster.build()).await.is_err() {
        println!("this server can't make a repository faster: the next snapshot takes as long");
    }
    let (_, report) = world.apply(policy(&table, &repository)).await;
    assert_done(&report);
    assert_eq!((world.rows(&table).await, report.exit_code), (600, ExitCode::Done));
}

/// What went comes back alone, into its table or beside it, and never over something else.
pub(crate) async fn a_partition_comes_back(world: &World) {
    world.table("coming_back", 3, "").await;
    world.repository("kept", "").await;
    let policy = policy("coming_back", "kept");
    assert_done(&world.apply(policy.clone()).await.1);
    assert_eq!(world.rows("coming_back").await, 600, "two are gone");
    let retention = world.retention(policy.clone());
    let all = retention.archives().list(None).await.unwrap();
    let all: Vec<_> = all.iter().filter(|one| one.table == "coming_back").collect();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|one| one.state.as_deref() == Some("SUCCESS") && one.rows == 600 && one.shards == 3));
    assert_eq!(all.iter().filter(|one| one.in_table).count(), 1);

    let first = &all[0].snapshot;
    assert_eq!(restored(&retention, first, Destination::Table).await.unwrap(), "coming_back");
    assert_eq!(world.rows("coming_back").await, 1_200, "that one alone");
    let refused = restored(&retention, first, Destination::Table).await.unwrap_err();
    assert!(refused.contains("is in `coming_back` already"), "{refused}");
    assert_eq!(restored(&retention, first, Destination::Beside).await.unwrap(), "restored.coming_back");
    let beside: i64 = world.db.query(sql("SELECT count(*) FROM restored.coming_back")).await.unwrap().scalar().unwrap();
    assert_eq!((beside, world.rows("coming_back").await), (600, 1_200));

    // A table that has become another one is left as it is.
    world.run(sql("ALTER TABLE coming_back DROP COLUMN x")).await;
    let refused = restored(&retention, &all[1].snapshot, Destination::Table).await.unwrap_err();
    assert!(refused.starts_with("refused: the table has become another one"), "{refused}");
    assert_eq!(world.rows("coming_back").await, 1_200);
    // Where the table is gone, it comes back with the partition.
    world.run(sql("DROP TABLE coming_back")).await;
    restored(&retention, &all[1].snapshot, Destination::Table).await.unwrap();
    assert_eq!(world.rows("coming_back").await, 600);
    let refused = retention.archives().plan("nothing; DROP", Destination::Table, at(NOW)).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::BadInput, "{refused}");
}

/// The catalogue can't know that the store of a repository has gone away: a failed step leaves all as it was.
pub(crate) async fn a_store_that_has_gone_away(world: &World) {
    world.table("homeless", 3, "").await;
    world.repository("gone", "").await;
    let place = world.nodes.repositories().join("gone");
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::write(&place, "a file is no place for snapshots").unwrap();
    let (plan, report) = world.apply(policy("homeless", "gone")).await;
    assert!(!plan.steps.is_empty(), "{plan}");
    assert_eq!((report.exit_code, report.count(Outcome::Done)), (ExitCode::Failed, 0), "{report:?}");
    assert_eq!((report.count(Outcome::Skipped), world.rows("homeless").await), (2, 1_800), "nothing goes: {report:?}");
    std::fs::remove_file(&place).unwrap();
    // The server answers for all repositories together: others would fail by it.
    world.run(sql("DROP REPOSITORY gone")).await;
}

/// Waits until every shard of the table has its first copy.
async fn until_whole(world: &World, table: &str) {
    let missing = sql(
        "SELECT count(*) FROM sys.shards WHERE table_name = ? AND \"primary\" = TRUE AND routing_state <> 'STARTED'",
    );
    for _ in 0..300 {
        if world.db.query(missing.clone().bind(table)).await.unwrap().scalar::<i64>().unwrap() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("shards of {table} are missing");
}
