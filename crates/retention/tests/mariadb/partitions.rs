//! Partitions are dropped whole, by their end, and what is not understood stays.

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{Age, Unit, days};
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::{Ident, SqlBuilder, TableName, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy, Rollup};
use clusterkeep_retention::plan::Decision;
use clusterkeep_testkit::weather;

use super::job::{assert_done, check_rollup, drops, manifest, now};
use super::{all_of, apply, at, database, decided, goes, number, script};

/// Monthly partitions by UTC, which no day of New York fits into: each day is cut at their bounds.
#[tokio::test]
async fn the_main_job_on_partitions_of_mariadb() {
    let Some((_database, db)) = database().await else { return };
    weather::load(&db).await.unwrap();
    script(
        &db,
        "ALTER TABLE observations PARTITION BY RANGE (unix_timestamp(time_hour)) (
           PARTITION m01 VALUES LESS THAN (unix_timestamp('2013-02-01')),
           PARTITION m02 VALUES LESS THAN (unix_timestamp('2013-03-01')),
           PARTITION m03 VALUES LESS THAN (unix_timestamp('2013-04-01')),
           PARTITION m04 VALUES LESS THAN (unix_timestamp('2013-05-01')),
           PARTITION m05 VALUES LESS THAN (unix_timestamp('2013-06-01')),
           PARTITION m06 VALUES LESS THAN (unix_timestamp('2013-07-01')),
           PARTITION m07 VALUES LESS THAN (unix_timestamp('2013-08-01')),
           PARTITION m08 VALUES LESS THAN (unix_timestamp('2013-09-01')),
           PARTITION m09 VALUES LESS THAN (unix_timestamp('2013-10-01')),
           PARTITION m10 VALUES LESS THAN (unix_timestamp('2013-11-01')),
           PARTITION m11 VALUES LESS THAN (unix_timestamp('2013-12-01')),
           PARTITION rest VALUES LESS THAN MAXVALUE)",
    )
    .await;
    let retention = Retention::new(db.clone()).manifest(manifest());
    let plan = retention.plan(now()).await.unwrap();
    // The cutoff is 16 October: the partition of October ends after it, and January to September may go.
    assert_eq!(drops(&plan).0, 9, "{plan}");
    let before = number(&db, sql("SELECT count(*) FROM observations WHERE time_hour >= '2013-10-01'")).await;
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_done(&report);
    assert_eq!(number(&db, sql("SELECT count(*) FROM observations")).await, before);
    check_rollup(&db, "observations_daily", false).await;
    check_rollup(&db, "observations_monthly", true).await;
    assert!(retention.plan(now()).await.unwrap().is_empty());

    // A month later October goes, whose first day was partly in the partition that is gone.
    let later = at("2014-02-15T00:00:00Z");
    let plan = retention.plan(later).await.unwrap();
    assert_eq!(goes(&plan), ["m10"], "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    check_rollup(&db, "observations_daily", false).await;
    assert!(retention.plan(later).await.unwrap().is_empty());
}

#[tokio::test]
async fn case_02_and_04_and_11_a_partition_goes_by_its_own_end_and_the_newest_stays() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (ts datetime NOT NULL, v int) PARTITION BY RANGE (to_days(ts)) (
           PARTITION d1 VALUES LESS THAN (to_days('2026-01-02')),
           PARTITION wide VALUES LESS THAN (to_days('2026-02-01')),
           PARTITION d2 VALUES LESS THAN (to_days('2026-02-02')));
         INSERT INTO raw VALUES ('2026-01-01', 1), ('2026-01-03', 2), ('2026-02-01', 3);",
    )
    .await;
    let retention = Retention::new(db.clone())
        .policy(all_of(Policy::for_table("raw").time("ts").meaning(Meaning::Utc).drop_after(days(1))));
    // One microsecond before its end is the cutoff, nothing else of the wide one matters.
    assert_eq!(goes(&retention.plan(at("2026-02-01T23:59:59Z")).await.unwrap()), ["d1"]);
    let plan = retention.plan(at("2026-02-02T00:00:00Z")).await.unwrap();
    assert_eq!(goes(&plan), ["d1", "wide"], "its end is the cutoff: {plan}");
    let later = at("2026-03-10T00:00:00Z");
    assert_eq!(apply(&retention, later).await.unwrap(), ExitCode::Done);
    let left = retention.plan(later).await.unwrap();
    assert_eq!(decided(&left), [("d2".to_owned(), Decision::Keep, "newest slice".to_owned())], "the last one stays");
    assert_eq!(number(&db, sql("SELECT count(*) FROM raw")).await, 1);
}

#[tokio::test]
async fn case_03_what_has_no_known_end_stays() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE nulls (ts datetime, v int) PARTITION BY RANGE (to_days(ts)) (
           PARTITION low VALUES LESS THAN (to_days('2020-01-02')), PARTITION next VALUES LESS THAN (to_days('2020-01-03')),
           PARTITION last VALUES LESS THAN (to_days('2020-01-04')), PARTITION top VALUES LESS THAN MAXVALUE);
         INSERT INTO nulls VALUES (NULL, 1), ('2020-01-01', 2), ('2020-01-02', 3), ('2020-01-03', 5), ('2020-01-09', 4);
         CREATE TABLE listed (ts datetime, kind int) PARTITION BY LIST (kind) (PARTITION a VALUES IN (1), PARTITION b VALUES IN (2));
         CREATE TABLE hashed (ts datetime) PARTITION BY HASH (year(ts)) PARTITIONS 2;
         CREATE TABLE weekly (ts datetime) PARTITION BY RANGE (to_days(ts) DIV 7) (
           PARTITION a VALUES LESS THAN (105399), PARTITION b VALUES LESS THAN (105400));
         CREATE TABLE other (ts datetime, at datetime) PARTITION BY RANGE (to_days(at)) (
           PARTITION a VALUES LESS THAN (to_days('2020-01-02')), PARTITION b VALUES LESS THAN (to_days('2020-01-03')));
         CREATE TABLE short (ts datetime) PARTITION BY RANGE COLUMNS (ts) (
           PARTITION a VALUES LESS THAN ('20-01-02'), PARTITION b VALUES LESS THAN ('2020-01-03'));
         CREATE TABLE big (ts bigint unsigned) PARTITION BY RANGE (ts) (PARTITION a VALUES LESS THAN (18446744073709551615));
         INSERT INTO listed VALUES ('2020-01-01', 1); INSERT INTO hashed VALUES ('2020-01-01');
         INSERT INTO weekly VALUES ('2020-01-01'); INSERT INTO other VALUES ('2020-01-01', '2020-01-01');
         INSERT INTO short VALUES ('2020-01-01'); INSERT INTO big VALUES (5);",
    )
    .await;
    let retention = |table: &str| {
        let meaning = if table == "big" { Meaning::EpochSeconds } else { Meaning::Utc };
        Retention::new(db.clone())
            .policy(all_of(Policy::for_table(table).time("ts").meaning(meaning).drop_after(days(1))))
    };
    let now = at("2026-01-01T00:00:00Z");
    let plan = retention("nulls").plan(now).await.unwrap();
    assert_eq!(goes(&plan), ["next"], "{plan}");
    let why: Vec<_> = decided(&plan).into_iter().map(|(name, _, why)| format!("{name}: {why}")).collect();
    assert!(why.iter().any(|why| why.starts_with("low: ") && why.contains("whose time is NULL")), "{why:?}");
    assert!(why.iter().any(|why| why.starts_with("top: ") && why.contains("no upper bound")), "{why:?}");
    for (table, reason) in [
        ("listed", "not partitioned by the column of time"),
        ("hashed", "not partitioned by the column of time"),
        ("weekly", "not partitioned by the column of time"),
        ("other", "not partitioned by the column of time"),
        ("short", "not of the form"),
        ("big", "not of the form"),
    ] {
        let plan = retention(table).plan(now).await.unwrap();
        assert!(plan.is_empty() && !plan.verdicts.is_empty(), "{table}: {plan}");
        assert!(decided(&plan).iter().all(|(_, _, why)| why.contains(reason)), "{table}: {:?}", decided(&plan));
    }
    // A row without a time that comes between plan and drop keeps its partition, too.
    script(&db, "DELETE FROM nulls WHERE ts IS NULL").await;
    let plan = retention("nulls").plan(now).await.unwrap();
    assert_eq!(goes(&plan), ["low", "next"]);
    script(&db, "DELETE FROM nulls WHERE v = 2; INSERT INTO nulls VALUES (NULL, 9)").await;
    let refused = retention("nulls").apply(&plan, plan.hash.into()).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::Drifted, "{refused}");
    assert_eq!(number(&db, sql("SELECT count(*) FROM nulls WHERE ts IS NULL")).await, 1);
}

#[tokio::test]
async fn case_05_partitions_by_time_and_tenant() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE raw (ts datetime NOT NULL, tenant int NOT NULL, v int) PARTITION BY RANGE COLUMNS (ts, tenant) (
           PARTITION a1 VALUES LESS THAN ('2026-01-01', 5), PARTITION a2 VALUES LESS THAN ('2026-01-01', MAXVALUE),
           PARTITION b1 VALUES LESS THAN ('2026-01-02', 5), PARTITION b2 VALUES LESS THAN ('2026-01-02', MAXVALUE),
           PARTITION c VALUES LESS THAN ('2026-02-01', 0), PARTITION rest VALUES LESS THAN (MAXVALUE, MAXVALUE));
         INSERT INTO raw VALUES ('2025-12-31', 9, 1), ('2026-01-01', 4, 2), ('2026-01-01', 5, 4), ('2026-01-01 12:00:00', 1, 8),
           ('2026-01-02', 4, 16), ('2026-01-02', 5, 32), ('2026-01-05', 1, 64);",
    )
    .await;
    let policy = Policy::for_table("raw").time("ts").meaning(Meaning::Utc);
    let policy = policy.downsample(Rollup::daily().of(["v"]).into("daily"));
    let policy = all_of(policy.drop_after(days(1)));
    let retention = Retention::new(db.clone()).policy(policy);
    // Rows of the very instant of the bound are in partitions on either side of it.
    let plan = retention.plan(at("2026-01-03T00:00:00Z")).await.unwrap();
    assert_eq!(goes(&plan), ["a1", "a2"], "{plan}");
    let plan = retention.plan(at("2026-01-04T00:00:00Z")).await.unwrap();
    assert_eq!(goes(&plan), ["a1", "a2", "b1", "b2"], "{plan}");
    let objects: Vec<_> = plan.steps.iter().flat_map(|step| &step.objects).map(ToString::to_string).collect();
    let dropped: Vec<_> = objects.iter().filter(|object| object.starts_with("raw/")).collect();
    assert_eq!(dropped, ["raw/a1", "raw/a2", "raw/b1", "raw/b2"], "each in exactly one step");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!(number(&db, sql("SELECT CAST(sum(v) AS SIGNED) FROM raw")).await, 64);
    assert_eq!(number(&db, sql("SELECT CAST(sum(v_sum) AS SIGNED) FROM daily")).await, 63);
}

#[tokio::test]
async fn case_22_and_23_what_is_gone_is_done_and_one_table_that_fails_stops_no_other() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE one (ts date NOT NULL) PARTITION BY RANGE (year(ts)) (PARTITION y1 VALUES LESS THAN (2020),
           PARTITION y2 VALUES LESS THAN (2021), PARTITION y3 VALUES LESS THAN (2031));
         CREATE TABLE two LIKE one; INSERT INTO one VALUES ('2019-05-05'), ('2020-05-05'), ('2022-01-01');
         INSERT INTO two SELECT * FROM one;",
    )
    .await;
    let policy = |table| {
        all_of(Policy::for_table(table).time("ts").meaning(Meaning::Utc).drop_after(Age::new(1, Unit::Month).unwrap()))
    };
    let retention = Retention::new(db.clone()).policy(policy("one")).policy(policy("two"));
    let plan = retention.plan(at("2026-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(goes(&plan), ["y1", "y2", "y1", "y2"], "{plan}");
    // Somebody reads the one for as long as it is tried.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) FROM one")).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!((report.count(Outcome::Done), report.count(Outcome::Failed)), (2, 2), "{:?}", report.outcomes);
    assert_eq!(report.exit_code, ExitCode::Partial);
    let said = report.outcomes.iter().find_map(|outcome| outcome.message.clone()).unwrap();
    assert!(said.to_lowercase().contains("lock wait timeout"), "{said}");
    assert_eq!(number(&db, sql("SELECT count(*) FROM two")).await, 1);
    assert_eq!(number(&db, sql("SELECT count(*) FROM one")).await, 3);
    reader.rollback().await.unwrap();
    assert_eq!(apply(&retention, at("2026-01-01T00:00:00Z")).await.unwrap(), ExitCode::Done);
    assert_eq!(number(&db, sql("SELECT count(*) FROM one")).await, 1);
}

#[tokio::test]
async fn case_25_hostile_names_are_names_on_the_server_too() {
    let Some((_database, db)) = database().await else { return };
    let [table, column, old, new] =
        ["x`; DROP TABLE users; --", "a.b", "`old`\"; --", "select"].map(|name| Ident::new(name).unwrap());
    script(&db, "CREATE TABLE users (id int)").await;
    let name = TableName::bare(table.clone());
    let mut create = SqlBuilder::new(db.engine());
    create
        .push("CREATE TABLE ")
        .table(&name)
        .push(" (")
        .ident(&column)
        .push(" datetime NOT NULL, v int, `by``me` text) ");
    create.push("PARTITION BY RANGE (to_days(").ident(&column).push(")) (PARTITION ").ident(&old);
    create.push(" VALUES LESS THAN (735000), PARTITION ").ident(&new).push(" VALUES LESS THAN (800000))");
    db.execute(create.build()).await.unwrap();
    let mut insert = SqlBuilder::new(db.engine());
    insert.push("INSERT INTO ").table(&name).push(" VALUES ('2010-01-01', 1, 'a'), ('2030-01-01', 2, 'b')");
    db.execute(insert.build()).await.unwrap();
    let policy = Policy::for_table("\"x`; DROP TABLE users; --\"").time("a.b").meaning(Meaning::Utc).by(["by`me"]);
    let policy = policy.downsample(Rollup::daily().of(["v"]).into("\"d'; --`\"")).drop_after(days(1));
    let retention = Retention::new(db.clone()).policy(all_of(policy));
    let plan = retention.plan(at("2026-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(drops(&plan).0, 1, "{plan}");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    let mut left = SqlBuilder::new(db.engine());
    left.push("SELECT count(*) FROM ").table(&name);
    assert_eq!(number(&db, left.build()).await, 1);
    assert_eq!(number(&db, sql("SELECT CAST(sum(v_sum) AS SIGNED) FROM `d'; --```")).await, 1);
    assert_eq!(number(&db, sql("SELECT count(*) FROM users")).await, 0, "it is still there");
}

#[tokio::test]
async fn partitions_are_rebuilt_once_each() {
    let Some((_database, db)) = database().await else { return };
    script(
        &db,
        "CREATE TABLE t (ts DATETIME NOT NULL, x INT) PARTITION BY RANGE COLUMNS (ts) (
           PARTITION `p``1` VALUES LESS THAN ('2026-01-02'), PARTITION p2 VALUES LESS THAN ('2026-01-03'),
           PARTITION p3 VALUES LESS THAN ('2026-01-31'));
         INSERT INTO t VALUES ('2026-01-01', 1), ('2026-01-02', 2), ('2026-01-30', 3)",
    )
    .await;
    let policy = || Policy::for_table("t").time("ts").meaning(Meaning::Utc).merge_after(days(10));
    let retention = |policy| Retention::new(db.clone()).policy(policy);
    let plan = retention(policy()).plan(at("2026-02-01T00:00:00Z")).await.unwrap();
    let compact: Vec<_> = plan.verdicts.iter().map(|verdict| verdict.verdict).collect();
    assert_eq!(compact, [Decision::Compact, Decision::Compact, Decision::Keep], "{plan}");
    assert_done(&retention(policy()).apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!(number(&db, sql("SELECT count(*) FROM t")).await, 3);
    assert!(retention(policy()).plan(at("2026-02-01T00:00:00Z")).await.unwrap().is_empty());
    let refused = retention(policy().archive_after(days(20), "r")).plan(at("2026-02-01T00:00:00Z")).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::BadInput, "{refused}");
}
