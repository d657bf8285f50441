//! Runs in CrateDB lie in partitions by month: history goes month by month, and what others have beside it stays.

#![cfg(feature = "cratedb")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_scheduler::{
    Claim, CrateStore, Fired, Gate, Missed, NewRun, RunKey, RunKind, RunQuery, RunRecord, RunState, Store, open,
};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::servers::{self, TestDatabase};
use uuid::Uuid;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn run(namespace: &str, nominal: &str, state: RunState) -> RunRecord {
    let (namespace, job) = (namespace.to_owned(), "j".to_owned());
    RunRecord::new(RunKey { namespace, job, nominal: at(nominal), kind: RunKind::Scheduled, generation: 1 }, state)
}

async fn make(store: &dyn Store, runs: &[RunRecord]) {
    let new: Vec<NewRun> = runs.iter().map(|run| NewRun { run: run.clone(), gate: Gate::OPEN }).collect();
    assert!(store.fire(&new, &[]).await.unwrap().into_iter().all(Fired::is_made));
}

async fn months(db: &Db) -> Vec<i64> {
    const MONTHS: &str = "SELECT CAST(\"values\"['month'] AS BIGINT) AS month FROM information_schema.table_partitions \
         WHERE table_schema = CURRENT_SCHEMA AND table_name = 'scheduler_monthly_runs' ORDER BY 1";
    db.query(sql(MONTHS)).await.unwrap().iter().map(|row| row.get("month").unwrap()).collect()
}

async fn opened(database: &TestDatabase) -> Arc<dyn Store> {
    open(&database.url().parse().unwrap()).await.unwrap()
}

const DONE: RunState = RunState::Succeeded;

#[tokio::test]
async fn history_goes_month_by_month_and_what_others_have_stays() {
    let Some(database) = servers::cratedb().await else { return };
    let (store, db) = (opened(&database).await, database.connect().await);
    let late = Missed { count: 70, last: at("2026-06-01T00:00:00Z") };
    make(
        &*store,
        &[
            run("a", "2026-01-01T00:00:00Z", DONE),
            run("a", "2026-01-31T23:59:59.999999Z", DONE),
            run("a", "2026-02-01T00:00:00Z", DONE),
            run("b", "2026-02-01T00:00:00Z", DONE),
            run("a", "2026-03-01T00:00:00Z", RunState::Pending),
            run("a", "2026-03-02T00:00:00Z", DONE),
            RunRecord { missed: Some(late), ..run("a", "2026-04-01T00:00:00Z", RunState::Missed) },
            run("a", "2026-05-01T00:00:00Z", DONE),
            run("a", "2026-05-09T00:00:00Z", DONE),
        ],
    )
    .await;
    assert_eq!(months(&db).await, [202_601, 202_602, 202_603, 202_604, 202_605]);
    assert_eq!(store.prune("a", at("2026-05-02T00:00:00Z")).await.unwrap(), 5);
    // Another namespace has a run in February, one of March waits, a row of April reaches into June, May is not over.
    assert_eq!(months(&db).await, [202_602, 202_603, 202_604, 202_605]);
    let left = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!(left.len(), 4, "{left:#?}");
    // No key is open again for that, and the month takes new ones.
    make(&*store, &[run("b", "2026-01-15T00:00:00Z", DONE)]).await;
    assert_eq!(store.prune("b", at("2026-05-02T00:00:00Z")).await.unwrap(), 2);
    assert_eq!(months(&db).await, [202_603, 202_604, 202_605]);
}

#[tokio::test]
async fn many_runs_are_changed_wherever_they_lie() {
    let Some(database) = servers::cratedb().await else { return };
    let store = opened(&database).await;
    let first = run("a", "2026-01-01T00:00:00Z", RunState::Pending);
    let daily = |day: i64| {
        let mut run = first.clone();
        run.key.nominal += TimeDelta::days(day);
        run
    };
    // So many that they are searched, and so few that they are looked up; over five months.
    for (from, until) in [(0, 120), (120, 150)] {
        let runs: Vec<RunRecord> = (from..until).map(daily).collect();
        make(&*store, &runs).await;
        let worker = Uuid::new_v4();
        let claim = |run: &RunRecord| {
            let (key, at) = (run.key.clone(), at("2026-07-01T00:00:00Z"));
            Claim { key, attempt: 0, worker, at_once: u32::MAX, at, earlier: Vec::new() }
        };
        let claims: Vec<Claim> = runs.iter().map(claim).collect();
        assert!(store.claim(&claims).await.unwrap().into_iter().all(|begun| begun));
        assert!(store.claim(&claims).await.unwrap().into_iter().all(|begun| !begun), "they were begun already");
    }
}

#[tokio::test]
async fn a_month_that_a_killed_program_has_closed_is_opened_or_removed() {
    let Some(database) = servers::cratedb().await else { return };
    let (store, db) = (opened(&database).await, database.connect().await);
    make(&*store, &[run("a", "2026-01-01T00:00:00Z", DONE), run("b", "2026-02-01T00:00:00Z", DONE)]).await;
    for close in [
        "ALTER TABLE scheduler_monthly_runs PARTITION (month = 202601) SET (\"blocks.write\" = true)",
        "ALTER TABLE scheduler_monthly_runs PARTITION (month = 202602) SET (\"blocks.write\" = true)",
    ] {
        db.execute(sql(close)).await.unwrap();
    }
    let new = NewRun { run: run("b", "2026-02-02T00:00:00Z", DONE), gate: Gate::OPEN };
    store.fire(std::slice::from_ref(&new), &[]).await.expect_err("a scheduler would wait");
    assert_eq!(store.prune("a", at("2026-05-02T00:00:00Z")).await.unwrap(), 1);
    assert_eq!(months(&db).await, [202_602]);
    assert!(store.fire(&[new], &[]).await.unwrap()[0].is_made());
    assert_eq!(store.runs(&RunQuery::all()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_removes_history_is_cut_off_anywhere_and_goes_on() {
    let Some(database) = servers::cratedb().await else { return };
    let (store, db) = (opened(&database).await, database.connect().await);
    let opens = Trap::nowhere();
    CrateStore::on(faulty(db.clone(), Arc::clone(&opens))).await.unwrap();
    let before = at("2026-05-02T00:00:00Z");
    for place in 1.. {
        let january = run("a", "2026-01-01T00:00:00Z", DONE);
        let others = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"].map(|at| run("b", at, DONE));
        make(&*store, &[january, run("a", "2026-02-01T00:00:00Z", DONE)]).await;
        make(&*store, &others).await;
        let fault = if place % 2 == 0 { Fault::Lost } else { Fault::AnswerLost };
        let trap = Trap::at(opens.said().len() as u64 + place, fault);
        let cut_off = CrateStore::on(faulty(db.clone(), Arc::clone(&trap))).await.unwrap().prune("a", before).await;
        store.prune("a", before).await.unwrap();
        let left = store.runs(&RunQuery::all()).await.unwrap();
        assert!(left.len() == 2 && left.iter().all(|run| run.key.namespace == "b"), "{place}: {left:#?}");
        assert_eq!(months(&db).await, [202_602, 202_603], "{place}");
        // No month was left closed.
        make(&*store, &["2026-02-02T00:00:00Z", "2026-03-02T00:00:00Z"].map(|at| run("b", at, DONE))).await;
        assert_eq!(store.prune("b", before).await.unwrap(), 4, "{place}");
        if !trap.sprung() {
            cut_off.unwrap();
            assert!(place > 8, "it says more than {place} statements");
            return;
        }
    }
}

#[tokio::test]
async fn the_runs_of_the_version_before_move_into_their_months() {
    let Some(database) = servers::cratedb().await else { return };
    let (store, db) = (opened(&database).await, database.connect().await);
    let before = [
        run("a", "2026-01-31T23:59:59.999999Z", DONE),
        run("a", "2026-02-01T00:00:00Z", DONE),
        RunRecord { progress: Some(0.5), error: Some("no".to_owned()), ..run("b", "2026-02-02T00:00:00Z", DONE) },
    ];
    make(&*store, &before).await;
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    // As that version had it, with one row that was copied before somebody was killed.
    for statement in [
        "REFRESH TABLE scheduler_monthly_runs",
        "CREATE TABLE scheduler_runs (id TEXT PRIMARY KEY, schedule TEXT, namespace TEXT, job TEXT, nominal BIGINT, \
         kind TEXT, generation BIGINT, state TEXT, attempt BIGINT, worker TEXT, not_before BIGINT, renewed BIGINT, \
         priority BIGINT, cancel TEXT, args TEXT, missed_count BIGINT, missed_last BIGINT, reason TEXT, note TEXT, \
         started BIGINT, finished BIGINT, error TEXT, message TEXT, progress DOUBLE PRECISION, exit_code BIGINT, \
         result TEXT, output TEXT)",
        "INSERT INTO scheduler_runs (SELECT id, schedule, namespace, job, nominal, kind, generation, state, attempt, \
         worker, not_before, renewed, priority, cancel, args, missed_count, missed_last, reason, note, started, finished, \
         error, message, progress, exit_code, result, output FROM scheduler_monthly_runs)",
        "DELETE FROM scheduler_monthly_runs WHERE namespace = 'b' OR month = 202601",
    ] {
        db.execute(sql(statement)).await.unwrap();
    }
    // Two programs at once.
    let both = tokio::join!(opened(&database), opened(&database));
    for store in [both.0, both.1] {
        assert_eq!(store.runs(&RunQuery::all()).await.unwrap(), runs);
    }
    assert_eq!(months(&db).await, [202_601, 202_602]);
    let old = "SELECT count(*) FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA \
         AND table_name = 'scheduler_runs'";
    let old: i64 = db.query(sql(old)).await.unwrap().scalar().unwrap();
    assert_eq!(old, 0, "their table is gone");
    // They are the same rows still: made once, by key and month.
    let again = NewRun { run: before[0].clone(), gate: Gate::OPEN };
    assert_eq!(store.fire(&[again], &[]).await.unwrap(), [Fired::Not]);
}
