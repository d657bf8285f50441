//! Rollups without transactions: made whole, verified, recorded, and only then does what fed them go.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{days, years};
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Value, sql};
use clusterkeep_retention::model::{Policy, Rollup};
use clusterkeep_testkit::weather;

use super::world::{World, assert_done, at, dropped, verdicts};

const ROLLED: [&str; 2] = ["temp", "precip"];

fn policy() -> Policy {
    Policy::for_table("observations")
        .time("time_hour")
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(ROLLED).into("observations_daily").keep(years(2)))
        .downsample(Rollup::monthly().from("observations_daily").into("observations_monthly"))
        .drop_after(days(90))
}

/// Of each rolled-up column: count, minimum and maximum.
type Extremes = [(i64, f64, f64); 2];

/// Count, minimum and maximum of each column by airport and civil day (or month) of New York, from the file itself.
fn oracle(monthly: bool) -> BTreeMap<(String, String), Extremes> {
    let mut wanted = BTreeMap::new();
    for row in weather::observations().unwrap() {
        let [year, month, day, _] = row.local;
        let day = if monthly { 1 } else { day };
        let bucket = wanted
            .entry((row.origin.clone(), format!("{year}-{month:02}-{day:02}")))
            .or_insert([(0, f64::INFINITY, f64::NEG_INFINITY); 2]);
        for (nth, name) in ROLLED.iter().enumerate() {
            let column = weather::NUMBERS.iter().position(|number| number == name).unwrap();
            if let Some(value) = row.numbers[column] {
                let (count, min, max) = bucket[nth];
                bucket[nth] = (count + 1, min.min(value), max.max(value));
            }
        }
    }
    wanted
}

async fn check_rollup(world: &World, table: &'static str, monthly: bool) {
    let query = match table {
        "observations_daily" => sql("SELECT * FROM observations_daily"),
        _ => sql("SELECT * FROM observations_monthly"),
    };
    let mut wanted = oracle(monthly);
    for row in world.db.query(query).await.unwrap().rows() {
        let bucket = row.value("bucket").unwrap().as_timestamp().unwrap();
        let day = bucket.with_timezone(&chrono_tz::America::New_York).format("%Y-%m-%d %H:%M").to_string();
        let day = day.strip_suffix(" 00:00").expect("a bucket begins at midnight in New York").to_owned();
        let origin: String = row.get("origin").unwrap();
        let expected = wanted.remove(&(origin.clone(), day.clone())).unwrap_or_else(|| panic!("no {origin} {day}"));
        for (name, (count, min, max)) in ROLLED.iter().zip(expected) {
            let get = |stat: &str| row.value(format!("{name}_{stat}").as_str()).unwrap().clone();
            assert_eq!(get("count").as_i64(), Some(count), "{table} {origin} {day} {name}");
            if count == 0 {
                assert!(get("sum").is_null() && get("min").is_null(), "nothing is no zero");
            } else {
                assert_eq!((get("min").as_f64(), get("max").as_f64()), (Some(min), Some(max)), "{origin} {day} {name}");
            }
        }
    }
    assert!(wanted.is_empty(), "{table} lacks {} buckets", wanted.len());
}

#[tokio::test]
async fn the_main_job_on_a_plain_table() {
    let Some(world) = World::new().await else { return };
    weather::load(&world.db).await.unwrap();
    let (plan, report) = world.apply(policy(), "2014-01-15T00:00:00Z").await;
    assert_eq!(dropped(&plan).len(), 288);
    assert_done(&report);
    world.refresh("observations").await;
    let left: i64 = world.db.query(sql("SELECT count(*) FROM observations")).await.unwrap().scalar().unwrap();
    assert_eq!(left, 26_115 - 20_698);
    check_rollup(&world, "observations_daily", false).await;
    check_rollup(&world, "observations_monthly", true).await;
    let again = world.retention(policy()).plan(at("2014-01-15T00:00:00Z")).await.unwrap();
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn the_main_job_on_months_of_another_zone() {
    let Some(world) = World::new().await else { return };
    weather::load(&world.db).await.unwrap();
    world.run(sql("ALTER TABLE observations RENAME TO flat")).await;
    world
        .run(sql("CREATE TABLE observations (origin TEXT, temp DOUBLE PRECISION, precip DOUBLE PRECISION, \
                  time_hour TIMESTAMP WITH TIME ZONE, utc_month TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('month', time_hour)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (utc_month)"))
        .await;
    world.run(sql("INSERT INTO observations (origin, temp, precip, time_hour) SELECT origin, temp, precip, time_hour FROM flat")).await;
    world.refresh("observations").await;
    // The cutoff is the 16th of October: September has ended, and its first day was half in August, which goes, too.
    let (plan, report) = world.apply(policy(), "2014-01-15T00:00:00Z").await;
    assert_eq!(dropped(&plan).len(), 9, "{plan}");
    assert_done(&report);
    assert_eq!(world.keys("observations").await.len(), 3, "October to December");
    check_rollup(&world, "observations_daily", false).await;
    check_rollup(&world, "observations_monthly", true).await;
    // A month later October goes, whose first day was partly in the partition that is gone.
    let (plan, report) = world.apply(policy(), "2014-02-15T00:00:00Z").await;
    assert_eq!(dropped(&plan).len(), 1, "{plan}");
    assert_done(&report);
    check_rollup(&world, "observations_daily", false).await;
}

fn small() -> Policy {
    Policy::for_table("raw")
        .time("ts")
        .zone("Europe/Berlin")
        .by(["series", "site"])
        .downsample(Rollup::daily().of(["v"]).into("daily"))
        .downsample(Rollup::monthly().from("daily").into("monthly"))
        .drop_after(days(3))
}

/// Six days over the change of clocks in Berlin, three series, of which one is all NULL, a value every six hours.
async fn prepare(world: &World) {
    world
        .run(sql("CREATE TABLE raw (series TEXT, site INTEGER, ts TIMESTAMP WITH TIME ZONE, v REAL, day TIMESTAMP \
                  WITH TIME ZONE GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day)"))
        .await;
    let start: DateTime<Utc> = at("2026-03-27T00:00:00Z");
    let series = [(Value::from("a"), Value::from(1)), (Value::from("v1:a"), Value::Null), (Value::Null, Value::Null)];
    let rows: Vec<Vec<Value>> = (0..24_i64)
        .flat_map(|n| {
            series
                .clone()
                .map(|(a, b)| vec![a, b, Value::Timestamp(start + TimeDelta::hours(6 * n)), (n * 37 % 101).into()])
        })
        .collect();
    world.insert("raw", sql("INSERT INTO raw (series, site, ts, v) VALUES (?, ?, ?, ?)"), &rows).await;
}

#[tokio::test]
async fn case_36_a_late_row_makes_its_buckets_again_and_a_series_that_is_gone_goes() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let retention = world.retention(small());
    // Before anything is dropped.
    let plan = retention.plan(at("2026-03-30T12:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 0, "{plan}");
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    let rows = || async {
        let query = sql("SELECT series, site, v_count, v_sum, v_min, v_max FROM daily \
                         WHERE bucket = '2026-03-27T23:00:00Z' ORDER BY series, site");
        world.db.query(query).await.unwrap().csv().unwrap()
    };
    assert_eq!(rows().await.lines().count(), 4, "three series: {}", rows().await);

    world.run(sql("INSERT INTO raw (series, site, ts, v) VALUES ('a', 1, '2026-03-28T01:00:00Z', 1000)")).await;
    world
        .run(sql(
            "DELETE FROM raw WHERE series = 'v1:a' AND ts >= '2026-03-27T23:00:00Z' AND ts < '2026-03-28T23:00:00Z'",
        ))
        .await;
    // Rows that vanished are no reason to shrink what was kept of them.
    world.refresh("raw").await;
    let plan = retention.plan(at("2026-03-30T12:00:00Z")).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    let unchanged = rows().await;
    assert_eq!(unchanged.lines().count(), 4);

    // As many rows more, and the bucket is made again: the series that has none any more goes.
    world
        .run(sql("INSERT INTO raw (series, site, ts, v) VALUES ('b', 1, '2026-03-28T01:00:00Z', 1), \
                  ('b', 1, '2026-03-28T02:00:00Z', 2), ('b', 1, '2026-03-28T03:00:00Z', 3), ('b', 1, '2026-03-28T04:00:00Z', 4)"))
        .await;
    world.refresh("raw").await;
    let plan = retention.plan(at("2026-03-30T12:00:00Z")).await.unwrap();
    assert!(!plan.is_empty(), "{plan}");
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    let made = rows().await;
    assert!(made.contains("b,1,4,10") && !made.contains("v1:a"), "{made}");
}

#[tokio::test]
async fn case_38_a_rollup_that_was_emptied_holds_its_source() {
    let Some(world) = World::new().await else { return };
    prepare(&world).await;
    let retention = world.retention(small());
    let plan = retention.plan(at("2026-03-30T12:00:00Z")).await.unwrap();
    assert_done(&retention.apply(&plan, Approval::WithinGuards).await.unwrap());
    let plan = retention.plan(at("2026-04-03T12:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 3, "{plan}");
    world.run(sql("DELETE FROM daily WHERE bucket < '2026-03-28T23:00:00Z'")).await;
    world.refresh("daily").await;
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert!(report.count(Outcome::Refused) > 0 && report.exit_code != ExitCode::Done, "{report:?}");
    assert_eq!(world.keys("raw").await.len(), 6, "nothing went: {:?}", verdicts(&plan));
}

#[tokio::test]
async fn an_unindexed_column_of_time_is_refused() {
    let Some(world) = World::new().await else { return };
    world.run(sql("CREATE TABLE plain (ts TIMESTAMP WITH TIME ZONE INDEX OFF, v INTEGER)")).await;
    world.run(sql("INSERT INTO plain (ts, v) VALUES ('2026-01-01', 1), ('2026-02-01', 2)")).await;
    world.refresh("plain").await;
    let policy = Policy::for_table("plain").time("ts").drop_after(days(3));
    let plan = world.retention(policy).plan(at("2026-03-01T00:00:00Z")).await.unwrap();
    assert!(verdicts(&plan)[0].contains("refuse, no index begins with the column of time"), "{plan}");
}
