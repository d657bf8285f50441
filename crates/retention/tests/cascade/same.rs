//! What comes out is the same however it is made: in one step or several, pushed down or read row by row, in one run or
//! in many.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Db, Value, sql};
use clusterkeep_retention::aggregate::{Distinct, Quantiles};
use clusterkeep_retention::model::{Extra, Rollup};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::kit::{Key, Raw, at, count, create, fsum, insert, policy, retention, rollup, rows, run, sqlite};

const ZONE: &str = "Europe/Berlin";

/// Hours, days and months, each of the finer one; months of the rows themselves, with all that is kept and pushed down.
async fn make(db: &Db, now: DateTime<Utc>) {
    let cascade = policy()
        .zone(ZONE)
        .downsample(Rollup::hourly().of(["i", "x"]).with(Extra::ALL).into("hourly"))
        .downsample(Rollup::daily().from("hourly").into("daily"))
        .downsample(Rollup::monthly().from("daily").into("monthly"));
    run(&retention(db, "cascade", cascade), now).await;
    let direct = policy().zone(ZONE).downsample(Rollup::monthly().of(["i", "x"]).with(Extra::ALL).into("direct"));
    run(&retention(db, "direct", direct), now).await;
    let plain = policy()
        .zone(ZONE)
        .downsample(Rollup::hourly().of(["i", "x"]).into("plain_hourly"))
        .downsample(Rollup::monthly().from("plain_hourly").into("plain"));
    run(&retention(db, "plain", plain), now).await;
}

fn number(row: &BTreeMap<String, Value>, name: &str) -> Option<f64> {
    row[name].as_f64()
}

fn same_number(a: Option<f64>, b: Option<f64>, within: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= within,
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Both have the same rows; sums of floating-point numbers within what `scale` says of a bucket.
fn compare(
    what: &str,
    a: &BTreeMap<Key, BTreeMap<String, Value>>,
    b: &BTreeMap<Key, BTreeMap<String, Value>>,
    extras: bool,
) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}: buckets and series");
    for (key, left) in a {
        let right = &b[key];
        let largest = ["x_min", "x_max"].iter().filter_map(|name| number(left, name)).map(f64::abs).fold(0.0, f64::max);
        let scale = largest * number(left, "x_count").unwrap();
        for (name, value) in left.iter().filter(|(name, _)| right.contains_key(*name)) {
            let (l, r) = (value.as_f64(), number(right, name));
            match name.as_str() {
                "x_sum" => assert!(same_number(l, r, 1e-12 * scale), "{what} {key:?} {name}: {l:?} {r:?}"),
                "x_m2" | "i_m2" => {
                    let within = 1e-9 * l.unwrap_or(0.0).abs().max(r.unwrap_or(0.0).abs());
                    assert!(same_number(l, r, within), "{what} {key:?} {name}: {l:?} {r:?}");
                }
                // What rounding cut off depends on what was rounded.
                "x_sum_low" => {}
                "i_distinct" | "x_distinct" if extras => {
                    let estimate = |value| Distinct::decode(value).unwrap().unwrap().estimate();
                    assert!((estimate(value) - estimate(&right[name])).abs() < 1e-6, "{what} {key:?} {name}");
                }
                "i_quantiles" | "x_quantiles" if extras => {
                    let read = |value| Quantiles::decode(value).unwrap().unwrap();
                    let (l, r) = (read(value), read(&right[name]));
                    for q in [0.5, 0.95, 0.99] {
                        let (l, r) = (l.quantile(q), r.quantile(q));
                        assert!(same_number(l, r, 1e-12 * largest), "{what} {key:?} {name} {q}: {l:?} {r:?}");
                    }
                }
                _ => {
                    let same = *value == right[name] || same_number(l, r, 0.0) && l.is_some();
                    assert!(same, "{what} {key:?} {name}: {value:?} {:?}", right[name]);
                }
            }
        }
    }
}

/// The rows of each month of Berlin and series.
fn months(rows: &[Raw]) -> BTreeMap<Key, Vec<&Raw>> {
    let mut months: BTreeMap<Key, Vec<&Raw>> = BTreeMap::new();
    for row in rows {
        let start = Every::Month.start_of(ZONE.parse().unwrap(), DateTime::from_timestamp(row.at, 0).unwrap());
        let series = format!("{:?}", Value::from(row.series));
        months.entry((start.timestamp(), series)).or_default().push(row);
    }
    months
}

/// Holds a rollup of months against the rows.
fn check_months(what: &str, rows: &[Raw], made: &BTreeMap<Key, BTreeMap<String, Value>>) {
    let months = months(rows);
    assert_eq!(made.keys().collect::<Vec<_>>(), months.keys().collect::<Vec<_>>(), "{what}");
    for (key, rows) in months {
        let row = &made[&key];
        let whole: Vec<i64> = rows.iter().filter_map(|row| row.i).collect();
        assert_eq!(row["i_count"].as_i64(), Some(whole.len() as i64), "{what} {key:?}");
        let sum = (!whole.is_empty()).then(|| whole.iter().sum::<i64>());
        assert_eq!(row["i_sum"].as_i64(), sum, "{what} {key:?}");
        assert_eq!(row["i_min"].as_i64(), whole.iter().min().copied(), "{what} {key:?}");
        assert_eq!(row["i_max"].as_i64(), whole.iter().max().copied(), "{what} {key:?}");
        let floats: Vec<f64> = rows.iter().filter_map(|row| row.x).collect();
        assert_eq!(row["x_count"].as_i64(), Some(floats.len() as i64), "{what} {key:?}");
        if floats.is_empty() {
            assert!(row["x_sum"].is_null() && row["x_min"].is_null() && row["x_max"].is_null(), "nothing is no zero");
        } else if floats.iter().any(|x| x.is_nan()) {
            assert!(number(row, "x_sum").unwrap().is_nan() && number(row, "x_max").unwrap().is_nan(), "{what} {key:?}");
        } else {
            let scale = floats.iter().map(|x| x.abs()).sum::<f64>();
            let (found, wanted) = (number(row, "x_sum").unwrap(), fsum(floats.iter().copied()));
            assert!((found - wanted).abs() <= 1e-12 * scale, "{what} {key:?}: {found} {wanted}");
            let mean = wanted / floats.len() as f64;
            let average = found / floats.len() as f64;
            assert!((average - mean).abs() <= 1e-12 * scale, "case 30: {average} {mean}");
        }
        if let Some(first) = row.get("i_first") {
            let dated = || rows.iter().filter_map(|row| row.i.map(|i| (row.at, i)));
            assert_eq!(first.as_i64(), dated().min().map(|(_, i)| i), "{what} {key:?} first");
            assert_eq!(row["i_last"].as_i64(), dated().max().map(|(_, i)| i), "{what} {key:?} last");
        }
    }
}

async fn cascade_is_direct(db: &Db, raw: &[Raw]) {
    create(db).await;
    insert(db, raw).await;
    make(db, at("2025-06-15T00:00:00Z")).await;
    let (monthly, direct, plain) = (rollup(db, "monthly").await, rollup(db, "direct").await, rollup(db, "plain").await);
    compare("cascade and direct", &monthly, &direct, true);
    compare("read row by row and pushed down", &direct, &plain, false);
    compare("hours", &rollup(db, "hourly").await, &rollup(db, "plain_hourly").await, false);
    for (what, made) in [("monthly", &monthly), ("direct", &direct), ("plain", &plain)] {
        check_months(what, raw, made);
    }
    // Each row is in exactly one bucket of each rollup.
    let all = count(db, "SELECT count(i) FROM raw").await;
    for table in ["hourly", "daily", "monthly", "direct", "plain_hourly", "plain"] {
        assert_eq!(count(db, &format!("SELECT sum(i_count) FROM {table}")).await, all, "{table}");
    }
}

#[test]
fn case_29_case_33_cascades_are_what_the_rows_add_up_to_on_sqlite() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(16));
    runner
        .run(&rows(false, 150), |raw| {
            runtime.block_on(async { cascade_is_direct(&*sqlite().await, &raw).await });
            Ok(())
        })
        .unwrap();
}

#[test]
fn case_29_case_33_cascades_are_what_the_rows_add_up_to_on_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3));
    runner
        .run(&rows(true, 300), |raw| {
            runtime.block_on(async {
                let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
                cascade_is_direct(&database.connect().await, &raw).await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn case_29_case_33_cascades_are_what_the_rows_add_up_to_on_mariadb() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3));
    runner
        .run(&rows(false, 300), |raw| {
            runtime.block_on(async {
                let Some(database) = clusterkeep_testkit::servers::mariadb().await else { return };
                cascade_is_direct(&database.connect().await, &raw).await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn case_29_case_33_cascades_are_what_the_rows_add_up_to_on_cratedb() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(2));
    runner
        .run(&rows(false, 200), |raw| {
            runtime.block_on(async {
                let Some(database) = clusterkeep_testkit::servers::cratedb().await else { return };
                cascade_is_direct(&database.connect().await, &raw).await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn case_30_a_mean_of_means_differs() {
    // What a correct cascade is told apart from: one day of one value, another of three.
    let rows = [(0, 10.0), (86_400, 1.0), (86_401, 1.0), (86_402, 1.0)];
    let days = [10.0, 1.0];
    let mean_of_means: f64 = days.iter().sum::<f64>() / 2.0;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = sqlite().await;
        create(&db).await;
        let raw = rows.map(|(at, x)| Raw { series: None, at, i: None, x: Some(x) });
        insert(&db, &raw).await;
        let policy = policy()
            .downsample(Rollup::daily().of(["x"]).into("daily"))
            .downsample(Rollup::monthly().from("daily").into("monthly"));
        run(&retention(&db, "means", policy), at("1970-03-01T00:00:00Z")).await;
        let average = sql("SELECT x_sum / x_count AS average FROM monthly");
        let average: f64 = db.query(average).await.unwrap().scalar().unwrap();
        assert_eq!(average, 3.25);
        assert!((average - mean_of_means).abs() > 1.0);
    });
}

/// What the server's own compression of sketches costs is measured by a benchmark; that it is not taken, here.
#[tokio::test(flavor = "multi_thread")]
async fn sketches_are_compressed_by_lz4_on_postgresql() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    create(&db).await;
    insert(&db, &[Raw { series: None, at: 0, i: Some(1), x: Some(1.0) }]).await;
    let policy = policy().downsample(Rollup::daily().of(["i", "x"]).with(Extra::ALL).into("daily"));
    run(&retention(&db, "compressed", policy), at("1970-01-03T00:00:00Z")).await;
    let columns = sql("SELECT attname::text || ' ' || attcompression::text FROM pg_attribute \
                       WHERE attrelid = 'daily'::regclass AND atttypid = 'bytea'::regtype ORDER BY 1");
    let columns: Vec<String> = db.query(columns).await.unwrap().rows().map(|row| row.values()[0].to_string()).collect();
    assert_eq!(columns, ["i_distinct l", "i_quantiles l", "x_distinct l", "x_quantiles l"]);
}

/// Ingests in two parts and runs at several instants; in the end it is what one run over everything makes.
async fn splits(raw: &[Raw], cut: usize, days: &[i64]) {
    let (one, many) = (sqlite().await, sqlite().await);
    let end = at("2025-06-15T00:00:00Z");
    create(&one).await;
    insert(&one, raw).await;
    make(&one, end).await;
    create(&many).await;
    let (first, second) = raw.split_at(cut.min(raw.len()));
    insert(&many, first).await;
    for day in days {
        make(&many, at("2025-03-01T00:00:00Z") + TimeDelta::days(*day)).await;
    }
    insert(&many, second).await;
    make(&many, end).await;
    make(&many, end).await;
    for table in ["hourly", "daily", "monthly", "direct", "plain_hourly", "plain"] {
        compare(table, &rollup(&one, table).await, &rollup(&many, table).await, !table.starts_with("plain"));
    }
    // And there is nothing left to do.
    let cascade = policy().zone(ZONE).downsample(Rollup::monthly().of(["i", "x"]).with(Extra::ALL).into("direct"));
    assert!(retention(&many, "direct", cascade).plan(end).await.unwrap().is_empty());
}

#[test]
fn case_34_case_36_any_number_of_runs_makes_what_one_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(8));
    let days = prop::collection::vec(0_i64..100, 0..4);
    runner
        .run(&(rows(false, 80), 0_usize..80, days), |(raw, cut, mut days)| {
            days.sort_unstable();
            runtime.block_on(splits(&raw, cut, &days));
            Ok(())
        })
        .unwrap();
}
