//! Killed at statements of archive-then-drop: every row is in the table or in a whole snapshot, at once and after one
//! further run.

use std::path::Path;
use std::process::Command;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident, SqlBuilder, TableName, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Manifest, Policy, percent};
use clusterkeep_testkit::audited;
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};

use super::world::{World, at};

const NOW: &str = "2026-02-01T00:00:00Z";
const CHILD: &str = "CLUSTERKEEP_TEST_ARCHIVE_CHILD";
/// The rows of the partition that goes, and of the one that stays.
const ROWS: (i64, i64) = (3, 2);

fn retention(db: Db, state: State, table: &str, repository: &str) -> Retention {
    let policy = Policy::for_table(table).time("ts").archive_after(days(20), repository).drop_after(days(20));
    let policy = policy.max_share(percent(100));
    Retention::new(db).state(state).manifest(Manifest::named("kills").policy(policy)).parallel(1)
}

async fn run(retention: &Retention) -> clusterkeep_core::Result<ExitCode> {
    let plan = retention.plan(at(NOW)).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

async fn state(path: &Path) -> Db {
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap()
}

/// Not a test of its own: what the test below starts as a process, and kills.
#[tokio::test]
async fn child_that_archives_until_it_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = order.split(' ').collect();
    let [when, number, url, table, repository, path] = words[..] else { panic!("{order}") };
    let fault = if when == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let trap = Trap::at(number.parse().unwrap(), fault);
    let db = Db::connect(url).await.unwrap();
    let state = State::of(faulty(state(Path::new(path)).await, trap.clone()));
    assert_eq!(run(&retention(faulty(db, trap), state, table, repository)).await.unwrap(), ExitCode::Done);
}

async fn prepare(world: &World, name: &str) {
    let table = TableName::bare(Ident::new(name).unwrap());
    let mut create = SqlBuilder::new(Engine::Cratedb);
    create.push("CREATE TABLE ").table(&table).push(" (ts TIMESTAMP WITH TIME ZONE, day TIMESTAMP WITH TIME ZONE ");
    create.push("GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day) ");
    create.push("WITH (number_of_replicas = 0)");
    world.run(create.build()).await;
    let mut insert = SqlBuilder::new(Engine::Cratedb);
    insert.push("INSERT INTO ").table(&table).push(" (ts) VALUES ('2026-01-01T01:00Z'), ('2026-01-01T02:00Z'), ");
    insert.push("('2026-01-01T03:00Z'), ('2026-01-31T01:00Z'), ('2026-01-31T02:00Z')");
    world.run(insert.build()).await;
    world.refresh(name).await;
}

async fn rows(world: &World, name: &str) -> i64 {
    world.refresh(name).await;
    let mut count = SqlBuilder::new(Engine::Cratedb);
    count.push("SELECT count(*) FROM ").table(&TableName::bare(Ident::new(name).unwrap()));
    world.db.query(count.build()).await.unwrap().scalar().unwrap()
}

async fn whole_snapshots(world: &World, name: &str) -> i64 {
    let query = sql("SELECT count(*) FROM sys.snapshots WHERE state = 'SUCCESS' AND ? = ANY(tables)");
    let table = format!("{}.{name}", world.schema());
    world.db.query(query.bind(table)).await.unwrap().scalar().unwrap()
}

#[tokio::test]
async fn case_20_killed_at_statements_of_archive_then_drop() {
    let Some(world) = World::new().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let repository = format!("{}_repo", world.schema());
    let mut create = SqlBuilder::new(Engine::Cratedb);
    create.push("CREATE REPOSITORY ").ident(&Ident::new(&repository).unwrap()).push(" TYPE fs WITH (location = ");
    create.bind(repository.as_str()).push(")");
    world.run(create.build()).await;
    let url = format!("{}/{}", world.server_url(), world.schema());

    let mut killed = 0;
    let all = std::env::var_os("CLUSTERKEEP_ALL_FAULTS").is_some();
    let faults = (1..).flat_map(|at| [(at, Fault::KillBefore), (at, Fault::KillAfter)]);
    let due = faults.filter(|(at, fault)| is_due(*at, *fault) && (all || at % 3 == 0));
    for (number, fault) in due {
        let when = if fault == Fault::KillBefore { "before" } else { "after" };
        let (table, path) = (format!("t{number}_{when}"), folder.path().join(format!("{number}_{when}.db")));
        prepare(&world, &table).await;
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "archive_kills::child_that_archives_until_it_is_killed", "--test-threads=1"])
            .env(CHILD, format!("{when} {number} {url} {table} {repository} {}", path.display()))
            .output()
            .unwrap()
            .status;
        if status.success() {
            break;
        }
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status} {when} {number}");
        killed += 1;
        let left = rows(&world, &table).await;
        assert!(
            left == ROWS.0 + ROWS.1 || (left == ROWS.1 && whole_snapshots(&world, &table).await == 1),
            "{left} rows are left after a kill {when} statement {number}"
        );
        let state = State::of(state(&path).await);
        let retention = retention(world.db.clone(), state, &table, &repository);
        assert_eq!(run(&retention).await.unwrap(), ExitCode::Done, "after a kill {when} statement {number}");
        assert_eq!(rows(&world, &table).await, ROWS.1, "after a kill {when} statement {number}");
        assert_eq!(whole_snapshots(&world, &table).await, 1, "one and the same snapshot, {when} {number}");
        let archives = retention.archives().list(None).await.unwrap();
        assert_eq!((archives.len(), archives[0].rows), (1, 3), "it is on record, {when} {number}");
        audited::nothing_removed_twice(&*retention.audit_sink()).await;
        world.drop_table(&table).await;
    }
    assert!(killed > 10, "only {killed} processes were killed");
}
