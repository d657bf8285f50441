//! Rows that come late: before their source was dropped, and after; and what never happens whatever comes when.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{days, hours};
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_retention::model::{Extra, Policy, Rollup, percent};
use clusterkeep_retention::plan::{Action, Decision, Reason};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::kit::{Raw, at, count, create, insert, policy, retention, rollup, run, sqlite};

const DAY: i64 = 86_400;

fn row(day: i64, second: i64, i: i64) -> Raw {
    Raw {
        series: Some(if i % 2 == 0 { "even" } else { "odd" }),
        at: day * DAY + second,
        i: Some(i),
        x: Some(i as f64 / 3.0),
    }
}

/// Two months of a value every three hours.
fn two_months() -> Vec<Raw> {
    (0..60).flat_map(|day| (0..8).map(move |part| row(day, part * 10_800, day * 8 + part))).collect()
}

fn tiers() -> Policy {
    policy()
        .downsample(Rollup::daily().of(["i", "x"]).with(Extra::ALL).into("daily"))
        .downsample(
            Rollup::monthly().from("daily").with([Extra::Variance, Extra::Last, Extra::Quantiles]).into("monthly"),
        )
        .drop_after(days(20))
        .max_share(percent(100))
}

fn now() -> DateTime<Utc> {
    at("1970-03-05T00:00:00Z")
}

#[tokio::test]
async fn case_36_only_buckets_with_late_rows_are_made_again() {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &two_months()).await;
    let retention = retention(&db, "late", tiers());
    run(&retention, now()).await;
    // The rows of day 50 are there still.
    insert(&db, &[row(50, 7, 1001)]).await;
    let (plan, _) = run(&retention, now()).await;
    let buckets = |wanted: &str| -> usize {
        let built = |action: &Action| match action {
            Action::Downsample(build) if build.target.to_string() == wanted => build.buckets,
            _ => 0,
        };
        plan.steps.iter().map(|step| built(&step.action)).sum()
    };
    assert_eq!((buckets("daily"), buckets("monthly")), (1, 1), "{plan}");
    let fresh = sqlite().await;
    create(&fresh).await;
    insert(&fresh, &[two_months(), vec![row(50, 7, 1001)]].concat()).await;
    run(&super::kit::retention(&fresh, "late", tiers()), now()).await;
    assert_eq!(rollup(&db, "daily").await, rollup(&fresh, "daily").await);
}

#[tokio::test]
async fn case_36_buckets_wait_for_late_rows() {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &[row(0, 0, 1), row(1, 0, 2)]).await;
    let waiting = policy().downsample(Rollup::daily().of(["i"]).into("daily")).wait_for_late(hours(6));
    let retention = retention(&db, "late", waiting);
    assert!(retention.plan(at("1970-01-02T05:59:59Z")).await.unwrap().is_empty());
    run(&retention, at("1970-01-02T06:00:00Z")).await;
    assert_eq!(count(&db, "SELECT count(*) FROM daily").await, 1);
}

#[tokio::test]
async fn case_36_late_rows_are_rejected_and_counted() {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &two_months()).await;
    let retention = retention(&db, "late", tiers());
    run(&retention, now()).await;
    let before = rollup(&db, "daily").await;
    insert(&db, &[row(3, 5, 4000), row(3, 6, 4001), row(7, 0, 5)]).await;
    let (plan, _) = run(&retention, now()).await;
    let late: Vec<u64> = plan
        .verdicts
        .iter()
        .filter_map(|verdict| match (&verdict.verdict, &verdict.reason) {
            (Decision::Keep, Reason::Late { rows, .. }) => Some(*rows),
            _ => None,
        })
        .collect();
    assert_eq!(late, [2, 1], "{plan}");
    assert_eq!(rollup(&db, "daily").await, before, "never one of the leftover alone");
}

/// Late rows of old series and new ones are merged into days and months, with all that is kept.
async fn merged(db: &Db) {
    create(db).await;
    insert(db, &two_months()).await;
    let retention = retention(db, "late", tiers().merge_late());
    run(&retention, now()).await;
    let new = Raw { series: None, ..row(3, 9, 77) };
    let late = vec![row(3, 5, 4000), row(3, 86_399, -9), row(7, 0, 5), new, row(31, 0, 123_456)];
    insert(db, &late).await;
    let (plan, _) = run(&retention, now()).await;
    let merges = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Merge).count();
    assert_eq!(merges, 3, "{plan}");
    assert_eq!(
        count(db, "SELECT count(*) FROM raw WHERE i IN (4000, -9, 5, 77, 123456) AND x IS NOT NULL AND i > 400").await,
        0
    );
    assert!(retention.plan(now()).await.unwrap().is_empty(), "{}", retention.plan(now()).await.unwrap());
    let fresh = sqlite().await;
    create(&fresh).await;
    insert(&fresh, &[two_months(), late].concat()).await;
    run(&super::kit::retention(&fresh, "late", tiers()), now()).await;
    for table in ["daily", "monthly"] {
        let (found, wanted) = (rollup(db, table).await, rollup(&fresh, table).await);
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (key, row) in &found {
            for name in ["i_count", "i_sum", "i_min", "i_max", "i_last", "x_count", "x_min", "x_max"] {
                assert_eq!(row[name].as_f64(), wanted[key][name].as_f64(), "{table} {key:?} {name}");
            }
            for name in ["x_sum", "x_m2", "i_m2"] {
                let (a, b) = (row[name].as_f64().unwrap(), wanted[key][name].as_f64().unwrap());
                assert!((a - b).abs() <= 1e-9 * a.abs().max(1e-9), "{table} {key:?} {name}: {a} {b}");
            }
        }
    }
    // Later all of it goes, and what is kept is still what was verified.
    run(&retention, at("1970-06-05T00:00:00Z")).await;
    assert!(count(db, "SELECT count(*) FROM raw").await <= 8);
}

#[tokio::test]
async fn case_36_late_rows_are_merged_on_sqlite() {
    merged(&*sqlite().await).await;
}

#[tokio::test]
async fn case_36_late_rows_are_merged_on_postgres() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    merged(&database.connect().await).await;
}

#[tokio::test]
async fn case_36_late_rows_are_merged_on_mariadb() {
    let Some(database) = clusterkeep_testkit::servers::mariadb().await else { return };
    merged(&database.connect().await).await;
}

#[tokio::test]
async fn case_36_a_bucket_that_is_gone_takes_no_late_rows() {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &two_months()).await;
    let retention = retention(&db, "late", tiers().merge_late());
    run(&retention, now()).await;
    db.execute(sql("DELETE FROM daily WHERE bucket = 259200")).await.unwrap();
    insert(&db, &[row(3, 5, 4000)]).await;
    let plan = retention.plan(now()).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Refused, "{:?}", report.outcomes);
    assert_eq!(count(&db, "SELECT count(*) FROM raw WHERE i = 4000").await, 1, "it stays where it is");
    assert_eq!(count(&db, "SELECT count(*) FROM daily WHERE bucket = 259200").await, 0);
}

#[tokio::test]
async fn case_36_a_merge_that_is_disturbed_adds_nothing_twice() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        for nth in 1.. {
            let db = sqlite().await;
            create(&db).await;
            insert(&db, &two_months()).await;
            let undisturbed = retention(&db, "late", tiers().merge_late());
            run(&undisturbed, now()).await;
            insert(&db, &[row(3, 5, 4000), row(7, 0, 5)]).await;
            let trap = Trap::at(nth, fault);
            let disturbed = retention(&faulty(db.clone(), Arc::clone(&trap)), "late", tiers().merge_late());
            if let Ok(plan) = disturbed.plan(now()).await {
                drop(disturbed.apply(&plan, Approval::WithinGuards).await);
            }
            for _ in 0..2 {
                run(&undisturbed, now()).await;
            }
            for table in ["daily", "monthly"] {
                let sums = count(&db, &format!("SELECT sum(i_sum) FROM {table}")).await;
                // The month of the last day is not over.
                let open = if table == "monthly" { (472..480).sum() } else { 0 };
                assert_eq!(sums, 480 * 479 / 2 + 4005 - open, "{fault:?} at {nth}: {table}");
            }
            if !trap.sprung() {
                assert!(nth > 20, "only {nth} statements");
                break;
            }
        }
    }
}

#[tokio::test]
async fn case_37_a_backfill_leaves_what_has_no_source_any_more() {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &two_months()).await;
    let retention = retention(&db, "late", tiers());
    run(&retention, now()).await;
    let before = rollup(&db, "daily").await;
    // Rows for a range that was dropped in part: what is there of it is kept, and what never was is made.
    let backfill: Vec<Raw> = (-5..5).map(|day| row(day, 60, 1)).collect();
    insert(&db, &backfill).await;
    let (plan, _) = run(&retention, now()).await;
    let after = rollup(&db, "daily").await;
    for (key, row) in &before {
        assert_eq!(&after[key], row, "{plan}");
    }
    assert_eq!(after.len(), before.len() + 5, "five days that had no rows before");
}

/// What happens to a database, in any order.
#[derive(Debug, Clone)]
enum Event {
    Ingest { days_back: i64, rows: i64 },
    Run,
    Crash { statement: u64, answer_lost: bool },
    Wait { days: i64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0_i64..12, 1_i64..4).prop_map(|(days_back, rows)| Event::Ingest { days_back, rows }),
        2 => Just(Event::Run),
        2 => (1_u64..90, any::<bool>()).prop_map(|(statement, answer_lost)| Event::Crash { statement, answer_lost }),
        3 => (1_i64..4).prop_map(|days| Event::Wait { days }),
    ];
    prop::collection::vec(event, 1..14)
}

async fn by_day(db: &Db, query: &str) -> BTreeMap<i64, i64> {
    let records = db.query(clusterkeep_core::sql::Statement::assert_safe(query)).await.unwrap();
    records.rows().map(|row| (row.get::<i64>(0).unwrap(), row.get::<i64>(1).unwrap())).collect()
}

async fn nothing_is_lost(events: &[Event], merge: bool) {
    let db = sqlite().await;
    create(&db).await;
    insert(&db, &[]).await;
    let policy = policy()
        .downsample(Rollup::daily().of(["i"]).with([Extra::Last]).into("daily"))
        .downsample(Rollup::monthly().from("daily").into("monthly"))
        .drop_after(days(4))
        .max_share(percent(100));
    let policy = if merge { policy.merge_late() } else { policy };
    let mut day = 100;
    let mut ingested: BTreeMap<i64, i64> = BTreeMap::new();
    for event in events {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(day) + TimeDelta::hours(1);
        match event {
            Event::Ingest { days_back, rows } => {
                let at = day - days_back;
                let rows: Vec<Raw> = (0..*rows).map(|nth| row(at, nth, nth)).collect();
                insert(&db, &rows).await;
                *ingested.entry(at).or_default() += rows.len() as i64;
            }
            Event::Run => {
                let retention = retention(&db, "any", policy.clone());
                let plan = retention.plan(now).await.unwrap();
                retention.apply(&plan, Approval::WithinGuards).await.unwrap();
            }
            Event::Crash { statement, answer_lost } => {
                let fault = if *answer_lost { Fault::AnswerLost } else { Fault::Lost };
                let retention = retention(&faulty(db.clone(), Trap::at(*statement, fault)), "any", policy.clone());
                if let Ok(plan) = retention.plan(now).await {
                    drop(retention.apply(&plan, Approval::WithinGuards).await);
                }
            }
            Event::Wait { days } => day += days,
        }
        let raw = by_day(&db, "SELECT ts / 86400, count(*) FROM raw GROUP BY 1").await;
        let there = count(&db, "SELECT count(*) FROM sqlite_schema WHERE name = 'daily'").await > 0;
        let daily = if there {
            by_day(&db, "SELECT bucket / 86400, CAST(sum(i_count) AS integer) FROM daily GROUP BY 1").await
        } else {
            BTreeMap::new()
        };
        for (day, ingested) in &ingested {
            let (raw, daily) = (raw.get(day).copied().unwrap_or(0), daily.get(day).copied().unwrap_or(0));
            // What is in both is seen once. Late rows are in the raw table alone, beside what was made before.
            let visible = raw.max(daily);
            assert!(
                visible <= *ingested && (visible == *ingested || raw + daily >= *ingested),
                "day {day}: {raw} and {daily} of {ingested}"
            );
        }
    }
    if merge {
        let retention = retention(&db, "any", policy);
        for _ in 0..3 {
            let plan = retention.plan(DateTime::UNIX_EPOCH + TimeDelta::days(day + 40)).await.unwrap();
            let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
            assert_eq!(report.exit_code, ExitCode::Done, "{:?}", report.outcomes);
        }
        let all: i64 = ingested.values().sum();
        if all > 0 {
            assert_eq!(count(&db, "SELECT CAST(sum(i_count) AS integer) FROM daily").await, all);
            let months = count(&db, "SELECT CAST(sum(i_count) AS integer) FROM monthly").await;
            assert_eq!(months, all);
        }
    }
}

#[test]
fn case_38_nothing_is_lost_in_any_order_of_events() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    runner
        .run(&(events(), any::<bool>()), |(events, merge)| {
            runtime.block_on(nothing_is_lost(&events, merge));
            Ok(())
        })
        .unwrap();
}
