//! Nothing slips in between check and drop, and who has to wait tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Db, Statement, sql};
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Meaning, Policy, Rollup};

use super::{all_of, apply, at, database, goes, number, script};

const PARTITIONED: &str = "CREATE TABLE raw (ts datetime NOT NULL, v int NOT NULL) PARTITION BY RANGE (to_days(ts)) (
   PARTITION d1 VALUES LESS THAN (to_days('2026-01-02')), PARTITION d2 VALUES LESS THAN (to_days('2026-01-03')),
   PARTITION d3 VALUES LESS THAN (to_days('2026-01-04')), PARTITION d4 VALUES LESS THAN (to_days('2026-02-01')),
   PARTITION rest VALUES LESS THAN MAXVALUE);
 INSERT INTO raw SELECT '2026-01-01' + INTERVAL seq HOUR, 1 FROM seq_0_to_95;";

const PLAIN: &str = "CREATE TABLE raw (ts datetime NOT NULL, v int NOT NULL, INDEX (ts));
 INSERT INTO raw SELECT '2026-01-01' + INTERVAL seq HOUR, 1 FROM seq_0_to_95;";

fn retention(db: &Db) -> Retention {
    let policy = Policy::for_table("raw").time("ts").meaning(Meaning::Utc);
    let policy = policy.downsample(Rollup::daily().of(["v"]).into("daily").keep(Keep::Forever));
    Retention::new(db.clone()).policy(all_of(policy.drop_after(days(2))))
}

#[tokio::test]
async fn case_16_a_row_after_the_plan_stops_it() {
    let Some((_database, db)) = database().await else { return };
    script(&db, PARTITIONED).await;
    let now = at("2026-01-06T00:00:00Z");
    let plan = retention(&db).plan(now).await.unwrap();
    assert_eq!(goes(&plan), ["d1", "d2", "d3"], "{plan}");
    db.execute(sql("INSERT INTO raw VALUES ('2026-01-02 05:00:00', 1)")).await.unwrap();
    let refused = retention(&db).apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::Drifted, "{refused}");
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 97);
    // In one that stays it changes nothing.
    let plan = retention(&db).plan(now).await.unwrap();
    db.execute(sql("INSERT INTO raw VALUES ('2026-01-07', 1)")).await.unwrap();
    assert_eq!(retention(&db).apply(&plan, plan.hash.into()).await.unwrap().exit_code, ExitCode::Done);
}

/// A writer that puts rows into what is old all the time: whatever was taken is in the table still, in the rollup, or both.
async fn no_row_is_lost(create: &'static str) {
    let Some((_database, db)) = database().await else { return };
    script(&db, create).await;
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(96)));
    let writer = tokio::spawn({
        let (db, stop, taken) = (db.clone(), Arc::clone(&stop), Arc::clone(&taken));
        async move {
            let mut nth = 0_i64;
            while !stop.load(Ordering::SeqCst) {
                nth += 1;
                let row = sql("INSERT INTO raw VALUES ('2026-01-01' + INTERVAL ? MINUTE, 1)").bind(nth * 7 % 4300);
                if db.execute(row).await.is_ok() {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    });
    let now = at("2026-01-06T00:00:00Z");
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        let plan = retention(&db).plan(now).await.unwrap();
        match retention(&db).apply(&plan, Approval::WithinGuards).await {
            Ok(report) => outcomes.push(report.exit_code),
            Err(e) => assert!(matches!(e, Error::Drifted { .. }) || e.is_retryable(), "{e}"),
        }
        let left = number(&db, sql("SELECT count(*) FROM raw")).await;
        if left < 96 {
            break;
        }
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    let taken = taken.load(Ordering::SeqCst);
    assert!(taken > 100, "the writer got in: {taken}");
    let removed = removed(&db).await;
    let left = number(&db, sql("SELECT count(*) FROM raw")).await;
    assert_eq!(left + removed, taken, "what was taken and is not there went by a plan: {outcomes:?}");
    let kept = number(&db, sql("SELECT CAST(COALESCE(sum(v_count), 0) AS SIGNED) FROM daily")).await;
    assert!(kept >= removed, "{removed} rows went, {kept} are in the rollup");
    // Without the writer it comes to its end.
    for _ in 0..2 {
        apply(&retention(&db), now).await.unwrap();
    }
}

/// How many rows the audit says went.
async fn removed(db: &Db) -> i64 {
    let records = Retention::new(db.clone()).audit_sink().read(1, 10_000).await.unwrap();
    let rows = records.iter().map(|record| record.entry().unwrap()).filter(|entry| entry.data["outcome"] == "done");
    rows.filter_map(|entry| entry.data["data"]["removed_from"].as_str().and(entry.data["data"]["rows"].as_i64())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_lost_between_check_and_drop_of_a_partition() {
    no_row_is_lost(PARTITIONED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_lost_between_check_and_delete_of_a_slice() {
    no_row_is_lost(PLAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_not_to_be_had_is_tried_again() {
    let Some((_database, db)) = database().await else { return };
    script(&db, PARTITIONED).await;
    let now = at("2026-01-06T00:00:00Z");
    let plan = retention(&db).plan(now).await.unwrap();
    // Longer than one attempt waits.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) FROM raw")).await.unwrap();
    let release = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(7)).await;
        reader.commit().await.unwrap();
    });
    let report = retention(&db).apply(&plan, plan.hash.into()).await.unwrap();
    release.await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Done, "{:?}", report.outcomes);
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_24_two_runners() {
    let Some((_database, db)) = database().await else { return };
    script(&db, PARTITIONED).await;
    let now = at("2026-01-06T00:00:00Z");
    // The one waits for a table while it holds the lock.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) FROM raw")).await.unwrap();
    let plan = retention(&db).plan(now).await.unwrap();
    let first = tokio::spawn({
        let (retention, plan) = (retention(&db), plan.clone());
        async move { retention.apply(&plan, plan.hash.into()).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = retention(&db).apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&second), ExitCode::Locked, "{second}");
    reader.commit().await.unwrap();
    let report = first.await.unwrap().unwrap();
    assert_eq!(report.exit_code, ExitCode::Done, "{:?}", report.outcomes);
    assert!(report.count(Outcome::Done) > 0);
}

/// The session that holds the locks is killed while it holds them: nothing of its step is done, and the next run does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_killed_leaves_no_lock() {
    let Some((_database, db)) = database().await else { return };
    script(&db, PARTITIONED).await;
    let now = at("2026-01-06T00:00:00Z");
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) FROM raw")).await.unwrap();
    let applying = tokio::spawn({
        let retention = retention(&db);
        async move { apply(&retention, now).await }
    });
    let waiting = "SELECT id FROM information_schema.processlist WHERE info LIKE 'LOCK TABLES%' AND db = DATABASE()";
    let mut victim = None;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        victim = db.query(sql(waiting)).await.unwrap().first().map(|row| row.values()[0].as_i64().unwrap());
        if victim.is_some() {
            break;
        }
    }
    let victim = victim.expect("the step waits for its locks");
    db.execute(Statement::assert_safe(format!("KILL {victim}"))).await.unwrap();
    reader.commit().await.unwrap();
    let code = applying.await.unwrap().unwrap();
    assert!(matches!(code, ExitCode::Partial | ExitCode::Failed), "{code:?}");
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 96);
    assert_eq!(apply(&retention(&db), now).await.unwrap(), ExitCode::Done);
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 24);
}
