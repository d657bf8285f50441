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

mod job;

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::{ConnectOptions, Db, Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy, Rollup, percent};
use clusterkeep_testkit::weather;

use job::{assert_done, check_rollup, drops, main_job, manifest, now};

async fn sqlite() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/weather.db", folder.path().display()).parse().unwrap();
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    weather::load(&db).await.unwrap();
    (folder, db)
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
