//! Every form of partition, and what a plan knows of it.

use clusterkeep_core::age::days;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::Db;
use clusterkeep_retention::model::{Format, Meaning, Policy, percent};
use clusterkeep_retention::plan::{Decision, Reason};
use clusterkeep_testkit::servers;

use crate::world::{apply, assert_done, at, dropped, drops, number, retention, script, seen};

const NOW: &str = "2026-06-15T12:00:00Z";

#[track_caller]
fn assert_seen(found: &std::collections::BTreeMap<String, String>, wanted: &[(&str, &str)]) {
    let wanted = wanted.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect();
    assert_eq!(*found, wanted);
}

async fn seen_of(db: &Db, policy: Policy) -> std::collections::BTreeMap<String, String> {
    seen(&retention(db, policy).plan(at(NOW)).await.unwrap())
}

const DEFAULT: &str = "its end is not known: it is the default partition";
const UNBOUNDED: &str = "its end is not known: it has no upper bound";
const OTHER_KEY: &str = "its end is not known: it is not partitioned by the column of time";
const NULL: &str = "its end is not known: its key is NULL";
const WIDTH: &str = "its end is not known: it tells its start alone; say how long it is with `time.width`";
const FORM: &str = "its end is not known: its key is not of the form that the policy says";
const FOREIGN: &str = "its end is not known: its data lies on another server";
const DETACHING: &str = "its end is not known: it is being detached";

#[tokio::test]
async fn case_03_ranges_of_time_and_what_has_no_end() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE raw (ts timestamptz) PARTITION BY RANGE (ts);
         CREATE TABLE p_old PARTITION OF raw FOR VALUES FROM (MINVALUE) TO ('2026-01-01 00:00:00+02');
         CREATE TABLE p_jan PARTITION OF raw FOR VALUES FROM ('2026-01-01 00:00:00+02') TO ('2026-02-01 00:00:00.5Z');
         CREATE TABLE p_wide PARTITION OF raw FOR VALUES FROM ('2026-02-01 00:00:00.5Z') TO ('2026-06-14T00:00:00Z');
         CREATE TABLE p_open PARTITION OF raw FOR VALUES FROM ('2030-01-01Z') TO ('infinity');
         CREATE TABLE p_last PARTITION OF raw FOR VALUES FROM ('infinity') TO (MAXVALUE);
         CREATE TABLE p_rest PARTITION OF raw DEFAULT;",
    )
    .await;
    assert_seen(
        &seen_of(&db, dropped("raw", 30)).await,
        &[
            ("p_old", "- .. 2025-12-31T22:00:00"),
            ("p_jan", "2025-12-31T22:00:00 .. 2026-02-01T00:00:00.500"),
            ("p_wide", "2026-02-01T00:00:00.500 .. 2026-06-14T00:00:00"),
            ("p_open", UNBOUNDED),
            ("p_last", UNBOUNDED),
            ("p_rest", DEFAULT),
        ],
    );
}

#[tokio::test]
async fn case_04_a_wide_partition_made_by_hand_stays_as_long_as_it_reaches() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE raw (ts timestamptz) PARTITION BY RANGE (ts);
         CREATE TABLE p_quarter PARTITION OF raw FOR VALUES FROM ('2026-03-01Z') TO ('2026-06-01Z');
         CREATE TABLE p_day PARTITION OF raw FOR VALUES FROM ('2026-02-01Z') TO ('2026-02-02Z');
         CREATE TABLE p_now PARTITION OF raw FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
         INSERT INTO raw VALUES ('2026-02-01Z'), ('2026-03-01Z'), ('2026-06-01Z');",
    )
    .await;
    let plan = retention(&db, dropped("raw", 30)).plan(at(NOW)).await.unwrap();
    assert_eq!(drops(&plan), ["p_day"], "{plan}");
    let plan = retention(&db, dropped("raw", 14)).plan(at(NOW)).await.unwrap();
    assert_eq!(drops(&plan), ["p_day", "p_quarter"], "the day before was its last: {plan}");
}

#[tokio::test]
async fn case_03_lists_last_as_long_as_the_policy_says() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE raw (ts date) PARTITION BY LIST (ts);
         CREATE TABLE p_1 PARTITION OF raw FOR VALUES IN ('2026-01-01');
         CREATE TABLE p_2 PARTITION OF raw FOR VALUES IN ('2026-01-09', '2026-01-02');
         CREATE TABLE p_null PARTITION OF raw FOR VALUES IN ('2026-01-03', NULL);
         CREATE TABLE p_ever PARTITION OF raw FOR VALUES IN ('infinity');
         CREATE TABLE p_rest PARTITION OF raw DEFAULT;",
    )
    .await;
    let policy = || dropped("raw", 30).meaning(Meaning::Zone(chrono_tz::Europe::Berlin));
    let rest = [("p_null", NULL), ("p_ever", UNBOUNDED), ("p_rest", DEFAULT)];
    let known =
        [("p_1", "2025-12-31T23:00:00 .. 2026-01-01T23:00:00"), ("p_2", "2026-01-01T23:00:00 .. 2026-01-09T23:00:00")];
    assert_seen(&seen_of(&db, policy().width(Every::Day)).await, &[&known[..], &rest[..]].concat());
    assert_seen(&seen_of(&db, policy()).await, &[&[("p_1", WIDTH), ("p_2", WIDTH)][..], &rest[..]].concat());
    let monthly = seen_of(&db, policy().width(Every::Month)).await;
    assert_eq!(monthly["p_1"], "2025-12-31T23:00:00 .. 2026-01-31T23:00:00");
    assert_eq!(monthly["p_2"], WIDTH, "the 9th begins no month");
}

#[tokio::test]
async fn case_03_numbers_texts_and_times_without_a_zone_are_read_by_type() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        r#"CREATE TABLE millis (ts bigint) PARTITION BY RANGE (ts);
         CREATE TABLE m_1 PARTITION OF millis FOR VALUES FROM (-1) TO (1000);
         CREATE TABLE m_2 PARTITION OF millis FOR VALUES FROM (9223372036854775806) TO (9223372036854775807);
         CREATE TABLE months (ts integer) PARTITION BY LIST (ts);
         CREATE TABLE d_1 PARTITION OF months FOR VALUES IN (202601, 202602);
         CREATE TABLE d_2 PARTITION OF months FOR VALUES IN (202613);
         CREATE TABLE texts (ts text COLLATE "C") PARTITION BY RANGE (ts);
         CREATE TABLE t_1 PARTITION OF texts FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
         CREATE TABLE t_2 PARTITION OF texts FOR VALUES FROM ('2026-01-02') TO ('it''s'', ''no'') TO (''day');
         CREATE TABLE civil (ts timestamp) PARTITION BY RANGE (ts);
         CREATE TABLE c_1 PARTITION OF civil FOR VALUES FROM ('2026-10-25 00:00') TO ('2026-10-25 02:30');
         CREATE TABLE c_2 PARTITION OF civil FOR VALUES FROM ('2026-10-25 02:30') TO ('2026-10-26');"#,
    )
    .await;
    let of = |table: &str, meaning| dropped(table, 30).meaning(meaning);
    let format = |format: &str| Meaning::Format(Format { format: format.into(), zone: chrono_tz::UTC });
    assert_seen(
        &seen_of(&db, of("millis", Meaning::EpochMillis)).await,
        &[("m_1", "1969-12-31T23:59:59.999 .. 1970-01-01T00:00:01"), ("m_2", FORM)],
    );
    assert_seen(
        &seen_of(&db, of("months", format("%Y%m")).width(Every::Month)).await,
        &[("d_1", "2026-01-01T00:00:00 .. 2026-03-01T00:00:00"), ("d_2", FORM)],
    );
    assert_seen(
        &seen_of(&db, of("texts", format("%Y-%m-%d"))).await,
        &[("t_1", "2026-01-01T00:00:00 .. 2026-01-02T00:00:00"), ("t_2", FORM)],
    );
    assert_seen(
        &seen_of(&db, of("civil", Meaning::Zone(chrono_tz::Europe::Berlin))).await,
        &[("c_1", "2026-10-24T22:00:00 .. 2026-10-25T01:30:00"), ("c_2", "2026-10-25T00:30:00 .. 2026-10-25T23:00:00")],
    );
}

#[tokio::test]
async fn case_05_trees_of_tenants_and_days_go_node_by_node() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE raw (ts timestamptz, tenant text, kind int) PARTITION BY LIST (tenant);
         CREATE TABLE a PARTITION OF raw FOR VALUES IN ('a') PARTITION BY RANGE (ts);
         CREATE TABLE a_1 PARTITION OF a FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z') PARTITION BY HASH (kind);
         CREATE TABLE a_1_0 PARTITION OF a_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE a_1_1 PARTITION OF a_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         CREATE TABLE a_2 PARTITION OF a FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
         CREATE TABLE b PARTITION OF raw FOR VALUES IN ('b') PARTITION BY LIST (kind);
         CREATE TABLE b_1 PARTITION OF b FOR VALUES IN (1) PARTITION BY RANGE (ts);
         CREATE TABLE b_1_1 PARTITION OF b_1 FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
         CREATE TABLE b_1_rest PARTITION OF b_1 DEFAULT;
         CREATE TABLE b_2 PARTITION OF b FOR VALUES IN (2);
         CREATE TABLE c PARTITION OF raw DEFAULT;
         INSERT INTO raw SELECT '2026-01-01Z'::timestamptz + make_interval(days => n % 20), t, 1 + n % 2
           FROM generate_series(1, 100) n, unnest(ARRAY['a', 'b', 'c']) t;
         INSERT INTO raw VALUES ('2026-06-10Z', 'a', 1);",
    )
    .await;
    let january = "2026-01-01T00:00:00 .. 2026-02-01T00:00:00";
    let retention = retention(&db, dropped("raw", 30));
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_seen(
        &seen(&plan),
        &[
            ("a_1", january),
            ("a_2", "2026-06-01T00:00:00 .. 2026-07-01T00:00:00"),
            ("b_1_1", january),
            ("b_1_rest", DEFAULT),
            ("b_2", OTHER_KEY),
            ("c", DEFAULT),
        ],
    );
    assert_eq!(drops(&plan), ["a_1", "b_1_1"], "{plan}");
    let a = plan.verdicts.iter().find(|verdict| verdict.detail.rows() == Some(100)).unwrap();
    assert!(a.detail.bytes().unwrap() > 0, "what lies below a partition is part of it");
    assert_done(&retention.apply(&plan, plan.hash.into()).await.unwrap());
    assert_eq!(number(&db, "SELECT count(*) FROM raw WHERE tenant = 'a'").await, 1);
    assert_eq!(number(&db, "SELECT count(*) FROM raw WHERE tenant = 'b'").await, 50);
    assert_eq!(number(&db, "SELECT count(*) FROM raw WHERE tenant = 'c'").await, 100);
    assert_eq!(
        number(&db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'a_1%'").await,
        0,
        "with all that is below it"
    );
}

#[tokio::test]
async fn case_05_time_within_a_key_of_several_columns() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE first (ts date, n int) PARTITION BY RANGE (ts, n);
         CREATE TABLE f_1 PARTITION OF first FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-01-02', MINVALUE);
         CREATE TABLE f_2 PARTITION OF first FOR VALUES FROM ('2026-01-02', MINVALUE) TO ('2026-01-03', 5);
         CREATE TABLE f_3 PARTITION OF first FOR VALUES FROM ('2026-01-03', 5) TO ('2026-01-03', MAXVALUE);
         CREATE TABLE second (ts date, n int) PARTITION BY RANGE (n, ts);
         CREATE TABLE s_1 PARTITION OF second FOR VALUES FROM (1, '2026-01-01') TO (1, '2026-01-02');
         CREATE TABLE computed (ts date) PARTITION BY RANGE ((ts + 1));
         CREATE TABLE e_1 PARTITION OF computed FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
         CREATE TABLE plain (ts date) PARTITION BY RANGE ((ts));
         CREATE TABLE x_1 PARTITION OF plain FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');",
    )
    .await;
    let of = |table: &str| dropped(table, 30).meaning(Meaning::Utc);
    assert_seen(
        &seen_of(&db, of("first")).await,
        &[
            ("f_1", "2026-01-01T00:00:00 .. 2026-01-02T00:00:00"),
            ("f_2", "2026-01-02T00:00:00 .. 2026-01-04T00:00:00"),
            ("f_3", "2026-01-03T00:00:00 .. 2026-01-04T00:00:00"),
        ],
    );
    assert_seen(&seen_of(&db, of("second")).await, &[("s_1", OTHER_KEY)]);
    assert_seen(&seen_of(&db, of("computed")).await, &[("e_1", OTHER_KEY)]);
    assert_seen(&seen_of(&db, of("plain")).await, &[("x_1", "2026-01-01T00:00:00 .. 2026-01-02T00:00:00")]);
}

#[tokio::test]
async fn case_03_what_lies_elsewhere_or_is_being_detached_stays() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE FOREIGN DATA WRAPPER elsewhere;
         CREATE SERVER other FOREIGN DATA WRAPPER elsewhere;
         CREATE TABLE raw (ts timestamptz, n int) PARTITION BY RANGE (ts);
         CREATE FOREIGN TABLE p_far PARTITION OF raw FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z') SERVER other;
         CREATE TABLE p_mixed PARTITION OF raw FOR VALUES FROM ('2026-01-02Z') TO ('2026-01-03Z') PARTITION BY LIST (n);
         CREATE FOREIGN TABLE p_mixed_far PARTITION OF p_mixed FOR VALUES IN (1) SERVER other;
         CREATE TABLE p_near PARTITION OF raw FOR VALUES FROM ('2026-01-03Z') TO ('2026-01-04Z');",
    )
    .await;
    let day = "2026-01-03T00:00:00 .. 2026-01-04T00:00:00";
    assert_seen(&seen_of(&db, dropped("raw", 30)).await, &[("p_far", FOREIGN), ("p_mixed", FOREIGN), ("p_near", day)]);

    script(
        &db,
        "CREATE TABLE half (ts timestamptz) PARTITION BY RANGE (ts);
         CREATE TABLE h_1 PARTITION OF half FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z');",
    )
    .await;
    // A reader of an older state keeps it from being finished; it is cancelled then, and stays half done.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&"SELECT count(*) AS n FROM half".into()).await.unwrap();
    let mut other = db.session().await.unwrap();
    other.query(&"SELECT set_config('lock_timeout', '300', false)".into()).await.unwrap();
    other.execute(&"ALTER TABLE half DETACH PARTITION h_1 CONCURRENTLY".into()).await.unwrap_err();
    reader.rollback().await.unwrap();
    assert_seen(&seen_of(&db, dropped("half", 30)).await, &[("h_1", DETACHING)]);
}

#[tokio::test]
async fn case_25_odd_names_are_names_and_nothing_else() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        r#"CREATE SCHEMA "odd.one";
         CREATE TABLE "odd.one"."ra""w'; DROP" (ts timestamptz) PARTITION BY RANGE (ts);
         CREATE TABLE "odd.one"."p.1 ""; DROP TABLE x" PARTITION OF "odd.one"."ra""w'; DROP"
           FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z');
         CREATE TABLE "odd.one"."größe" PARTITION OF "odd.one"."ra""w'; DROP" FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
         INSERT INTO "odd.one"."ra""w'; DROP" VALUES ('2026-01-01Z'), ('2026-06-01Z');"#,
    )
    .await;
    let policy = dropped(r#""odd.one"."ra""w'; DROP""#, 30);
    assert_done(&apply(&retention(&db, policy), NOW).await);
    assert_eq!(number(&db, r#"SELECT count(*) FROM "odd.one"."ra""w'; DROP""#).await, 1);
    assert_eq!(number(&db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'p.1%'").await, 0);
}

/// A table of so many rows, analysed or not.
async fn plain(db: &Db, rows: u32, analysed: bool) {
    script(
        db,
        format!(
            "DROP TABLE IF EXISTS plain;
             CREATE TABLE plain (ts timestamptz, filler text) WITH (autovacuum_enabled = false);
             INSERT INTO plain SELECT '2026-01-01Z'::timestamptz + make_interval(secs => n), repeat('x', 50)
               FROM generate_series(1, {rows}) n;"
        ),
    )
    .await;
    if analysed {
        script(db, "ANALYZE plain").await;
    }
}

#[tokio::test]
async fn slices_of_a_large_table_need_an_index_that_leads_to_them() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    let refused = async || {
        let policy = Policy::for_table("plain").time("ts").drop_after(days(30)).max_share(percent(100)).keep_newest(1);
        let plan = retention(&db, policy).plan(at(NOW)).await.unwrap();
        let refused = plan.refused().filter(|verdict| verdict.reason == Reason::NoIndex).count();
        let gone = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop).count();
        assert!(refused + gone > 0, "{plan}");
        refused > 0
    };
    plain(&db, 90_000, true).await;
    assert!(!refused().await, "few rows are read soon enough");
    plain(&db, 100_000, false).await;
    assert!(refused().await, "never analysed, and of some megabytes");
    plain(&db, 150_000, true).await;
    assert!(refused().await, "no index");
    let useless = [
        "CREATE INDEX plain_i ON plain (filler, ts)",
        "CREATE INDEX plain_i ON plain (ts) WHERE ts > '2026-05-01Z'",
        "CREATE INDEX plain_i ON plain ((ts AT TIME ZONE 'UTC'))",
        "CREATE INDEX plain_i ON plain USING hash (ts)",
    ];
    for index in useless {
        script(&db, index).await;
        assert!(refused().await, "{index}");
        script(&db, "DROP INDEX plain_i").await;
    }
    for index in ["CREATE INDEX plain_i ON plain (ts, filler)", "CREATE INDEX plain_i ON plain USING brin (filler, ts)"]
    {
        script(&db, index).await;
        assert!(!refused().await, "{index}");
        script(&db, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'plain_i'::regclass").await;
        assert!(refused().await, "{index}, which is not valid");
        script(&db, "DROP INDEX plain_i").await;
    }
    script(&db, "CREATE INDEX ON plain (ts); CREATE TABLE heir () INHERITS (plain); INSERT INTO heir SELECT * FROM plain; ANALYZE heir").await;
    assert!(refused().await, "what inherits from it is part of it");
}

#[tokio::test]
async fn rules_and_triggers_of_whole_statements_are_side_effects_as_well() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    // Two days, of which the older may go.
    plain(&db, 100_000, true).await;
    script(
        &db,
        "CREATE INDEX ON plain (ts);
         CREATE TABLE log (n int);
         CREATE TABLE heir () INHERITS (plain);
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER as_a_whole AFTER DELETE ON plain FOR EACH STATEMENT EXECUTE FUNCTION nothing();
         CREATE TRIGGER switched_off AFTER DELETE ON plain FOR EACH ROW EXECUTE FUNCTION nothing();
         ALTER TABLE plain DISABLE TRIGGER switched_off;
         CREATE TRIGGER of_heir AFTER DELETE ON heir FOR EACH ROW EXECUTE FUNCTION nothing();
         CREATE RULE also AS ON DELETE TO plain DO ALSO INSERT INTO log VALUES (1);",
    )
    .await;
    let plan = retention(&db, dropped("plain", 30)).plan(at(NOW)).await.unwrap();
    let mut refused = plan.refused().map(|verdict| verdict.reason.clone());
    let Some(Reason::SideEffects { what }) = refused.next() else { panic!("{plan}") };
    assert_eq!(what, ["rule also", "trigger as_a_whole", "trigger of_heir"]);
    assert!(drops(&plan).is_empty());
}
