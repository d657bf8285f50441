//! Cases 20, 21 and 27: whatever statement of an apply is lost, or its answer, and wherever it is killed, the next run ends
//! where an undisturbed one ends; what is only said to be done shows, and so does what is left.

use std::sync::Arc;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Policy, Rollup};
use clusterkeep_testkit::audited;
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{all_of, apply, at, database, number, script};

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

/// How many sessions there are, those of this test with those of its child.
const SESSIONS: &str = "SELECT count(*) FROM information_schema.processlist WHERE db = database()";

const CHILD: &str = "CLUSTERKEEP_TEST_CHILD";

/// Not a test of its own: what the test below starts as a process, and kills.
#[tokio::test]
async fn child_that_applies_until_it_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let [fault, nth, url] = order.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let fault = if fault == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default()).await.unwrap();
    assert_eq!(run(&faulty(db, Trap::at(nth.parse().unwrap(), fault))).await, ExitCode::Done);
}

/// What the tables hold at the end, where the process was killed around the statement `nth`; nothing where it has fewer.
async fn killed(create: &'static str, when: &str, nth: u64) -> Option<String> {
    let (database, db) = prepare(create).await?;
    let before = number(&db, sql(SESSIONS)).await;
    let status = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_that_applies_until_it_is_killed", "--test-threads=1"])
        .env(CHILD, format!("{when} {nth} {}", database.url()))
        .output()
        .await
        .unwrap()
        .status;
    if status.success() {
        return None;
    }
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    // The lock ends with its session, which the server finds out within moments.
    while number(&db, sql(SESSIONS)).await > before {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let contents = end(&db).await;
    check_audit(&db).await;
    db.close().await;
    Some(contents)
}

#[tokio::test]
async fn case_20_killed_around_every_statement_about_partitions() {
    let Some((_undisturbed, db)) = prepare(PARTITIONED).await else { return };
    let wanted = end(&db).await;
    let mut met = 0;
    for nth in 1.. {
        // Each statement meets one of the two, in turns.
        let when = if is_due(nth, Fault::KillBefore) { "before" } else { "after" };
        let Some(contents) = killed(PARTITIONED, when, nth).await else { break };
        met += 1;
        assert_eq!(contents, wanted, "killed {when} statement {nth}");
    }
    assert!(met > 20, "only {met} processes were killed");
}

#[tokio::test]
async fn case_21_a_drop_that_the_server_only_says_it_did_shows() {
    let Some((_database, db)) = prepare(PARTITIONED).await else { return };
    let trap = Trap::first("ALTER TABLE `raw` DROP PARTITION", Fault::NotDone);
    let retention = retention(&faulty(db.clone(), Arc::clone(&trap)));
    let plan = retention.plan(at(FIRST)).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert!(trap.sprung(), "it came to that statement: {:?}", trap.said());
    assert_eq!(report.count(Outcome::StillPresent), 3, "{:?}", report.outcomes);
    assert_eq!(report.exit_code, ExitCode::Partial, "the rollup was made");
    // The next run does what was not done.
    let (_undisturbed, other) = prepare(PARTITIONED).await.unwrap();
    assert_eq!(end(&db).await, end(&other).await);
}

#[tokio::test]
async fn case_27_what_is_cancelled_lists_what_is_left_and_goes_on_later() {
    let Some((_database, db)) = prepare(PARTITIONED).await else { return };
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let after_the_first = move |event| {
        if matches!(event, Event::StepFinished { .. }) {
            stop.cancel();
        }
    };
    let cancelled = retention(&db).cancel(cancel).events(Events::to(after_the_first));
    let plan = cancelled.plan(at(FIRST)).await.unwrap();
    let report = cancelled.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!((report.count(Outcome::Done), report.count(Outcome::Skipped)), (1, 3), "{:?}", report.outcomes);
    assert_eq!(report.exit_code, ExitCode::Interrupted);
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 120, "no half step");
    let (_undisturbed, other) = prepare(PARTITIONED).await.unwrap();
    assert_eq!(end(&db).await, end(&other).await);
}
