//! Copies between two CrateDBs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::Utc;
use clusterkeep_core::ExitCode;
use clusterkeep_core::copy::{Decision, Reason, TableCopy};
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::{Db, Engine, Statement};
use clusterkeep_testkit::proxy::Proxy;
use clusterkeep_testkit::servers;
use tempfile::TempDir;

/// Every type that CrateDB keeps, names that need quotes, generated columns, a partition, an index and a check.
const EVERYTHING: &str = r#"CREATE TABLE "src"."We'ird" (
    "id" BIGINT GENERATED ALWAYS AS cast("ts" AS BIGINT),
    "ts" TIMESTAMP WITH TIME ZONE NOT NULL,
    "o""r" TEXT DEFAULT 'x''y; -- ?',
    "o" OBJECT(STRICT) AS ("a" INTEGER, "b c" TEXT, "n" OBJECT(DYNAMIC) AS ("z" TEXT INDEX USING FULLTEXT)),
    "free" OBJECT(IGNORED),
    "arr" ARRAY(INTEGER),
    "ao" ARRAY(OBJECT(IGNORED) AS ("q" INTEGER)),
    "g'p" GEO_POINT,
    "gs" GEO_SHAPE INDEX USING GEOHASH WITH (precision = '1m', distance_error_pct = 0.1),
    "b" BOOLEAN, "r" REAL, "d" DOUBLE PRECISION, "i" IP, "num" NUMERIC(20, 4), "bits" BIT(8), "fv" FLOAT_VECTOR(3),
    "vc" VARCHAR(5), "c" CHARACTER(3), "t2" TIMESTAMP WITHOUT TIME ZONE, "byt" BYTE, "sm" SMALLINT, "u" UUID,
    "ats" ARRAY(TIMESTAMP WITH TIME ZONE), "anum" ARRAY(NUMERIC(10, 2)), "aip" ARRAY(IP), "agp" ARRAY(GEO_POINT),
    "day" TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS date_trunc('day', "ts"),
    "sto" TEXT STORAGE WITH (columnstore = false), "noidx" TEXT INDEX OFF,
    INDEX "ft" USING FULLTEXT ("sto") WITH (analyzer = 'english'),
    CONSTRAINT "p" CHECK ("d" > 0), PRIMARY KEY ("ts", "day")
) CLUSTERED BY ("ts") INTO 2 SHARDS PARTITIONED BY ("day") WITH (column_policy = 'dynamic', number_of_replicas = 0)"#;

const ROW: &str = r#"INSERT INTO "src"."We'ird" ("ts", "o""r", "o", "free", "arr", "ao", "g'p", "gs", "b", "r", "d", "i", "num",
    "bits", "fv", "vc", "c", "t2", "byt", "sm", "u", "ats", "anum", "aip", "agp", "sto", "noidx") VALUES
    ('2026-01-02T03:04:05.678Z', 'it''s ?', {a = 1, "b c" = 'x', n = {z = 'deep', new = 1.5}}, {"x'y" = [1, 2], e = {}},
     [1, NULL, 3], [{q = 1}, {w = 'w'}], [9.75, 47.41], 'POLYGON ((5 5, 10 5, 10 10, 5 10, 5 5))', true, 0.1, 1e300,
     '2001:db8::1', 1234567890123456.7891, B'01010101', [0.25, 0.5, 1.5], 'vc', 'c', '2026-01-02T03:04:05.678', -128,
     -32768, '6b1c9f6e-3c53-4d38-8f5a-6d1e0f8f9b1a', ['2026-01-02', NULL], [1.25], ['127.0.0.1'], [[1.0, 2.0]], 'sto', 'n'),
    ('2026-01-03', NULL, NULL, NULL, [], [], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"#;

async fn run(db: &Db, text: &str) -> u64 {
    db.execute(Statement::assert_safe(text)).await.unwrap()
}

async fn show(db: &Db, text: &str) -> String {
    db.query(Statement::assert_safe(text)).await.unwrap().to_string()
}

async fn rows(db: &Db, table: &str) -> i64 {
    run(db, &format!("REFRESH TABLE {table}")).await;
    db.query(Statement::assert_safe(format!("SELECT count(*) FROM {table}"))).await.unwrap().scalar().unwrap()
}

/// Two servers: the shared one of this program, and one of the test's own.
struct Two {
    source: Db,
    target: Db,
    target_url: String,
    _server: clusterkeep_core::managed::local::LocalServer,
    _database: servers::TestDatabase,
    folder: TempDir,
}

impl Two {
    async fn start() -> Option<Self> {
        let database = servers::cratedb().await?;
        let server = servers::private(Engine::Cratedb).await?;
        let target_url = server.url().to_owned();
        let target = Db::connect(&target_url).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            source: database.connect().await,
            target,
            target_url,
            _server: server,
            _database: database,
            folder,
        })
    }

    fn copy(&self, schema: &str) -> TableCopy {
        TableCopy::new(self.source.clone(), self.target.clone())
            .schema(clusterkeep_core::sql::Ident::new(schema).unwrap())
            .state_folder(self.folder.path())
    }
}

#[tokio::test]
async fn every_type_comes_over_as_it_is_and_a_second_run_keeps_it() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, EVERYTHING).await;
    assert_eq!(run(&two.source, ROW).await, 2);
    run(&two.source, "CREATE TABLE src.plain (a BIGINT, b TEXT) WITH (number_of_replicas = 0)").await;
    run(&two.source, "INSERT INTO src.plain SELECT g, 'row ' || g FROM generate_series(1, 5000) g (g)").await;
    run(&two.source, "CREATE TABLE src.nothing (a BIGINT) WITH (number_of_replicas = 0)").await;
    run(&two.source, "CREATE VIEW src.seen AS SELECT 1").await;
    rows(&two.source, "src.plain").await;
    rows(&two.source, "\"src\".\"We'ird\"").await;

    let copy = two.copy("src").batch(700);
    let plan = copy.plan(Utc::now()).await.unwrap();
    let shown = plan.to_string();
    assert!(shown.contains("copy 3 tables (5,002 rows)"), "{shown}");
    assert!(shown.contains("not there yet; made as it is at the source"), "{shown}");
    let there = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'src'";
    let there = two.target.query(Statement::assert_safe(there)).await.unwrap();
    assert!(there.is_empty(), "a plan changes nothing");

    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(rows(&two.target, "src.plain").await, 5000);
    for query in [
        "SHOW CREATE TABLE \"src\".\"We'ird\"",
        // With a limit rows are read one by one: points come rounded where whole columns are read.
        "SELECT * FROM \"src\".\"We'ird\" ORDER BY ts LIMIT 10",
        "SELECT \"g'p\", \"agp\" FROM \"src\".\"We'ird\" ORDER BY ts LIMIT 10",
        "SELECT sum(a), count(DISTINCT b) FROM src.plain",
    ] {
        assert_eq!(show(&two.target, query).await, show(&two.source, query).await, "{query}");
    }
    let left = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%clusterkeep%'";
    assert!(two.target.query(Statement::assert_safe(left)).await.unwrap().is_empty());

    // Once more: what was copied and verified stays; what has other rows by now is refused.
    let plan = copy.plan(Utc::now()).await.unwrap();
    assert!(plan.is_empty() && plan.verdicts.iter().all(|verdict| verdict.verdict == Decision::Keep), "{plan}");
    run(&two.source, "INSERT INTO src.plain (a) VALUES (0)").await;
    rows(&two.source, "src.plain").await;
    let plan = copy.plan(Utc::now()).await.unwrap();
    let refused: Vec<_> = plan.refused().map(|verdict| verdict.reason.clone()).collect();
    assert_eq!(refused, [Reason::HasRows { rows: 5000, source_rows: 5001 }]);
    assert_eq!(plan.exit_code(false), ExitCode::Refused);
}

#[tokio::test]
async fn tables_that_cannot_be_copied_are_refused_with_the_reason() {
    let Some(two) = Two::start().await else { return };
    for table in [
        "blocked (a INT) WITH (\"blocks.write\" = true)",
        "moving (a INT, t TIMESTAMP GENERATED ALWAYS AS now())",
        "other (a INT)",
        "loaded (a INT)",
        "given (a INT)",
    ] {
        run(&two.source, &format!("CREATE TABLE no.{table}")).await;
    }
    run(&two.target, "CREATE TABLE no.other (b INT) WITH (number_of_replicas = 0)").await;
    run(&two.target, "CREATE TABLE no.loaded (a INT) WITH (number_of_replicas = 0)").await;
    run(&two.target, "INSERT INTO no.loaded VALUES (1)").await;
    run(&two.target, "REFRESH TABLE no.loaded").await;
    run(&two.target, "CREATE TABLE no.given (a INT) WITH (number_of_replicas = 0)").await;
    run(&two.target, "CREATE USER reader").await;
    run(&two.target, "GRANT DQL ON TABLE no.given TO reader").await;
    let copy = two.copy("no");
    let plan = copy.plan(Utc::now()).await.unwrap();
    // Without the first line and the last, whose address and hash are others each time.
    let shown = plan.to_string();
    insta::assert_snapshot!(shown.lines().skip(2).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
    assert!(shown.ends_with(": nothing to do; 5 tables refused\n"), "{shown}");
    assert!(plan.is_empty());

    let names = |name: &str| [name.parse().unwrap()];
    let error = copy.clone().tables(names("no.blockd")).plan(Utc::now()).await.unwrap_err();
    assert_eq!(error.to_string(), "table not found: `no.blockd`");
    assert_eq!(error.hint().as_deref(), Some("did you mean `no.blocked`?"));
    let itself = TableCopy::new(two.source.clone(), two.source.clone())
        .tables(names("no.other"))
        .state_folder(two.folder.path());
    assert_eq!(itself.plan(Utc::now()).await.unwrap().verdicts[0].reason, Reason::Itself);
}

#[tokio::test]
async fn an_empty_table_is_replaced_and_one_that_was_written_to_meanwhile_is_not() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, "CREATE TABLE s.t (a INT, b TEXT)").await;
    run(&two.source, "INSERT INTO s.t VALUES (1, 'one'), (2, 'two')").await;
    rows(&two.source, "s.t").await;
    run(&two.target, "CREATE TABLE s.t (b TEXT, a BIGINT PRIMARY KEY) WITH (number_of_replicas = 0)").await;
    let copy = two.copy("s");
    let plan = copy.plan(Utc::now()).await.unwrap();
    run(&two.target, "INSERT INTO s.t (a) VALUES (7)").await;
    rows(&two.target, "s.t").await;
    let error = copy.apply(&plan, plan.hash.into()).await.unwrap_err();
    assert!(matches!(error, clusterkeep_core::Error::Drifted { .. }), "{error}");

    run(&two.target, "DELETE FROM s.t").await;
    rows(&two.target, "s.t").await;
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(rows(&two.target, "s.t").await, 2);
    assert!(show(&two.target, "SHOW CREATE TABLE s.t").await.contains("PRIMARY KEY"), "it is of the target's own make");
}

#[tokio::test]
async fn a_cut_in_the_middle_leaves_nothing_under_the_final_name_and_a_rerun_converges() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, "CREATE TABLE f.t (a BIGINT, b TEXT) CLUSTERED INTO 1 SHARDS").await;
    run(&two.source, "INSERT INTO f.t SELECT g, repeat('x', 200) FROM generate_series(1, 30000) g (g)").await;
    rows(&two.source, "f.t").await;
    let port = two.target_url.parse::<clusterkeep_core::address::DatabaseUrl>().unwrap().port();
    let proxy = std::sync::Arc::new(Proxy::to(port).await.unwrap());
    let through = Db::connect(&proxy.reroute(&two.target_url)).await.unwrap();
    let cut = std::sync::Arc::clone(&proxy);
    let events = clusterkeep_core::event::Events::to(move |event| {
        if matches!(event, clusterkeep_core::event::Event::Progress { done, .. } if done >= 9_000) {
            cut.cut();
        }
    });
    let base = TableCopy::new(two.source.clone(), through)
        .schema(clusterkeep_core::sql::Ident::new("f").unwrap())
        .batch(3_000);
    let copy = base.clone().state_folder(two.folder.path()).events(events);
    let plan = copy.plan(Utc::now()).await.unwrap();
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.count(Outcome::Failed), 1, "{report:?}");
    let there = |name: &str| {
        format!("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'f' AND table_name = '{name}'")
    };
    let count = async |name: &str| -> i64 {
        two.target.query(Statement::assert_safe(there(name))).await.unwrap().scalar().unwrap()
    };
    assert_eq!((count("t").await, count("t__clusterkeep_copy").await), (0, 1));

    let copy = base.state_folder(two.folder.path());
    let plan = copy.plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::Absent { again: true });
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(rows(&two.target, "f.t").await, 30_000);
    assert_eq!(count("t__clusterkeep_copy").await, 0);
}

#[tokio::test]
async fn rows_that_come_meanwhile_make_the_counts_differ_and_the_table_fail() {
    let Some(two) = Two::start().await else { return };
    run(&two.source, "CREATE TABLE w.t (a BIGINT)").await;
    run(&two.source, "INSERT INTO w.t SELECT g FROM generate_series(1, 6000) g (g)").await;
    rows(&two.source, "w.t").await;
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let send = std::sync::Mutex::new(Some(send));
    let events = clusterkeep_core::event::Events::to(move |event| {
        // After the first batch: the rows are written while the copy goes on.
        if matches!(event, clusterkeep_core::event::Event::Progress { done, .. } if done >= 100) {
            drop(send.lock().unwrap().take());
        }
    });
    let writer = two.source.clone();
    let wrote = tokio::spawn(async move {
        while let Err(std::sync::mpsc::TryRecvError::Empty) = receive.try_recv() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        run(&writer, "INSERT INTO w.t (a) VALUES (-1), (-2)").await;
    });
    let copy = two.copy("w").batch(100).events(events);
    let plan = copy.plan(Utc::now()).await.unwrap();
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    wrote.await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Failed, "{report:?}");
    let message = report.outcomes[0].message.clone().unwrap();
    assert!(message.contains("has 6002 rows at the source, and the copy of it for `w.t` 6000"), "{message}");
}
