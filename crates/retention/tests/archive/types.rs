//! Each type of the conformance suite goes out and comes back equal, on each engine.

use clusterkeep_core::sql::{Db, Engine, SqlBuilder, TableName, Value, sql};
use clusterkeep_retention::archive::{Part, Target, export, restore, still_holds, verify};
use clusterkeep_testkit::conformance::Subject;
use clusterkeep_testkit::conformance::type_cases::cases;

use crate::kit::{Folder, Good as _, context, exported, name, rows, shown};

/// To the last bit: the sign of zero and all NaN.
fn bits(rows: &[Vec<Value>]) -> String {
    let cell = |value: &Value| match value {
        Value::Float(x) => format!("Float({:x})", x.to_bits()),
        other => format!("{other:?}"),
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

async fn filled(db: &Db, table: &TableName, declared: &'static str, values: impl Iterator<Item = Value>) {
    let mut create = SqlBuilder::new(db.engine());
    create.push("CREATE TABLE ").table(table).push(" (id BIGINT, v ").push(declared).push(")");
    db.execute(create.build()).await.unwrap();
    for (id, value) in (0_i64..).zip(values) {
        let mut insert = SqlBuilder::new(db.engine());
        insert.push("INSERT INTO ").table(table).push(" (id, v) VALUES (?, ?)");
        db.execute(insert.build().bind(id).bind(value)).await.unwrap();
    }
}

async fn round_trip(engine: Engine) {
    let Some(subject) = Subject::new(engine).await else { return };
    let db = subject.connect().await;
    for (nth, case) in cases(engine).into_iter().enumerate() {
        let table = name(&format!("t{nth}"));
        let values = case.pairs.iter().map(|(written, _)| written.clone()).chain([Value::Null]);
        filled(&db, &table, case.declared, values).await;
        let before = rows(&db, &table, "id").await;
        let folder = Folder::new();
        let part = Part::whole(table.clone());
        let archived = export(&folder.location, &db, &part, &context()).await.good(case.declared);
        let archive = archived.manifest.name.clone();
        verify(&folder.location, &archive).await.good(case.declared);
        let mut session = db.session().await.unwrap();
        session.begin().await.unwrap();
        still_holds(&mut *session, &part, &archived.manifest).await.good(case.declared);
        session.rollback().await.unwrap();
        drop(session);

        let beside = name(&format!("t{nth}_back"));
        let target = Target::Table(beside.clone());
        let restored = restore(&folder.location, &archive, &db, &target).await.good(case.declared);
        assert!(restored.created);
        assert_eq!(bits(&rows(&db, &beside, "id").await), bits(&before), "{}", case.declared);

        let mut clear = SqlBuilder::new(engine);
        clear.push("DELETE FROM ").table(&table);
        db.execute(clear.build()).await.unwrap();
        restore(&folder.location, &archive, &db, &Target::Own).await.good(case.declared);
        assert_eq!(bits(&rows(&db, &table, "id").await), bits(&before), "{}", case.declared);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sqlite() {
    round_trip(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_postgres() {
    round_trip(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_mariadb() {
    round_trip(Engine::Mysql).await;
}

/// Rows as the server writes them.
async fn as_text(db: &Db, query: &'static str) -> Vec<String> {
    db.query(sql(query)).await.unwrap().rows().map(|row| row.get(0).unwrap()).collect()
}

/// Types that the suite does not have: the server's own text of them goes out and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_postgres_that_go_as_text() {
    let Some(subject) = Subject::new(Engine::Postgres).await else { return };
    let db = subject.connect().await;
    let script = sql("CREATE TYPE mood AS ENUM ('so, so', 'it''s \"fine\"'); CREATE DOMAIN score AS numeric(5,2) CHECK (value >= 0);
        CREATE TABLE odd (id bigint GENERATED ALWAYS AS IDENTITY, m mood, s score, i inet, v interval, b bit(3), r tstzrange,
            a int[][], ms mood[], tz timetz, p point, n numeric, j json, d timestamptz(3), dbl bigint GENERATED ALWAYS AS (id * 2) STORED,
            c varchar(5)[], small numeric(5,2), w numeric(3,-1));
        INSERT INTO odd (m, s, i, v, b, r, a, ms, tz, p, n, j, d, c, small, w) VALUES
            ('so, so', 1.50, '10.0.0.1/8', '1 year -3 days 04:05:06.000007', b'101', '[2026-01-01 00:00:00.1+02,)', '{{1,2},{3,NULL}}',
             '{\"so, so\",NULL}', '12:00:00.5+05:30', '(0.1,-1e300)', 'NaN', '{\"b\": 1, \"a\":  1e400, \"b\": 2}', '2026-01-01', '{\"a,b\",\"\"}', 1.10, 120),
            ('it''s \"fine\"', 0, '::1', '-1 mon', b'000', 'empty', '[3:4]={7,8}', '{}', '00:00:00-12', '(NaN,Infinity)', 'Infinity', '[]',
             '0044-03-15 12:00:00+00 BC', NULL, -0.01, -10), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             123456789012345678901234567890123456789012345.6789, NULL, NULL, NULL, NULL, NULL);");
    db.session().await.unwrap().execute_script(&script).await.good("odd types");
    let folder = Folder::new();
    let before = as_text(&db, "SELECT odd::text FROM odd ORDER BY id").await;
    let archived = exported(&folder.location, &db, &Part::whole(name("odd"))).await;
    verify(&folder.location, &archived.manifest.name).await.unwrap();
    let beside = Target::Table(name("odd_back"));
    restore(&folder.location, &archived.manifest.name, &db, &beside).await.good("odd types");
    assert_eq!(as_text(&db, "SELECT odd_back::text FROM odd_back ORDER BY id").await, before);

    db.execute(sql("DELETE FROM odd")).await.unwrap();
    let own = restore(&folder.location, &archived.manifest.name, &db, &Target::Own).await;
    assert_eq!(own.good("odd types").rows, 3);
    assert_eq!(as_text(&db, "SELECT odd::text FROM odd ORDER BY id").await, before);
}

/// What can't be kept is told by name, and nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_cannot_be_kept_are_refused() {
    for (engine, table) in [
        (Engine::Postgres, "CREATE TABLE odd (id bigint, price money)"),
        (Engine::Mysql, "CREATE TABLE odd (id bigint, price point)"),
    ] {
        let Some(subject) = Subject::new(engine).await else { continue };
        let db = subject.connect().await;
        db.execute(sql(table)).await.unwrap();
        let folder = Folder::new();
        let error = export(&folder.location, &db, &Part::whole(name("odd")), &context()).await.unwrap_err();
        assert!(matches!(error, clusterkeep_core::Error::Refused { .. }), "{}", shown(&error));
        assert!(error.to_string().contains("`price`"), "{}", shown(&error));
        assert!(folder.files().is_empty());
    }
}

/// A value that can't be kept ends the export, and leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_cannot_be_kept_leave_nothing() {
    let Some(subject) = Subject::new(Engine::Postgres).await else { return };
    let db = subject.connect().await;
    for (nth, value) in [
        "'infinity'::timestamptz",
        "'-infinity'::date",
        "'NaN'::numeric(4,2)",
        "'24:00'::time",
        "'infinity'::timestamp",
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("odd{nth}");
        let create = match nth {
            2 => format!("CREATE TABLE {table} (id bigint, odd numeric(4,2)); INSERT INTO {table} VALUES (1, {value})"),
            _ => format!("CREATE TABLE {table} AS SELECT 1 AS id, {value} AS odd"),
        };
        let create = clusterkeep_core::sql::Statement::assert_safe(create);
        db.session().await.unwrap().execute_script(&create).await.unwrap();
        let folder = Folder::new();
        let error = export(&folder.location, &db, &Part::whole(name(&table)), &context()).await.unwrap_err();
        let clusterkeep_core::Error::Decode { column, .. } = &error else { panic!("{value}: {}", shown(&error)) };
        assert_eq!(column, "odd");
        assert!(folder.files().is_empty(), "{:?}", folder.files());
    }
}
