//! Case 20: whatever statement of an apply is lost, or its answer, the next run ends where an undisturbed one ends.

use std::sync::Arc;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Policy, Rollup};
use clusterkeep_testkit::audited;
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};
use futures::{StreamExt, stream};

use super::{all_of, apply, at, database, script};

const ROWS: &str = "INSERT INTO raw SELECT IF(seq % 2, 'a', 'b'), '2026-03-25 12:00:00' + INTERVAL seq HOUR, seq * 37 % 101 FROM seq_0_to_119;";

/// The instant that the disturbed run is for, and a later one that has something to do, too.
const FIRST: &str = "2026-03-31T10:00:00Z";
const LATER: &str = "2026-04-02T10:00:00Z";

/// The days of Berlin are cut by the partitions, which end at midnight of UTC.
const PARTITIONED: &str = "CREATE TABLE raw (series varchar(8), ts timestamp NOT NULL DEFAULT current_timestamp, v int)
   PARTITION BY RANGE (unix_timestamp(ts)) (PARTITION a VALUES LESS THAN (unix_timestamp('2026-03-26')),
   PARTITION b VALUES LESS THAN (unix_timestamp('2026-03-27')), PARTITION c VALUES LESS THAN (unix_timestamp('2026-03-28')),
   PARTITION d VALUES LESS THAN (unix_timestamp('2026-03-29')), PARTITION e VALUES LESS THAN (unix_timestamp('2026-03-30')),
   PARTITION f VALUES LESS THAN (unix_timestamp('2026-04-29')));";

const PLAIN: &str =
    "CREATE TABLE raw (series varchar(8), ts timestamp NOT NULL DEFAULT current_timestamp, v int, INDEX (ts));";

fn retention(db: &Db) -> Retention {
    let policy = Policy::for_table("raw")
        .time("ts")
        .zone("Europe/Berlin")
        .by(["series"])
        .downsample(Rollup::daily().of(["v"]).into("daily").keep(Keep::Forever))
        .drop_after(days(2));
    Retention::new(db.clone()).policy(all_of(policy)).parallel(1)
}

async fn run(db: &Db) -> ExitCode {
    apply(&retention(db), at(FIRST)).await.unwrap()
}

/// All that the tables hold, as text.
async fn contents(db: &Db) -> String {
    let raw = db.query(sql("SELECT series, ts, v FROM raw ORDER BY ts, series")).await.unwrap();
    let daily = sql("SELECT series, bucket, v_count, v_sum, v_min, v_max FROM daily ORDER BY bucket, series");
    let dropped =
        sql("SELECT bucket, until, source_rows, dropped_at <> 0 AS gone FROM clusterkeep_rollups ORDER BY bucket");
    let marks = sql("SELECT name FROM clusterkeep_marks WHERE name LIKE 'going:%'");
    let mut text = raw.csv().unwrap();
    for query in [daily, dropped, marks] {
        text.push_str(&db.query(query).await.unwrap().csv().unwrap());
    }
    text
}

async fn check_audit(db: &Db) {
    audited::nothing_removed_twice(&*retention(db).audit_sink()).await;
}

async fn prepare(create: &'static str) -> Option<(clusterkeep_testkit::servers::TestDatabase, Db)> {
    let (database, db) = database().await?;
    script(&db, create).await;
    script(&db, ROWS).await;
    // The state is there: making it is a matter of its own tests.
    clusterkeep_core::state::State::of(db.clone()).ensure(at("2026-03-01T00:00:00Z")).await.unwrap();
    Some((database, db))
}

/// Runs undisturbed for the same instant, and then for a later one: gives what the tables hold.
async fn end(db: &Db) -> String {
    assert_eq!(run(db).await, ExitCode::Done);
    assert_eq!(apply(&retention(db), at(LATER)).await.unwrap(), ExitCode::Done);
    contents(db).await
}

/// What the tables hold at the end, where the statement `nth` of the first apply met its fault; nothing where it has fewer.
async fn disturbed(create: &'static str, fault: Fault, nth: u64) -> Option<String> {
    let (_database, db) = prepare(create).await?;
    let trap = Trap::at(nth, fault);
    let plan = retention(&db).plan(at(FIRST)).await.unwrap();
    let faulty = retention(&faulty(db.clone(), Arc::clone(&trap)));
    let outcome = faulty.apply(&plan, plan.hash.into()).await;
    if !trap.sprung() {
        assert_eq!(outcome.unwrap().exit_code, ExitCode::Done);
        return None;
    }
    let contents = end(&db).await;
    check_audit(&db).await;
    db.close().await;
    Some(contents)
}

async fn every_statement(create: &'static str, fault: Fault) {
    let Some((_undisturbed, db)) = prepare(create).await else { return };
    let wanted = end(&db).await;
    // Most of the time each of them waits for the server.
    let mut ends = stream::iter((1..).filter(|nth| is_due(*nth, fault)))
        .map(|nth| async move { (nth, disturbed(create, fault, nth).await) })
        .buffered(4);
    let mut met = 0;
    while let Some((nth, Some(contents))) = ends.next().await {
        met += 1;
        assert_eq!(contents, wanted, "after {fault:?} at statement {nth}");
    }
    assert!(met > 20, "only {met} statements were met");
}

#[tokio::test]
async fn case_20_a_statement_about_partitions_that_is_lost() {
    every_statement(PARTITIONED, Fault::Lost).await;
}

#[tokio::test]
async fn case_20_an_answer_about_partitions_that_is_lost() {
    every_statement(PARTITIONED, Fault::AnswerLost).await;
}

#[tokio::test]
async fn case_20_a_statement_about_slices_that_is_lost() {
    every_statement(PLAIN, Fault::Lost).await;
}

#[tokio::test]
async fn case_20_an_answer_about_slices_that_is_lost() {
    every_statement(PLAIN, Fault::AnswerLost).await;
}
