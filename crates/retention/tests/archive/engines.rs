//! Partitions and slices of servers, by every type that time is kept in.

use std::sync::Arc;

use chrono::NaiveDate;
use clusterkeep_core::Error;
use clusterkeep_core::sql::{Db, Engine, Ident, Statement, Value, sql};
use clusterkeep_retention::archive::{Part, Span, Target, restore, still_holds, verify};
use clusterkeep_retention::observe::PartitionId;
use clusterkeep_testkit::conformance::Subject;

use crate::kit::{Folder, Good as _, exported, name, rows, shown};

/// 2026-10-01 and 2026-11-01, as each kind of column keeps them.
fn october(column: &'static str) -> Span {
    let at = |month| NaiveDate::from_ymd_opt(2026, month, 1).unwrap();
    let (from, until) = (at(10), at(11));
    let value = |date: NaiveDate| -> Value {
        match column {
            "at" => Value::Timestamp(date.and_hms_opt(0, 0, 0).unwrap().and_utc()),
            "local" => Value::DateTime(date.and_hms_opt(0, 0, 0).unwrap()),
            "day" => Value::Date(date),
            "ms" => date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis().into(),
            _ => date.format("%Y-%m-%d").to_string().into(),
        }
    };
    Span::new(Ident::literal(column), value(from), value(until)).unwrap()
}

async fn script(db: &Db, text: &'static str) {
    db.session().await.unwrap().execute_script(&sql(text)).await.good("a script");
}

/// A row each six hours, from September to November, time in five forms.
async fn postgres_table(db: &Db) {
    script(
        db,
        "CREATE TABLE raw (at timestamptz NOT NULL, local timestamp, day date, ms bigint, txt text, v float8)
            PARTITION BY RANGE (at);
         CREATE TABLE raw_september PARTITION OF raw FOR VALUES FROM (MINVALUE) TO ('2026-10-01');
         CREATE TABLE \"raw; October\" PARTITION OF raw FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
         CREATE TABLE raw_november PARTITION OF raw FOR VALUES FROM ('2026-11-01') TO (MAXVALUE);
         INSERT INTO raw SELECT t, t AT TIME ZONE 'UTC', (t AT TIME ZONE 'UTC')::date, (extract(epoch FROM t) * 1000)::bigint,
            to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24'), extract(epoch FROM t)::float8 / 7
            FROM generate_series(timestamptz '2026-09-01', timestamptz '2026-11-30', '6 hours') AS s (t)",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_of_postgres() {
    let Some(subject) = Subject::new(Engine::Postgres).await else { return };
    let db = subject.connect().await;
    postgres_table(&db).await;
    let before = rows(&db, &name("raw"), "at").await;
    for column in ["at", "local", "day", "ms", "txt"] {
        let folder = Folder::new();
        let archived = exported(&folder.location, &db, &Part::slice(name("raw"), october(column))).await;
        assert_eq!(archived.manifest.rows, 31 * 4, "{column}");
        let archive = verify(&folder.location, &archived.manifest.name).await.good(column).name;
        db.execute(sql("DELETE FROM raw WHERE at >= '2026-10-01' AND at < '2026-11-01'")).await.unwrap();
        restore(&folder.location, &archive, &db, &Target::Own).await.good(column);
        assert_eq!(rows(&db, &name("raw"), "at").await, before, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_of_postgres() {
    let Some(subject) = Subject::new(Engine::Postgres).await else { return };
    let db = subject.connect().await;
    postgres_table(&db).await;
    let before = rows(&db, &name("raw"), "at").await;
    let id = PartitionId::Table(Arc::new(name("\"raw; October\"")));
    let part = Part::partition(name("raw"), id, Some(october("at")));
    let folder = Folder::new();
    let manifest = exported(&folder.location, &db, &part).await.manifest;
    assert_eq!((manifest.rows, manifest.partition.as_deref()), (31 * 4, Some("\"raw; October\"")));
    verify(&folder.location, &manifest.name).await.good("verify");

    // Compared, and dropped, in one transaction.
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap();
    still_holds(&mut *session, &part, &manifest).await.good("the same rows");
    session.execute(&sql("DROP TABLE \"raw; October\"")).await.unwrap();
    session.commit().await.unwrap();
    drop(session);
    let error = restore(&folder.location, &manifest.name, &db, &Target::Own).await.unwrap_err();
    assert!(shown(&error).contains("no partition"), "{}", shown(&error));
    script(&db, "CREATE TABLE october PARTITION OF raw FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')").await;
    restore(&folder.location, &manifest.name, &db, &Target::Own).await.good("restore");
    assert_eq!(rows(&db, &name("raw"), "at").await, before);
}

/// Neither a zone nor a style that a database has set for itself changes what is archived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_a_database_do_not_matter() {
    let Some(subject) = Subject::new(Engine::Postgres).await else { return };
    let db = subject.connect().await;
    let odd = "CREATE TABLE odd AS SELECT 1 AS id, interval '-1 day 2 hours' AS v, ARRAY[0.1::float8, 1/3.0] AS f, \
               tstzrange('2026-02-01', '2026-03-04') AS r, ARRAY['\\x00ff'::bytea] AS b";
    db.execute(Statement::assert_safe(odd)).await.unwrap();
    let folder = Folder::new();
    let first = exported(&folder.location, &db, &Part::whole(name("odd"))).await;
    let name_of = db.query(sql("SELECT current_database()")).await.unwrap().scalar::<String>().unwrap();
    for setting in [
        "datestyle = 'German, DMY'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = 0",
        "bytea_output = 'escape'",
    ] {
        let alter = format!("ALTER DATABASE {name_of} SET {setting}");
        db.execute(Statement::assert_safe(alter)).await.unwrap();
    }
    let other = subject.connect().await;
    let second = exported(&folder.location, &other, &Part::whole(name("odd"))).await;
    assert!(second.reused, "{:?} {:?}", first.manifest.columns, second.manifest.columns);
    restore(&folder.location, &first.manifest.name, &other, &Target::Table(name("back"))).await.good("restore");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_and_partitions_of_mariadb() {
    let Some(subject) = Subject::new(Engine::Mysql).await else { return };
    let db = subject.connect().await;
    script(
        &db,
        "CREATE TABLE raw (at TIMESTAMP(6) NULL, local DATETIME(6), day DATE NOT NULL, ms BIGINT, txt VARCHAR(20), v DOUBLE)
            PARTITION BY RANGE COLUMNS (day) (PARTITION september VALUES LESS THAN ('2026-10-01'),
            PARTITION `p; October` VALUES LESS THAN ('2026-11-01'), PARTITION rest VALUES LESS THAN (MAXVALUE));
         INSERT INTO raw SELECT t, t, DATE(t), ROUND(UNIX_TIMESTAMP(t) * 1000), DATE_FORMAT(t, '%Y-%m-%d %H'), UNIX_TIMESTAMP(t) / 7
            FROM (SELECT TIMESTAMP'2026-09-01 00:00:00' + INTERVAL seq * 6 HOUR AS t FROM seq_0_to_360) AS s",
    )
    .await;
    let before = rows(&db, &name("raw"), "at").await;
    let clear = sql("DELETE FROM raw WHERE day >= '2026-10-01' AND day < '2026-11-01'");
    for column in ["at", "local", "day", "ms", "txt"] {
        let folder = Folder::new();
        let archived = exported(&folder.location, &db, &Part::slice(name("raw"), october(column))).await;
        assert_eq!(archived.manifest.rows, 31 * 4, "{column}");
        let archive = verify(&folder.location, &archived.manifest.name).await.good(column).name;
        db.execute(clear.clone()).await.unwrap();
        restore(&folder.location, &archive, &db, &Target::Own).await.good(column);
        assert_eq!(rows(&db, &name("raw"), "at").await, before, "{column}");
    }
    let id = PartitionId::Name(Arc::new(Ident::literal("p; October")));
    let part = Part::partition(name("raw"), id, Some(october("day")));
    let folder = Folder::new();
    let manifest = exported(&folder.location, &db, &part).await.manifest;
    assert_eq!(manifest.rows, 31 * 4);
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap();
    still_holds(&mut *session, &part, &manifest).await.good("the same rows");
    session.execute(&sql("UPDATE raw SET v = v + 1 WHERE day = '2026-10-31'")).await.unwrap();
    let drifted = still_holds(&mut *session, &part, &manifest).await.unwrap_err();
    assert!(matches!(drifted, Error::Drifted { .. }), "{}", shown(&drifted));
    session.rollback().await.unwrap();
    db.execute(clear).await.unwrap();
    restore(&folder.location, &manifest.name, &db, &Target::Own).await.good("restore");
    assert_eq!(rows(&db, &name("raw"), "at").await, before);
}
