//! The life of what is detached: out of its table first, dropped later, and never forgotten in between.

use std::process::Command;
use std::sync::Arc;

use clusterkeep_core::age::days;
use clusterkeep_core::audit;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::state::State;
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Meaning, Policy, Rollup, percent};
use clusterkeep_retention::plan::Decision;
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};
use clusterkeep_testkit::servers;

use crate::drops::{NOW, daily, part, partitions};
use crate::world::{apply, assert_done, at, drops, number, retention, script};

/// Detached after 30 days, dropped after 170: by the middle of June all of January is detached, and on the 23rd the first
/// three days of it go.
fn policy() -> Policy {
    with_ends(Policy::for_table("raw").time("ts"))
}

fn with_ends(policy: Policy) -> Policy {
    policy.detach_after(days(30)).drop_after(days(170)).max_share(percent(100))
}

const LATER: &str = "2026-06-23T12:00:00Z";

fn detaches(plan: &clusterkeep_retention::Planned) -> usize {
    plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Detach).count()
}

async fn rows_of(db: &Db, table: &str) -> i64 {
    number(db, format!("SELECT count(*) FROM {table}")).await
}

async fn recorded(db: &Db) -> i64 {
    rows_of(db, "clusterkeep.detached").await
}

#[tokio::test]
async fn what_is_detached_stays_until_it_is_dropped() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, policy());
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_eq!((detaches(&plan), drops(&plan).len()), (10, 0), "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!((partitions(&db, "raw").await, rows_of(&db, "raw").await, rows_of(&db, "raw_0").await), (1, 1, 24));
    assert_eq!(recorded(&db).await, 10);

    let plan = retention.plan(at(NOW)).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(plan.verdicts.len(), 11, "what is detached is looked at, too: {plan}");

    // A name is not what it is known by.
    script(
        &db,
        "CREATE SCHEMA attic; ALTER TABLE raw_1 SET SCHEMA attic; ALTER TABLE attic.raw_1 RENAME TO \"old one\"",
    )
    .await;
    let plan = retention.plan(at(LATER)).await.unwrap();
    assert_eq!(drops(&plan), ["raw_0", "attic.\"old one\"", "raw_2"], "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let left = "SELECT count(*) FROM pg_class WHERE relname IN ('raw_0', 'old one', 'raw_2', 'raw_3')";
    assert_eq!((number(&db, left).await, recorded(&db).await), (1, 7));
    let plan = retention.plan(at(LATER)).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
}

#[tokio::test]
async fn a_row_that_came_after_it_was_planned_keeps_what_was_detached() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, policy());
    assert_done(&apply(&retention, NOW).await);
    let plan = retention.plan(at(LATER)).await.unwrap();
    script(&db, "INSERT INTO raw_1 VALUES (1, '2026-01-02Z', 1)").await;
    let drifted = retention.apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&drifted), ExitCode::Drifted, "{drifted}");
    // It goes when that was seen and approved.
    assert_done(&apply(&retention, LATER).await);
}

#[tokio::test]
async fn what_people_do_to_it_by_hand_is_found_out() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, policy());
    assert_done(&apply(&retention, NOW).await);
    script(
        &db,
        "DROP TABLE raw_0;
         ALTER TABLE raw ATTACH PARTITION raw_1 FOR VALUES FROM ('2026-01-02Z') TO ('2026-01-03Z');
         DROP TABLE raw_2; CREATE TABLE raw_2 (precious text); INSERT INTO raw_2 VALUES ('mine');",
    )
    .await;
    let plan = retention.plan(at(LATER)).await.unwrap();
    assert_eq!(drops(&plan), ["raw_1"], "another table of that name is another table: {plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!((rows_of(&db, "raw_2").await, recorded(&db).await), (1, 7), "what is not there is forgotten");
}

#[tokio::test]
async fn rollups_are_made_before_it_is_detached_and_hold_when_it_is_dropped() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let rollup = Rollup::daily().of(["n"]).into("daily").keep(Keep::Forever);
    let retention = retention(&db, with_ends(Policy::for_table("raw").time("ts").downsample(rollup)));
    assert_done(&apply(&retention, NOW).await);
    assert_eq!(number(&db, "SELECT sum(n_sum)::bigint FROM daily").await, 239 * 240 / 2 + 1);
    assert!(retention.plan(at(NOW)).await.unwrap().is_empty(), "nothing is made again from what is left");

    // A value that changed in what was detached shows before it is dropped.
    script(&db, "UPDATE raw_1 SET n = n + 1 WHERE n = 30").await;
    let report = apply(&retention, LATER).await;
    let refused: Vec<_> = report.outcomes.iter().filter(|o| o.outcome == Outcome::Refused).collect();
    assert_eq!(refused.iter().map(|o| part(&o.object.part)).collect::<Vec<_>>(), ["raw_1"], "{:?}", report.outcomes);
    assert_eq!(report.count(Outcome::Done), 2);

    // And so does a rollup that lost what it held.
    script(&db, "UPDATE raw_1 SET n = n - 1 WHERE n = 31 AND id = 30; DELETE FROM daily WHERE bucket = '2026-01-02Z'")
        .await;
    assert_eq!(apply(&retention, LATER).await.count(Outcome::Refused), 1);
    assert_eq!(rows_of(&db, "raw_1").await, 24);
}

#[tokio::test]
async fn where_nothing_can_be_detached_a_policy_that_says_so_is_refused() {
    let url = "sqlite::memory:".parse().unwrap();
    let sqlite = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    sqlite.execute(sql("CREATE TABLE raw (ts INTEGER NOT NULL)")).await.unwrap();
    let error = retention(&sqlite, policy().meaning(Meaning::EpochSeconds)).plan(at(NOW)).await.unwrap_err();
    assert_eq!((ExitCode::from(&error), error.hint().is_some()), (ExitCode::BadInput, true), "{error}");

    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(&db, "CREATE TABLE raw (ts timestamptz)").await;
    let error = retention(&db, policy()).plan(at(NOW)).await.unwrap_err();
    assert_eq!(error.to_string(), "`raw` has no partitions that could be detached");
}

/// A server's database and where the state is: beside the data, or elsewhere.
async fn run(db: Db, elsewhere: Option<&str>, now: &str) -> Result<ExitCode> {
    let mut retention = retention(&db, policy());
    if let Some(path) = elsewhere {
        let url = format!("sqlite://{path}").parse()?;
        retention = retention.state(State::of(Db::connect_with(&url, ConnectOptions::default().create()).await?));
    }
    let plan = retention.plan(at(now)).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

/// Three days before those that stay, of which the first two go together, and the third later.
async fn three_days(db: &Db) {
    script(
        db,
        "CREATE TABLE raw (ts timestamptz, n int) PARTITION BY RANGE (ts);
         CREATE TABLE raw_before PARTITION OF raw FOR VALUES FROM ('2026-01-02Z') TO ('2026-01-03Z');
         CREATE TABLE raw_0 PARTITION OF raw FOR VALUES FROM ('2026-01-03Z') TO ('2026-01-04Z');
         CREATE TABLE raw_1 PARTITION OF raw FOR VALUES FROM ('2026-01-04Z') TO ('2026-01-05Z');
         CREATE TABLE raw_2 PARTITION OF raw FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
         INSERT INTO raw VALUES ('2026-01-02Z', 0), ('2026-01-03Z', 1), ('2026-01-04Z', 2), ('2026-06-10Z', 3);",
    )
    .await;
}

/// Runs undisturbed, now and later: the first day is gone, the second one detached and on record, the last one untouched.
async fn check(db: &Db, elsewhere: Option<&str>, what: &str) {
    for now in [NOW, LATER] {
        assert_eq!(run(db.clone(), elsewhere, now).await.unwrap(), ExitCode::Done, "{what}");
    }
    let there = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE 'raw%'";
    assert_eq!((number(db, there).await, partitions(db, "raw").await), (3, 1), "{what}");
    assert_eq!((rows_of(db, "raw").await, rows_of(db, "raw_1").await), (1, 1), "{what}");
    // What is detached is on record: much later it goes as well.
    let much_later = "2026-06-24T12:00:00Z";
    assert_eq!(run(db.clone(), elsewhere, much_later).await.unwrap(), ExitCode::Done, "{what}");
    assert_eq!(number(db, there).await, 2, "{what}");
    if elsewhere.is_none() {
        let records = retention(db, policy()).audit_sink().read(1, 10_000).await.unwrap();
        audit::verify(None, &records).unwrap();
    }
}

async fn every_statement(fault: Fault, state_elsewhere: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (mut met, mut undisturbed) = (0, 0);
    for at in (1..).filter(|at| is_due(*at, fault)) {
        let Some(database) = servers::postgres().await else { return };
        let db = database.connect().await;
        three_days(&db).await;
        let path = folder.path().join(format!("{at}.db")).display().to_string();
        let elsewhere = state_elsewhere.then_some(path.as_str());
        let trap = Trap::at(at, fault);
        let disturbed = async {
            let db = faulty(db.clone(), Arc::clone(&trap));
            run(db.clone(), elsewhere, NOW).await?;
            run(db, elsewhere, LATER).await
        };
        let disturbed = disturbed.await;
        if !trap.sprung() {
            assert_eq!(disturbed.unwrap(), ExitCode::Done);
            undisturbed = at;
        } else {
            met += 1;
        }
        check(&db, elsewhere, &format!("after {fault:?} at statement {at}")).await;
        db.close().await;
        if undisturbed > 0 {
            break;
        }
    }
    assert!(met > 20, "only {met} statements were met");
}

#[tokio::test]
async fn case_20_a_statement_that_is_lost() {
    every_statement(Fault::Lost, false).await;
}

#[tokio::test]
async fn case_20_an_answer_that_is_lost() {
    every_statement(Fault::AnswerLost, false).await;
}

#[tokio::test]
async fn case_20_a_statement_that_is_lost_where_the_state_lies_elsewhere() {
    every_statement(Fault::Lost, true).await;
}

#[tokio::test]
async fn case_20_an_answer_that_is_lost_where_the_state_lies_elsewhere() {
    every_statement(Fault::AnswerLost, true).await;
}

const CHILD: &str = "CLUSTERKEEP_TEST_CHILD";

/// Not a test of its own: what the tests below start as a process, and kill.
#[tokio::test]
async fn child_that_applies_until_it_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let [fault, at, elsewhere, url] = order.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let fault = if fault == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default()).await.unwrap();
    let db = faulty(db, Trap::at(at.parse().unwrap(), fault));
    let elsewhere = (elsewhere != "-").then_some(elsewhere);
    run(db.clone(), elsewhere, NOW).await.unwrap();
    assert_eq!(run(db, elsewhere, LATER).await.unwrap(), ExitCode::Done);
}

async fn killed_at_every_statement(when: &str, state_elsewhere: bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = 0;
    let fault = if when == "before" { Fault::KillBefore } else { Fault::KillAfter };
    for at in (1..).filter(|at| is_due(*at, fault)) {
        let Some(database) = servers::postgres().await else { return };
        let db = database.connect().await;
        three_days(&db).await;
        let path = folder.path().join(format!("{at}.db")).display().to_string();
        let elsewhere = state_elsewhere.then_some(path.as_str());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "detaching::child_that_applies_until_it_is_killed", "--test-threads=1"])
            .env(CHILD, format!("{when} {at} {} {}", elsewhere.unwrap_or("-"), database.url()))
            .output()
            .unwrap()
            .status;
        if status.success() {
            break;
        }
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
        killed += 1;
        // What the server still does for who is gone ends within moments; until then the lock is held.
        while number(
            &db,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .await
            > 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        check(&db, elsewhere, &format!("after a kill {when} statement {at}")).await;
        db.close().await;
    }
    assert!(killed > 20, "only {killed} processes were killed");
}

#[tokio::test]
async fn case_20_killed_before_every_statement() {
    killed_at_every_statement("before", false).await;
}

#[tokio::test]
async fn case_20_killed_after_every_statement_where_the_state_lies_elsewhere() {
    killed_at_every_statement("after", true).await;
}

#[tokio::test]
async fn a_lock_of_another_session_is_not_waited_for_for_ever() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    three_days(&db).await;
    let retention = Retention::new(db.clone()).policy(policy()).parallel(1);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let mut writer = db.session().await.unwrap();
    writer.begin().await.unwrap();
    writer.execute(&sql("INSERT INTO raw VALUES ('2026-01-04T01:00:00Z', 9)")).await.unwrap();
    let (report, ()) = tokio::join!(retention.apply(&plan, plan.hash.into()), async {
        crate::drops::waiting(&db).await;
        writer.commit().await.unwrap();
    });
    let report = report.unwrap();
    // The row that came meanwhile is in the partition that stays attached.
    assert_eq!((report.count(Outcome::Done), report.count(Outcome::Refused)), (2, 1), "{:?}", report.outcomes);
    assert_eq!((rows_of(&db, "raw").await, recorded(&db).await), (3, 2));
}
