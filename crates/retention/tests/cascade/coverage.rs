//! Buckets that have too few values are unknown: as RRDtool has it, and never zero.

use std::collections::BTreeMap;

use clusterkeep_core::age::{days, minutes};
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Db, Value, sql};
use clusterkeep_retention::model::{Extra, Rollup, percent};

use super::kit::{Raw, at, create, insert, policy, retention, rollup, run, sqlite};

fn samples() -> Vec<Raw> {
    let mut reader = csv::Reader::from_reader(include_str!("../rrdtool/samples.csv").as_bytes());
    let row = |(at, x): (i64, Option<f64>)| Raw { series: None, at, i: None, x };
    reader.deserialize().map(|found| row(found.unwrap())).collect()
}

/// By function, width and start.
fn recorded() -> BTreeMap<(String, i64, i64), Option<f64>> {
    let mut reader = csv::Reader::from_reader(include_str!("../rrdtool/recorded.csv").as_bytes());
    let row = |(function, width, start, value): (String, i64, i64, Option<f64>)| ((function, width, start), value);
    reader.deserialize().map(|found| row(found.unwrap())).collect()
}

async fn munin(db: &Db, extras: &[Extra]) {
    create(db).await;
    insert(db, &samples()).await;
    let rollup_of = |every: Every, into: &str| {
        Rollup::every(every).of(["x"]).with(extras.iter().copied()).min_coverage(percent(50), minutes(5)).into(into)
    };
    let tiers =
        [("half_hours", Every::Minutes(30), 1800), ("two_hours", Every::Hours(2), 7200), ("days", Every::Day, 86_400)];
    let mut policy = policy().drop_after(days(30)).max_share(percent(100));
    policy.tiers.splice(
        0..0,
        tiers.iter().map(|(into, every, _)| clusterkeep_retention::model::Tier::Downsample(rollup_of(*every, into))),
    );
    let retention = retention(db, "munin", policy);
    run(&retention, at("2026-01-09T00:00:00Z")).await;
    let recorded = recorded();
    let (mut known, mut unknown) = (0, 0);
    for (into, _, width) in tiers {
        let made = rollup(db, into).await;
        assert_eq!(made.len() as i64, 8 * 86_400 / width, "{into}");
        for ((start, _), row) in &made {
            let number = |name: &str| row[name].as_f64();
            let average = number("x_sum").map(|sum| sum / number("x_count").unwrap());
            for (function, found) in [("AVERAGE", average), ("MIN", number("x_min")), ("MAX", number("x_max"))] {
                let wanted = recorded[&(function.to_owned(), width, *start)];
                // RRDtool prints eleven digits.
                let same = match (found, wanted) {
                    (Some(found), Some(wanted)) => (found - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3),
                    (found, wanted) => found.is_none() && wanted.is_none(),
                };
                assert!(same, "{into} {start} {function}: {found:?} {wanted:?}");
                if wanted.is_some() { known += 1 } else { unknown += 1 }
            }
            if number("x_sum").is_none() {
                let others = row.iter().filter(|(name, _)| name.starts_with("x_") && *name != "x_count");
                assert!(others.clone().all(|(_, value)| value.is_null()), "{row:?}");
                assert!(row["x_count"].as_i64().is_some(), "the count stays");
            }
        }
    }
    assert!(known > 900 && unknown > 400, "{known} {unknown}");
    // And the rows may go, since what is kept of them is what was verified.
    let (plan, _) = run(&retention, at("2026-03-01T00:00:00Z")).await;
    assert!(!plan.steps.is_empty(), "{plan}");
    assert!(
        db.query(sql("SELECT count(*) AS n FROM raw")).await.unwrap().scalar::<i64>().unwrap() <= 288,
        "the newest day"
    );
    assert!(retention.plan(at("2026-03-01T00:00:00Z")).await.unwrap().is_empty());
}

#[tokio::test]
async fn case_41_buckets_are_known_as_in_rrdtool_on_sqlite() {
    munin(&*sqlite().await, &[]).await;
    munin(&*sqlite().await, &Extra::ALL).await;
}

#[tokio::test]
async fn case_41_buckets_are_known_as_in_rrdtool_on_postgres() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    munin(&database.connect().await, &[Extra::Variance, Extra::Quantiles]).await;
}

#[tokio::test]
async fn case_41_buckets_are_known_as_in_rrdtool_on_mariadb() {
    let Some(database) = clusterkeep_testkit::servers::mariadb().await else { return };
    munin(&database.connect().await, &[Extra::Last, Extra::Distinct]).await;
}

#[tokio::test]
async fn case_42_a_rollup_that_claims_to_know_more_is_no_proof() {
    let db = sqlite().await;
    create(&db).await;
    let row = |at, x| Raw { series: Some("a"), at, i: None, x };
    insert(&db, &[row(0, Some(1.0)), row(300, None), row(86_400, None), row(3 * 86_400, Some(1.0))]).await;
    let daily = Rollup::daily().of(["x"]).min_coverage(percent(1), minutes(5)).into("daily");
    let policy = policy().downsample(daily).drop_after(days(1)).max_share(percent(100));
    let retention = retention(&db, "few", policy);
    run(&retention, at("1970-01-02T00:00:00Z")).await;
    let row = rollup(&db, "daily").await.into_values().next().unwrap();
    assert_eq!(
        (row["x_count"].as_i64(), &row["x_sum"]),
        (Some(1), &Value::Null),
        "one of 288 is less than one percent"
    );
    // Another count than was verified holds the rows.
    db.execute(sql("UPDATE daily SET x_count = 2")).await.unwrap();
    let plan = retention.plan(at("1970-01-10T00:00:00Z")).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, clusterkeep_core::ExitCode::Partial, "{plan}");
    assert_eq!(super::kit::count(&db, "SELECT count(*) FROM raw WHERE ts = 0").await, 1);
}
