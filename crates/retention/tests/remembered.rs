//! What one run leaves for the next: holds that have expired, tables that somebody has looked at; and clocks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::audit::Event;
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Statement, Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{HoldScope, Manifest, Meaning, Policy, Selector, percent};
use clusterkeep_retention::plan::{Decision, Reason};
use clusterkeep_retention::store::NewHold;
use clusterkeep_testkit::servers;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn database(tables: &[&'static str]) -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db", folder.path().display()).parse().unwrap();
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    for table in tables {
        fill(&db, table).await;
    }
    (folder, db)
}

/// Ten days of hours from the first of January 2026 on.
async fn fill(db: &Db, table: &'static str) {
    let text = format!("CREATE TABLE {table} (ts INTEGER NOT NULL, v INTEGER)");
    db.execute(Statement::assert_safe(text)).await.unwrap();
    db.execute(Statement::assert_safe(format!("CREATE INDEX {table}_ts ON {table} (ts)"))).await.unwrap();
    let start = at("2026-01-01T00:00:00Z").timestamp();
    let rows: Vec<Vec<Value>> = (0..240_i64).map(|hour| vec![(start + hour * 3600).into(), hour.into()]).collect();
    let insert = Statement::assert_safe(format!("INSERT INTO {table} (ts, v) VALUES (?, ?)"));
    db.session().await.unwrap().execute_many(&insert, &rows).await.unwrap();
}

fn keep_two_days(policy: Policy) -> Policy {
    policy.time("ts").meaning(Meaning::EpochSeconds).drop_after(days(2)).max_share(percent(100))
}

fn retention(db: &Db, policy: Policy) -> Retention {
    Retention::new(db.clone()).manifest(Manifest::named("test").policy(keep_two_days(policy))).actor("tester")
}

fn count(plan: &clusterkeep_retention::Planned, decision: Decision) -> usize {
    plan.verdicts.iter().filter(|verdict| verdict.verdict == decision).count()
}

async fn events(retention: &Retention, wanted: Event) -> usize {
    let records = retention.audit_sink().read(1, 1000).await.unwrap();
    records.iter().filter(|record| record.entry().unwrap().event == wanted).count()
}

#[tokio::test]
async fn case_13_a_hold_that_is_placed_between_plan_and_apply_wins() {
    let (_folder, db) = database(&["raw"]).await;
    let retention = retention(&db, Policy::for_table("raw"));
    let now = at("2026-01-20T00:00:00Z");
    let planned = retention.plan(now).await.unwrap();
    assert_eq!(count(&planned, Decision::Drop), 9);
    let scope = HoldScope { table: Some("raw".parse().unwrap()), ..HoldScope::default() };
    let hold = NewHold { owner: "legal".into(), reason: "case 4711".into(), scope, expires_at: None };
    retention.store().holds().add(hold, Utc::now()).await.unwrap();

    let refused = retention.apply(&planned, planned.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::Drifted);
    let rows: i64 = db.query(sql("SELECT count(*) FROM raw")).await.unwrap().scalar().unwrap();
    assert_eq!(rows, 240);
    assert_eq!(events(&retention, Event::Refused).await, 1, "also in the audit");
    // Without a hash, too, it keeps.
    let report = retention.apply(&planned, Approval::WithinGuards).await.unwrap();
    assert_eq!((report.exit_code(), report.outcomes.len()), (ExitCode::Done, 0));
}

#[tokio::test]
async fn case_13_the_run_that_finds_a_hold_expired_keeps_and_the_next_one_does_not() {
    let (_folder, db) = database(&["raw"]).await;
    let placed = at("2026-01-05T00:00:00Z");
    let clock = SimulatedClock::at(placed);
    let retention = retention(&db, Policy::for_table("raw")).clock(clock.clone());
    let scope = HoldScope { table: Some("raw".parse().unwrap()), ..HoldScope::default() };
    let hold = NewHold {
        owner: "legal".into(),
        reason: "case 4711".into(),
        scope,
        expires_at: Some(at("2026-01-15T00:00:00Z")),
    };
    retention.store().holds().add(hold, placed).await.unwrap();
    let now = at("2026-01-20T00:00:00Z");
    clock.advance_to(now);

    let first = retention.plan(now).await.unwrap();
    assert!(first.verdicts.iter().any(|verdict| matches!(verdict.reason, Reason::HoldExpired { .. })));
    assert_eq!(count(&first, Decision::Drop), 0);
    let looked_again = retention.plan(now).await.unwrap();
    assert_eq!(count(&looked_again, Decision::Drop), 0, "a look changes nothing");
    let report = retention.apply(&first, first.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done);

    let second = retention.plan(now).await.unwrap();
    assert_eq!(count(&second, Decision::Drop), 9);
    assert_eq!(retention.apply(&second, second.hash.into()).await.unwrap().exit_code(), ExitCode::Done);
}

#[tokio::test]
async fn a_hold_that_cannot_be_read_stops_everything() {
    let (_folder, db) = database(&["raw"]).await;
    let retention = retention(&db, Policy::for_table("raw"));
    let scope = HoldScope { table: Some("other".parse().unwrap()), ..HoldScope::default() };
    let hold = NewHold { owner: "legal".into(), reason: "case 4711".into(), scope, expires_at: None };
    retention.store().holds().add(hold, Utc::now()).await.unwrap();
    retention.plan(at("2026-01-20T00:00:00Z")).await.unwrap();
    db.execute(sql("UPDATE clusterkeep_holds SET scope = '{\"tabel\": \"raw\"}'")).await.unwrap();
    assert!(retention.plan(at("2026-01-20T00:00:00Z")).await.is_err());
}

#[tokio::test]
async fn the_first_apply_by_a_person_acknowledges_what_its_plan_names_and_a_schedule_never_does() {
    let (_folder, db) = database(&["m_a", "m_b"]).await;
    // All tables, but for those that this program keeps for itself.
    let retention = retention(&db, Policy::for_tables(Selector::name("*")));
    let now = at("2026-01-20T00:00:00Z");

    let scheduled = retention.clone().unattended();
    let planned = scheduled.plan(now).await.unwrap();
    assert_eq!((count(&planned, Decision::Drop), count(&planned, Decision::Refuse)), (0, 18));
    let looked = retention.plan(now).await.unwrap();
    assert_eq!(count(&looked, Decision::Drop), 18);
    // What a person has seen does not help a schedule.
    let report = retention.apply(&looked, Approval::WithinGuards).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Refused);
    assert_eq!(report.outcomes.len(), 0);

    let report = retention.apply(&looked, looked.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done);
    fill(&db, "m_new").await;
    for retention in [&retention, &scheduled] {
        let planned = retention.plan(now).await.unwrap();
        assert_eq!((count(&planned, Decision::Drop), count(&planned, Decision::Refuse)), (0, 9), "the new one alone");
        assert_eq!(planned.exit_code(false), ExitCode::Refused);
    }
    let table = "m_new".parse().unwrap();
    retention.store().acknowledged().add(&retention.subject(), [table], now).await.unwrap();
    assert_eq!(count(&scheduled.plan(now).await.unwrap(), Decision::Drop), 9);
}

#[tokio::test]
async fn case_11_partitions_made_ahead_do_not_stand_in_for_the_newest_data() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    db.execute(sql("CREATE TABLE raw (ts timestamptz NOT NULL) PARTITION BY RANGE (ts)")).await.unwrap();
    for month in 1..=8 {
        let (from, until) = (format!("2026-0{month}-01"), format!("2026-0{}-01", month + 1));
        let text = format!("CREATE TABLE raw_{month} PARTITION OF raw FOR VALUES FROM ('{from}') TO ('{until}')");
        db.execute(Statement::assert_safe(text)).await.unwrap();
    }
    // Data stopped in April; the months after it were made ahead, and some of them are not old enough to be counted.
    db.execute(sql("INSERT INTO raw SELECT generate_series('2026-01-01', '2026-04-30', interval '6 hours')"))
        .await
        .unwrap();
    let drops_with = async |newest: u32| {
        let policy =
            Policy::for_table("raw").time("ts").drop_after(days(30)).max_share(percent(100)).keep_newest(newest);
        let planned = Retention::new(db.clone()).policy(policy).plan(at("2026-07-15T00:00:00Z")).await.unwrap();
        let drops = planned.verdicts.iter().filter(|v| v.verdict == Decision::Drop);
        drops.map(|v| v.detail.partition.as_ref().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(drops_with(1).await, ["public.raw_1", "public.raw_2", "public.raw_3", "public.raw_5"]);
    assert_eq!(drops_with(3).await, ["public.raw_1", "public.raw_5"]);
}

#[tokio::test]
async fn a_clock_that_is_far_from_the_servers_is_refused() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    db.execute(sql("CREATE TABLE raw (ts timestamptz NOT NULL)")).await.unwrap();
    db.execute(sql("CREATE INDEX ON raw (ts)")).await.unwrap();
    db.execute(sql("INSERT INTO raw SELECT generate_series('2026-01-01', '2026-01-10', interval '1 hour')"))
        .await
        .unwrap();
    let policy = Policy::for_table("raw").time("ts").drop_after(days(2)).max_share(percent(100));
    let plan_at = async |clock: DateTime<Utc>| {
        let retention = Retention::new(db.clone()).policy(policy.clone()).clock(SimulatedClock::at(clock));
        retention.plan(Utc::now()).await.unwrap()
    };
    assert!(count(&plan_at(Utc::now()).await, Decision::Drop) > 0);
    for minutes in [-10, 10] {
        let planned = plan_at(Utc::now() + TimeDelta::minutes(minutes)).await;
        assert_eq!(count(&planned, Decision::Drop), 0);
        let refused = planned.refused().next().unwrap();
        let Reason::ClocksDiffer { ahead_ms } = refused.reason else { panic!("{:?}", refused.reason) };
        assert!((ahead_ms + minutes * 60_000).abs() < 60_000, "{ahead_ms}");
    }
}
