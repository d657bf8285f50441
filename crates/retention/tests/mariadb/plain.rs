//! Plain tables: bounded slices on an index, exact sums, and what can't be undone is refused.

use chrono_tz::Europe::Berlin;
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::sql::sql;
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Format, Meaning, Policy, Rollup};
use clusterkeep_retention::plan::Decision;
use clusterkeep_testkit::weather;

use super::job::{assert_done, drops, main_job, manifest, now};
use super::{all_of, apply, at, database, decided, number, script};

#[tokio::test]
async fn the_main_job_on_mariadb() {
    let Some((_database, db)) = database().await else { return };
    weather::load(&db).await.unwrap();
    main_job(db).await;
}

#[tokio::test]
async fn what_a_delete_would_set_off_is_refused_unless_it_is_allowed_by_name() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (id int AUTO_INCREMENT PRIMARY KEY, ts datetime NOT NULL, INDEX (ts));
         CREATE TABLE child (parent int, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES raw (id) ON DELETE CASCADE);
         CREATE TABLE log (n int);
         CREATE TRIGGER gone AFTER DELETE ON raw FOR EACH ROW INSERT INTO log VALUES (1);
         INSERT INTO raw (ts) VALUES ('2020-01-01'), ('2020-01-02'), ('2026-01-01'); INSERT INTO child VALUES (1);",
    )
    .await;
    let effects = ["foreign key of_parent of child (ON DELETE CASCADE)", "trigger gone"];
    let policy = |allow: &[&str]| {
        let mut policy = all_of(Policy::for_table("raw").time("ts").meaning(Meaning::Utc).drop_after(days(9)));
        policy.guard.allow = allow.iter().map(|name| (*name).to_owned()).collect();
        Retention::new(db.clone()).policy(policy)
    };
    let now = at("2026-01-02T00:00:00Z");
    for allowed in [&effects[..0], &effects[..1], &effects[1..]] {
        let plan = policy(allowed).plan(now).await.unwrap();
        assert_eq!((drops(&plan).0, plan.refused().count()), (0, 2), "{plan}");
        let why = plan.refused().next().unwrap().reason.to_string();
        for effect in effects {
            assert_eq!(why.contains(effect), !allowed.contains(&effect), "{why}");
        }
    }
    assert_eq!(apply(&policy(&effects), now).await.unwrap(), ExitCode::Done);
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 1);
    assert_eq!(number(&db, sql("SELECT count(*) FROM log")).await, 2);
}

#[tokio::test]
async fn a_large_table_needs_an_index_that_begins_with_its_time() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (ts datetime NOT NULL, v int NOT NULL);
         CREATE INDEX other_first ON raw (v, ts);
         INSERT INTO raw SELECT '2026-01-01' + INTERVAL seq SECOND, seq FROM seq_1_to_200000; ANALYZE TABLE raw;
         CREATE TABLE few (ts datetime NOT NULL); INSERT INTO few VALUES ('2020-01-01'), ('2025-01-01');
         CREATE TABLE aria (ts datetime NOT NULL, INDEX (ts)) ENGINE = Aria;
         INSERT INTO aria VALUES ('2020-01-01'), ('2025-01-01');",
    )
    .await;
    let of = |table| {
        let policy = Policy::for_table(table).time("ts").meaning(Meaning::Utc).drop_after(days(1));
        Retention::new(db.clone()).policy(all_of(policy))
    };
    let now = at("2026-02-01T00:00:00Z");
    let plan = of("raw").plan(now).await.unwrap();
    let why = plan.refused().next().unwrap().reason.to_string();
    assert!(drops(&plan).0 == 0 && why.contains("no index begins with the column of time"), "{why}");
    let plan = of("aria").plan(now).await.unwrap();
    let why = plan.refused().next().unwrap().reason.to_string();
    assert!(drops(&plan).0 == 0 && why.contains("Aria has no transactions"), "{why}");
    assert_eq!(drops(&of("few").plan(now).await.unwrap()).0, 1, "a small one is read in no time");
    script(&db, "CREATE INDEX ignored ON raw (ts) IGNORED").await;
    assert_eq!(drops(&of("raw").plan(now).await.unwrap()).0, 0, "an index that is ignored does not help");
    script(&db, "ALTER TABLE raw ALTER INDEX ignored NOT IGNORED").await;
    assert_eq!(drops(&of("raw").plan(now).await.unwrap()).0, 2);
}

#[tokio::test]
async fn rollups_on_mariadb_keep_counts_whole_and_sums_exact() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (ts datetime(6) NOT NULL, series varchar(8) COLLATE utf8mb4_general_ci, large bigint, small float,
           exact decimal(30, 6), tiny tinyint(1), INDEX (ts)) CHARSET utf8mb4;
         INSERT INTO raw SELECT '1969-12-31 00:00:00.000001' + INTERVAL seq MINUTE, ELT(1 + seq % 3, 'a', 'A', 'a '),
           9007199254740993, 16777216 + seq % 2, 123456789012345678901234.000001, seq % 2 FROM seq_0_to_2879;
         INSERT INTO raw VALUES ('1969-12-31 23:59:59.999999', NULL, NULL, NULL, NULL, NULL);",
    )
    .await;
    let policy = Policy::for_table("raw")
        .time("ts")
        .meaning(Meaning::Utc)
        .by(["series"])
        .downsample(Rollup::daily().of(["large", "small", "exact", "tiny"]).into("daily"))
        .downsample(Rollup::monthly().from("daily").into("monthly"))
        .drop_after(days(30));
    let retention = Retention::new(db.clone()).policy(all_of(policy));
    assert_eq!(apply(&retention, at("1970-03-01T00:00:00Z")).await.unwrap(), ExitCode::Done);
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 1440, "the newest day stays");
    let rows = db
        .query(sql("SELECT bucket, series, large_count, CAST(large_sum AS CHAR) AS large, small_sum, \
                    CAST(exact_sum AS CHAR) AS exact, CAST(tiny_sum AS CHAR) AS tiny, CAST(exact_max AS CHAR) AS top \
                    FROM daily ORDER BY bucket, CAST(series AS BINARY)"))
        .await
        .unwrap();
    // Two days, three series each that a collation would take for one, and one without a name.
    assert_eq!(rows.len(), 7, "{rows}");
    for row in rows.rows().filter(|row| !row.value("series").unwrap().is_null()) {
        let bucket = row.value("bucket").unwrap().to_string();
        assert!(["1969-12-31T00:00:00", "1970-01-01T00:00:00"].contains(&bucket.as_str()), "{bucket}");
        assert_eq!(row.get::<i64>("large_count").unwrap(), 480);
        assert_eq!(row.get::<String>("large").unwrap(), (9_007_199_254_740_993_i128 * 480).to_string());
        assert_eq!(row.value("small_sum").unwrap().as_f64(), Some(16_777_216.0 * 480.0), "as the column rounds");
        assert_eq!(row.get::<String>("exact").unwrap(), "59259258725925925872592320.000480");
        assert_eq!(row.get::<String>("top").unwrap(), "123456789012345678901234.000001");
        assert_eq!(row.get::<String>("tiny").unwrap(), "240");
    }
    assert_eq!(number(&db, sql("SELECT CAST(sum(large_count) AS SIGNED) FROM daily")).await, 2880);
    assert_eq!(number(&db, sql("SELECT CAST(sum(large_count) AS SIGNED) FROM monthly")).await, 2880);
    let types = sql(
        "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = \
                     'daily' AND column_name IN ('bucket', 'series', 'large_count', 'large_sum', 'small_sum', 'exact_sum') \
                     ORDER BY ordinal_position",
    );
    let types: Vec<String> = db.query(types).await.unwrap().rows().map(|row| row.get::<String>(0).unwrap()).collect();
    assert_eq!(types, ["varchar(8)", "datetime", "bigint(21)", "decimal(41,0)", "double", "decimal(52,6)"]);
}

/// Case 39: a day of Berlin has 23 or 25 hours, and a column of civil time shows 24.
#[tokio::test]
async fn case_33_and_39_every_row_is_in_the_civil_day_that_it_shows() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE instants (ts timestamp NOT NULL DEFAULT current_timestamp, v int, INDEX (ts));
         CREATE TABLE civil (ts datetime NOT NULL, v int, INDEX (ts));
         CREATE TABLE dates (ts date NOT NULL, v int, INDEX (ts));
         CREATE TABLE texts (ts varchar(20) NOT NULL, v int, INDEX (ts));
         INSERT INTO instants SELECT '2026-03-20' + INTERVAL seq * 10 MINUTE, 1 FROM seq_0_to_1999;
         INSERT INTO civil SELECT '2026-03-20' + INTERVAL seq * 10 MINUTE, 1 FROM seq_0_to_1999;
         INSERT INTO dates SELECT '2026-03-20' + INTERVAL seq % 14 DAY, 1 FROM seq_0_to_1999;
         INSERT INTO texts SELECT DATE_FORMAT('2026-03-20' + INTERVAL seq % 14 DAY, '%Y-%m-%d'), 1 FROM seq_0_to_1999;",
    )
    .await;
    let text = Meaning::Format(Format { format: "%Y-%m-%d".into(), zone: Berlin });
    let meanings = [
        ("instants", None),
        ("civil", Some(Meaning::Zone(Berlin))),
        ("dates", Some(Meaning::Zone(Berlin))),
        ("texts", Some(text)),
    ];
    let mut retention = Retention::new(db.clone());
    for (table, meaning) in meanings {
        let mut policy = Policy::for_table(table).time("ts").zone("Europe/Berlin");
        if let Some(meaning) = meaning {
            policy = policy.meaning(meaning);
        }
        let daily = Rollup::daily().of(["v"]).into(&format!("{table}_daily"));
        let monthly = Rollup::monthly().from(&format!("{table}_daily")).into(&format!("{table}_monthly"));
        retention = retention.policy(all_of(policy.downsample(daily).downsample(monthly).drop_after(days(2))));
    }
    let plan = retention.plan(at("2026-05-02T00:00:00Z")).await.unwrap();
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    // The last slice of each stays.
    let sum = |query| number(&db, sql(query));
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM instants_daily").await, 2000);
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM civil_monthly").await, 2000);
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM dates_monthly").await, 2000);
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM texts_monthly").await, 2000);
    assert_eq!(
        sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM instants_daily WHERE bucket = '2026-03-28 23:00:00'").await,
        23 * 6
    );
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM civil_daily WHERE bucket = '2026-03-29'").await, 24 * 6);
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM dates_daily WHERE bucket = '2026-03-29'").await, 143);
    assert_eq!(sum("SELECT CAST(sum(v_sum) AS SIGNED) FROM texts_daily WHERE bucket = '2026-03-29'").await, 143);
    assert_eq!(sum("SELECT count(*) FROM civil_daily WHERE time(bucket) <> '00:00:00'").await, 0);
    assert_eq!(sum("SELECT (SELECT count(*) FROM instants) + (SELECT count(*) FROM civil)").await, 140 + 128);
}

#[tokio::test]
async fn what_can_not_be_known_is_refused() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (ts datetime NOT NULL, n bigint, t text, x double, at time);
         INSERT INTO raw VALUES ('2020-01-01', 1, '2020-01-01', 1.5, '10:00:00');",
    )
    .await;
    for (column, hint) in [
        ("ts", "say which zone"),
        ("n", "say what it means"),
        ("t", "say what it means"),
        ("x", "use a column"),
        ("at", "use a column"),
    ] {
        let retention = Retention::new(db.clone()).policy(Policy::for_table("raw").time(column).drop_after(days(1)));
        let error = retention.plan(now()).await.unwrap_err();
        assert_eq!(ExitCode::from(&error), ExitCode::BadInput, "{error}");
        assert!(error.hint().is_some_and(|text| text.contains(hint)), "{error}: {:?}", error.hint());
    }
    let missing = Retention::new(db.clone()).manifest(manifest()).plan(now()).await.unwrap_err();
    assert_eq!(ExitCode::from(&missing), ExitCode::BadInput, "{missing}");
    let mut elsewhere = Retention::new(db.clone())
        .policy(Policy::for_table("raw").time("ts").meaning(Meaning::Utc).drop_after(days(1)));
    let plan = elsewhere.plan(now()).await.unwrap();
    assert!(decided(&plan).iter().all(|(_, verdict, _)| *verdict == Decision::Keep), "the last slice stays: {plan}");
    elsewhere =
        Retention::new(db).policy(Policy::for_table("RAW").time("ts").meaning(Meaning::Utc).drop_after(days(1)));
    elsewhere.plan(now()).await.unwrap_err();
}
