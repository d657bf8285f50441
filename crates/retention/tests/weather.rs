//! The main job on real data: the bundled weather, thinned out as `examples/weather.yaml` says.
//!
//! Every number of every rollup is recomputed from the file, with the file's own civil days.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{days, years};
use clusterkeep_core::plan::{Outcome, Report};
use clusterkeep_core::sql::{ConnectOptions, Db, Value, sql};
use clusterkeep_retention::model::{Keep, Manifest, Meaning, Policy, Rollup, percent};
use clusterkeep_retention::plan::Decision;
use clusterkeep_retention::{Planned, Retention};
use clusterkeep_testkit::weather;

const ROLLED: [&str; 5] = ["temp", "humid", "wind_speed", "precip", "pressure"];

fn manifest() -> Manifest {
    let policy = Policy::for_table("observations")
        .time("time_hour")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(ROLLED).into("observations_daily").keep(years(2)))
        .downsample(Rollup::monthly().from("observations_daily").into("observations_monthly").keep(Keep::Forever))
        .drop_after(days(90))
        .max_share(percent(90));
    Manifest::named("weather").policy(policy)
}

fn now() -> DateTime<Utc> {
    "2014-01-15T00:00:00Z".parse().unwrap()
}

async fn sqlite() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/weather.db", folder.path().display()).parse().unwrap();
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    weather::load(&db).await.unwrap();
    (folder, db)
}

fn drops(plan: &Planned) -> (usize, u64) {
    let drops = || plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    (drops().count(), drops().map(|verdict| verdict.detail.rows.unwrap()).sum())
}

fn assert_done(report: &Report<clusterkeep_retention::plan::Domain>) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, ExitCode::Done, "{bad:?}");
}

/// What one bucket must hold, per rolled-up column: count, exact sum, minimum and maximum.
type Bucket = [(i64, f64, f64, f64); 5];

/// Recomputes a rollup from the file, whose own year, month and day say which bucket a row is in.
fn oracle(monthly: bool) -> BTreeMap<(String, NaiveDate), Bucket> {
    let mut values: BTreeMap<(String, NaiveDate), [Vec<f64>; 5]> = BTreeMap::new();
    for row in weather::observations().unwrap() {
        let [year, month, day, _] = row.local;
        let day = if monthly { 1 } else { day };
        let date = NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32).unwrap();
        let bucket = values.entry((row.origin.clone(), date)).or_default();
        for (nth, name) in ROLLED.iter().enumerate() {
            let column = weather::NUMBERS.iter().position(|number| number == name).unwrap();
            bucket[nth].extend(row.numbers[column]);
        }
    }
    let summed = |values: &Vec<f64>| {
        let mut sum = ExactSum::default();
        values.iter().for_each(|x| sum.add(*x));
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (values.len() as i64, sum.total(), min, max)
    };
    values.iter().map(|(key, columns)| (key.clone(), [0, 1, 2, 3, 4].map(|nth| summed(&columns[nth])))).collect()
}

/// Sums without rounding: Shewchuk's partials, as Python's `math.fsum` does it.
#[derive(Default)]
struct ExactSum(Vec<f64>);

impl ExactSum {
    fn add(&mut self, mut x: f64) {
        let mut kept = Vec::new();
        for &y in &self.0 {
            let (big, small) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
            let high = big + small;
            let low = small - (high - big);
            if low != 0.0 {
                kept.push(low);
            }
            x = high;
        }
        kept.push(x);
        self.0 = kept;
    }

    fn total(&self) -> f64 {
        self.0.iter().rev().sum()
    }
}

async fn check_rollup(db: &Db, table: &'static str, monthly: bool) {
    let query = match table {
        "observations_daily" => sql("SELECT * FROM observations_daily"),
        _ => sql("SELECT * FROM observations_monthly"),
    };
    let rows = db.query(query).await.unwrap();
    let mut wanted = oracle(monthly);
    for row in rows.rows() {
        let bucket = match row.value("bucket").unwrap() {
            Value::Int(seconds) => DateTime::from_timestamp(*seconds, 0).unwrap(),
            Value::Timestamp(at) => *at,
            other => panic!("bucket {other:?}"),
        };
        let civil = bucket.with_timezone(&chrono_tz::America::New_York).naive_local();
        assert_eq!(civil.time(), chrono::NaiveTime::MIN, "a bucket begins at midnight in New York");
        let origin: String = row.get("origin").unwrap();
        let expected =
            wanted.remove(&(origin.clone(), civil.date())).unwrap_or_else(|| panic!("no {origin} {civil} in the file"));
        for (name, (count, sum, min, max)) in ROLLED.iter().zip(expected) {
            let get = |stat: &str| row.value(format!("{name}_{stat}").as_str()).unwrap().clone();
            assert_eq!(get("count").as_i64(), Some(count), "{table} {origin} {civil} {name}");
            if count == 0 {
                assert!(get("sum").is_null() && get("min").is_null() && get("max").is_null(), "nothing is no zero");
                continue;
            }
            assert_eq!(
                (get("min").as_f64(), get("max").as_f64()),
                (Some(min), Some(max)),
                "{table} {origin} {civil} {name}"
            );
            let stored = get("sum").as_f64().unwrap();
            let magnitude = sum.abs().max(1e-300);
            assert!((stored - sum).abs() <= 1e-9 * magnitude, "{table} {origin} {civil} {name}: {stored} is not {sum}");
        }
    }
    assert!(wanted.is_empty(), "{table} lacks {} buckets", wanted.len());
}

async fn main_job(db: Db) {
    let retention = Retention::new(db.clone()).manifest(manifest());
    let plan = retention.plan(now()).await.unwrap();
    assert_eq!(drops(&plan), (288, 20_698), "{plan}");
    assert_eq!(db.query(sql("SELECT count(*) AS n FROM observations")).await.unwrap().scalar::<i64>().unwrap(), 26_115);

    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_done(&report);
    assert_eq!(report.count(Outcome::Done), report.outcomes.len());

    let left = db.query(sql("SELECT count(*) AS n FROM observations")).await.unwrap().scalar::<i64>().unwrap();
    assert_eq!(left, 26_115 - 20_698);
    check_rollup(&db, "observations_daily", false).await;
    check_rollup(&db, "observations_monthly", true).await;

    let again = retention.plan(now()).await.unwrap();
    assert!(again.is_empty(), "{again}");
    let report = retention.apply(&again, again.hash.into()).await.unwrap();
    assert_eq!((report.exit_code, report.outcomes.len()), (ExitCode::Done, 0));
}

#[tokio::test]
async fn the_main_job_on_sqlite() {
    let (_folder, db) = sqlite().await;
    main_job(db).await;
}

#[tokio::test]
async fn a_plan_that_was_not_approved_is_not_applied() {
    let (_folder, db) = sqlite().await;
    let retention = Retention::new(db.clone()).manifest(manifest());
    let plan = retention.plan(now()).await.unwrap();
    db.execute(sql("DELETE FROM observations WHERE month = 3 AND day = 3")).await.unwrap();
    let refused = retention.apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::Drifted, "{refused}");
    // What stays may change: rows of the last days are no ground of the plan.
    let plan = retention.plan(now()).await.unwrap();
    db.execute(sql("DELETE FROM observations WHERE month = 12 AND day = 3")).await.unwrap();
    assert_eq!(retention.plan(now()).await.unwrap().hash, plan.hash);
}

#[tokio::test]
async fn the_main_job_on_postgres() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    weather::load(&db).await.unwrap();
    main_job(db).await;
}

/// Monthly partitions by UTC, which no day of New York fits into: each day is cut at their bounds.
async fn partitioned(db: &Db) {
    weather::load(db).await.unwrap();
    let script = sql("ALTER TABLE observations RENAME TO flat;
         CREATE TABLE observations (LIKE flat) PARTITION BY RANGE (time_hour);
         DO $$ BEGIN
           FOR m IN 1..13 LOOP
             EXECUTE format('CREATE TABLE observations_p%s PARTITION OF observations FOR VALUES FROM (%L) TO (%L)', m,
               make_timestamptz(2013, 1, 1, 0, 0, 0, 'UTC') + make_interval(months => m - 1),
               make_timestamptz(2013, 1, 1, 0, 0, 0, 'UTC') + make_interval(months => m));
           END LOOP;
         END $$;
         CREATE TABLE observations_rest PARTITION OF observations DEFAULT;
         INSERT INTO observations SELECT * FROM flat;
         DROP TABLE flat;");
    db.session().await.unwrap().execute_script(&script).await.unwrap();
}

#[tokio::test]
async fn partitions_of_postgres_are_dropped_whole_and_by_their_end() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    partitioned(&db).await;
    let retention = Retention::new(db.clone()).manifest(manifest());
    let plan = retention.plan(now()).await.unwrap();
    // The cutoff is 16 October: the partition of October ends after it, and January to September may go.
    assert_eq!(drops(&plan).0, 9, "{plan}");
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_done(&report);
    check_rollup(&db, "observations_daily", false).await;
    check_rollup(&db, "observations_monthly", true).await;
    let left =
        db.query(sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'observations'::regclass")).await.unwrap();
    assert_eq!(left.scalar::<i64>().unwrap(), 5, "October, November, December, January, and the default partition");
    let again = retention.plan(now()).await.unwrap();
    assert!(again.is_empty(), "{again}");

    // A month later October goes, whose first day was partly in the partition that is gone.
    let later = "2014-02-15T00:00:00Z".parse().unwrap();
    let plan = retention.plan(later).await.unwrap();
    assert_eq!(drops(&plan).0, 1, "{plan}");
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_done(&report);
    check_rollup(&db, "observations_daily", false).await;
}

#[tokio::test]
async fn rollups_on_postgres_keep_counts_whole_and_sums_exact() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    let script = sql("CREATE TABLE raw (ts timestamptz, small real, large bigint);
         CREATE INDEX ON raw (ts);
         INSERT INTO raw SELECT '2026-01-01T00:00:00Z'::timestamptz + make_interval(mins => n), 16777216 + n % 2, 9007199254740993
           FROM generate_series(0, 2879) AS n;");
    db.session().await.unwrap().execute_script(&script).await.unwrap();
    let policy = Policy::for_table("raw")
        .time("ts")
        .downsample(Rollup::daily().of(["small", "large"]).into("daily"))
        .downsample(Rollup::monthly().from("daily").into("monthly"));
    let retention = Retention::new(db.clone()).policy(policy);
    let plan = retention.plan("2026-03-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let records = db.query(sql("SELECT small_count, small_sum, large_sum::text AS large FROM monthly")).await.unwrap();
    let row = records.one().unwrap();
    assert_eq!(row.value("small_count").unwrap(), &Value::Int(2880), "a count is a whole number");
    assert_eq!(
        row.value("small_sum").unwrap().as_f64(),
        Some(16_777_216.0 * 2880.0),
        "as the column rounds its values"
    );
    assert_eq!(row.get::<String>("large").unwrap(), (9_007_199_254_740_993_i128 * 2880).to_string());
}

#[tokio::test]
async fn a_lost_state_is_no_reason_to_make_a_bucket_from_what_is_left() {
    let (_folder, db) = sqlite().await;
    // Monthly from raw, dropped by the day: October is made whole, and then half of its source goes.
    let policy = || {
        Policy::for_table("observations")
            .time("time_hour")
            .meaning(Meaning::EpochSeconds)
            .zone("America/New_York")
            .by(["origin"])
            .downsample(Rollup::monthly().of(["temp"]).into("monthly"))
            .drop_after(days(90))
            .max_share(percent(100))
    };
    let retention = Retention::new(db.clone()).policy(policy());
    let plan = retention.plan(now()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let october = sql("SELECT sum(temp_count) AS n FROM monthly WHERE bucket = 1380600000");
    let before: i64 = db.query(october.clone()).await.unwrap().scalar().unwrap();

    let elsewhere =
        Db::connect_with(&"sqlite::memory:".parse().unwrap(), ConnectOptions::default().create()).await.unwrap();
    let forgetful = Retention::new(db.clone()).policy(policy()).state(clusterkeep_core::state::State::of(elsewhere));
    let plan = forgetful.plan(now()).await.unwrap();
    assert!(!plan.is_empty(), "nothing is recorded there: {plan}");
    let report = forgetful.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.count(Outcome::Refused), report.outcomes.len(), "{:?}", report.outcomes.first());
    assert_eq!(report.exit_code, ExitCode::Refused);
    assert_eq!(db.query(october).await.unwrap().scalar::<i64>().unwrap(), before);
}

async fn side_effects_are_refused(db: &Db, script: clusterkeep_core::sql::Statement, wanted: [&str; 2]) {
    db.session().await.unwrap().execute_script(&script).await.unwrap();
    let plan = Retention::new(db.clone()).manifest(manifest()).plan(now()).await.unwrap();
    assert_eq!((drops(&plan).0, plan.refused().count()), (0, 288));
    let why = plan.refused().next().unwrap().reason.to_string();
    assert!(wanted.iter().all(|what| why.contains(what)), "{why}");
}

#[tokio::test]
async fn what_a_delete_would_set_off_is_refused_on_sqlite() {
    let (_folder, db) = sqlite().await;
    let script = sql("CREATE TABLE child (parent INTEGER REFERENCES observations (rowid) ON DELETE CASCADE);
         CREATE TABLE log (n INTEGER);
         CREATE TRIGGER gone AFTER DELETE ON observations BEGIN INSERT INTO log VALUES (1); END;");
    side_effects_are_refused(&db, script, ["trigger gone", "foreign key of child (ON DELETE CASCADE)"]).await;
}

#[tokio::test]
async fn what_a_delete_would_set_off_is_refused_on_postgres() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    weather::load(&db).await.unwrap();
    let script = sql("ALTER TABLE observations ADD id bigserial PRIMARY KEY;
         CREATE TABLE child (parent bigint CONSTRAINT of_parent REFERENCES observations ON DELETE CASCADE);
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
         CREATE TRIGGER gone BEFORE DELETE ON observations FOR EACH ROW EXECUTE FUNCTION nothing();");
    side_effects_are_refused(&db, script, ["trigger gone", "foreign key of_parent of child (ON DELETE CASCADE)"]).await;
}

/// Daily by `origin`, and raw for so many days.
fn dropped_after(age: u32, db: &Db) -> Retention {
    let policy = Policy::for_table("observations")
        .time("time_hour")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(["temp"]).into("daily"))
        .drop_after(days(age))
        .max_share(percent(100));
    Retention::new(db.clone()).policy(policy)
}

async fn rows_left(db: &Db) -> i64 {
    db.query(sql("SELECT count(*) AS n FROM observations")).await.unwrap().scalar().unwrap()
}

#[tokio::test]
async fn raw_stays_where_the_rollup_lost_what_was_verified() {
    let (_folder, db) = sqlite().await;
    let retention = dropped_after(200, &db);
    let plan = retention.plan(now()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let before = rows_left(&db).await;
    db.execute(sql("DELETE FROM daily")).await.unwrap();

    let retention = dropped_after(90, &db);
    let plan = retention.plan(now()).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!((report.count(Outcome::Done), report.exit_code), (0, ExitCode::Refused));
    assert_eq!(rows_left(&db).await, before);
}

#[tokio::test]
async fn a_row_that_changed_its_series_makes_its_bucket_again() {
    let (_folder, db) = sqlite().await;
    let retention = dropped_after(200, &db);
    let plan = retention.plan(now()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    db.execute(sql("UPDATE observations SET origin = 'XXX' WHERE origin = 'EWR' AND hour % 2 = 0")).await.unwrap();

    let retention = dropped_after(90, &db);
    let plan = retention.plan(now()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let kept = sql("SELECT count(*) AS n FROM daily WHERE origin = 'XXX'");
    assert!(db.query(kept).await.unwrap().scalar::<i64>().unwrap() > 100, "what went is kept under its new name");
}

#[tokio::test]
async fn buckets_of_two_zones_do_not_share_a_table() {
    let (_folder, db) = sqlite().await;
    let retention = dropped_after(90, &db);
    let plan = retention.plan(now()).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let mut elsewhere = manifest();
    elsewhere.tables = vec![
        Policy::for_table("observations")
            .time("time_hour")
            .meaning(Meaning::EpochSeconds)
            .by(["origin"])
            .downsample(Rollup::daily().of(["temp"]).into("daily")),
    ];
    let error = Retention::new(db).manifest(elsewhere).plan(now()).await.unwrap_err();
    assert_eq!(ExitCode::from(&error), ExitCode::BadInput, "{error}");
    assert!(error.to_string().contains("day in America/New_York"), "{error}");
}

#[tokio::test]
async fn a_partition_that_is_detached_meanwhile_is_not_dropped() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    partitioned(&db).await;
    let policy = Policy::for_table("observations").time("time_hour").drop_after(days(340)).max_share(percent(100));
    let retention = Retention::new(db.clone()).policy(policy);
    let plan = retention.plan(now()).await.unwrap();
    assert_eq!(drops(&plan).0, 1, "{plan}");
    // Whoever detaches it holds the lock that the apply then waits for.
    let mut other = db.session().await.unwrap();
    other.begin().await.unwrap();
    other.execute(&sql("ALTER TABLE observations DETACH PARTITION observations_p1")).await.unwrap();
    let applying = tokio::spawn({
        let (retention, plan) = (retention.clone(), plan.clone());
        async move { retention.apply(&plan, clusterkeep_core::plan::Approval::WithinGuards).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    other.commit().await.unwrap();
    let report = applying.await.unwrap();
    // Either the plan that is made under the lock knows already, or the step finds out; the table stays.
    if let Ok(report) = report {
        assert_eq!(report.count(Outcome::Done), 0, "{:?}", report.outcomes);
    }
    let there = db.query(sql("SELECT count(*) AS n FROM observations_p1")).await.unwrap().scalar::<i64>().unwrap();
    assert!(there > 2000);
}

#[tokio::test]
async fn a_partition_without_a_lower_bound_goes_by_its_end() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    let script = sql("CREATE TABLE raw (ts timestamptz NOT NULL, v bigint) PARTITION BY RANGE (ts);
         CREATE TABLE raw_old PARTITION OF raw FOR VALUES FROM (MINVALUE) TO ('2026-01-15T00:00:00Z');
         CREATE TABLE raw_new PARTITION OF raw FOR VALUES FROM ('2026-01-15T00:00:00Z') TO ('2026-02-15T00:00:00Z');
         INSERT INTO raw SELECT '2026-01-01T00:00:00Z'::timestamptz + make_interval(hours => n), n FROM generate_series(0, 719) n;");
    db.session().await.unwrap().execute_script(&script).await.unwrap();
    let policy = Policy::for_table("raw")
        .time("ts")
        .downsample(Rollup::daily().of(["v"]).into("daily"))
        .drop_after(days(30))
        .max_share(percent(100));
    let retention = Retention::new(db.clone()).policy(policy);
    let plan = retention.plan("2026-03-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(drops(&plan).0, 1, "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let left =
        db.query(sql("SELECT (SELECT count(*) FROM raw) AS raw, (SELECT sum(v_sum)::bigint FROM daily) AS sum")).await;
    let row = left.unwrap().one().unwrap().clone();
    assert_eq!(row.get::<i64>("raw").unwrap(), 720 - 336);
    assert_eq!(row.get::<i64>("sum").unwrap(), 719 * 720 / 2);
}
