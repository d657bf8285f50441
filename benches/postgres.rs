//! Retention on PostgreSQL: looking at ten thousand partitions, and dropping a thousand of them beside pg_partman and
//! beside bare `DROP TABLE`s, on one private server that syncs what it writes.
//!
//! Each way and each run has a database of its own, made alike. Prints medians of several runs, ours and the peers' in turn.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::time::{Duration, Instant};

use chrono::Utc;
use clusterkeep_benches::median;
use clusterkeep_core::age::{days, years};
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::{Db, Statement, sql};
use clusterkeep_core::{ErrorClass, ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Policy, percent};

const RUNS: usize = 5;
const EXPIRED: i64 = 1000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| clusterkeep_core::Error::caused("start the runtime", e))?.block_on(all())
}

async fn all() -> Result<()> {
    let server = LocalServer::postgres().durable(true);
    if server.installed().is_none() {
        println!("PostgreSQL is not to be had here");
        return Ok(());
    }
    // pg_partman drops all in one transaction, which takes a lock on each table and index.
    let server = server.setting("max_locks_per_transaction", 1024).start().await?;
    catalogue(&server).await?;
    dropping(&server).await?;
    server.stop().await
}

/// A new database of the server.
async fn database(server: &LocalServer, name: &str) -> Result<Db> {
    let db = server.connect().await?;
    script(&db, format!("CREATE DATABASE {name}")).await?;
    db.close().await;
    Db::connect(&server.url_of(name)).await
}

async fn script(db: &Db, text: impl Into<String>) -> Result<()> {
    db.session().await?.execute_script(&Statement::assert_safe(text.into())).await
}

async fn partitions(db: &Db, table: &str) -> Result<i64> {
    let count = format!("SELECT count(*) AS n FROM pg_inherits WHERE inhparent = '{table}'::regclass");
    db.query(Statement::assert_safe(count)).await?.scalar()
}

/// Daily partitions of `table`, from so many days ago, each with an index and ten rows.
///
/// Some hundred in one transaction: it takes a lock on each.
async fn make(db: &Db, table: &str, from: i64, count: i64) -> Result<()> {
    script(
        db,
        format!(
            "CREATE TABLE {table} (id bigint NOT NULL, ts timestamptz NOT NULL, v float8) PARTITION BY RANGE (ts);
             CREATE INDEX ON {table} (ts)"
        ),
    )
    .await?;
    for first in (0..count).step_by(250) {
        let last = (first + 250).min(count) - 1;
        script(
            db,
            format!(
                "DO $$ DECLARE day timestamptz; BEGIN FOR d IN {first}..{last} LOOP
                   day := date_trunc('day', now(), 'UTC') - make_interval(days => {from} - d);
                   EXECUTE format('CREATE TABLE {table}_%s PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)', d, day, day + interval '1 day');
                   EXECUTE format('INSERT INTO {table}_%s SELECT n, %L::timestamptz + make_interval(hours => n), n FROM generate_series(1, 10) n', d, day);
                 END LOOP; END $$"
            ),
        )
        .await?;
    }
    Ok(())
}

fn retention(db: &Db, table: &str) -> Retention {
    Retention::new(db.clone()).policy(Policy::for_table(table).time("ts").drop_after(days(10)).max_share(percent(100)))
}

/// The catalogue pass over ten thousand partitions of which none may go; and with it the plan that comes of it.
async fn catalogue(server: &LocalServer) -> Result<()> {
    const PARTITIONS: i64 = 10_000;
    let db = database(server, "many").await?;
    make(&db, "many", PARTITIONS, PARTITIONS).await?;
    let policy = Policy::for_table("many").time("ts").drop_after(years(100));
    let retention = Retention::new(db.clone()).policy(policy);
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let plan = retention.plan(Utc::now()).await?;
        times.push(start.elapsed());
        assert_eq!(plan.verdicts.len(), 10_000, "each is looked at");
    }
    println!("{:<52}{:>10.2?}", "observe and plan 10,000 partitions", median(times));
    db.close().await;
    Ok(())
}

/// Dropping a thousand expired partitions, each way on a table made alike.
async fn dropping(server: &LocalServer) -> Result<()> {
    let (mut ours, mut bare, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let db = database(server, &format!("ours_{run}")).await?;
        make(&db, "metrics", EXPIRED + 10, EXPIRED + 12).await?;
        ours.push(drop_ours(&db, "metrics").await?);
        db.close().await;
        let db = database(server, &format!("bare_{run}")).await?;
        make(&db, "metrics", EXPIRED + 10, EXPIRED + 12).await?;
        bare.push(drop_bare(&db, "metrics").await?);
        db.close().await;
        let db = database(server, &format!("theirs_{run}")).await?;
        if with_partman(&db).await? {
            theirs.push(drop_theirs(&db, "metrics").await?);
        }
        db.close().await;
    }
    let (ours, bare) = (median(ours), median(bare));
    let show = |what: &str, time: Duration| {
        let ratio = time.as_secs_f64() / ours.as_secs_f64();
        println!("{what:<52}{time:>10.2?}{ratio:>8.2} x ours");
    };
    show("drop 1,000 daily partitions, planned and verified", ours);
    show("1,000 bare DROP TABLEs", bare);
    if theirs.is_empty() {
        println!("pg_partman is not to be had here");
    } else {
        show("pg_partman, run_maintenance", median(theirs));
    }
    Ok(())
}

async fn drop_ours(db: &Db, table: &str) -> Result<Duration> {
    let retention = retention(db, table);
    let start = Instant::now();
    let plan = retention.plan(Utc::now()).await?;
    let report = retention.apply(&plan, plan.hash.into()).await?;
    let took = start.elapsed();
    assert_eq!((report.exit_code(), report.outcomes.len()), (ExitCode::Done, 1000));
    assert_eq!(partitions(db, table).await?, 12);
    Ok(took)
}

async fn drop_bare(db: &Db, table: &str) -> Result<Duration> {
    let mut session = db.session().await?;
    let start = Instant::now();
    for nth in 0..EXPIRED {
        session.execute(&Statement::assert_safe(format!("DROP TABLE {table}_{nth}"))).await?;
    }
    let took = start.elapsed();
    assert_eq!(partitions(db, table).await?, 12);
    Ok(took)
}

/// Whether pg_partman is installed and could be made.
async fn with_partman(db: &Db) -> Result<bool> {
    script(db, "CREATE SCHEMA partman").await?;
    match db.execute(sql("CREATE EXTENSION pg_partman SCHEMA partman")).await {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.class(), Some(ErrorClass::Other | ErrorClass::Unsupported)) => Ok(false),
        Err(e) => Err(e),
    }
}

async fn drop_theirs(db: &Db, table: &str) -> Result<Duration> {
    let start_at = EXPIRED + 10;
    script(
        db,
        format!(
            "CREATE TABLE {table} (id bigint NOT NULL, ts timestamptz NOT NULL, v float8) PARTITION BY RANGE (ts);
             CREATE INDEX ON {table} (ts);
             SELECT partman.create_parent('public.{table}', 'ts', 'native', 'daily', p_premake := 1,
               p_start_partition := (date_trunc('day', now(), 'UTC') - interval '{start_at} days')::text);
             UPDATE partman.part_config SET retention = '10 days', retention_keep_table = false
               WHERE parent_table = 'public.{table}';
             INSERT INTO {table} SELECT n, date_trunc('day', now(), 'UTC') - make_interval(days => d) + make_interval(hours => n), n
               FROM generate_series(0, {start_at}) d, generate_series(1, 10) n"
        ),
    )
    .await?;
    let before = partitions(db, &format!("public.{table}")).await?;
    let start = Instant::now();
    db.query(Statement::assert_safe(format!("SELECT partman.run_maintenance('public.{table}')"))).await?;
    let took = start.elapsed();
    let gone = before - partitions(db, &format!("public.{table}")).await?;
    assert!((EXPIRED - 1..=EXPIRED).contains(&gone), "{gone} partitions went");
    Ok(took)
}
