//! Copies between engines that have transactions, and between engines of different kinds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::Utc;
use clusterkeep_core::ExitCode;
use clusterkeep_core::copy::{Decision, Reason, TableCopy};
use clusterkeep_core::sql::{Db, Statement};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::servers;

async fn run(db: &Db, text: &str) {
    db.execute(Statement::assert_safe(text)).await.unwrap();
}

async fn show(db: &Db, text: &str) -> String {
    db.query(Statement::assert_safe(text)).await.unwrap().to_string()
}

async fn sqlite(folder: &tempfile::TempDir, name: &str) -> Db {
    let url = clusterkeep_core::address::DatabaseUrl::sqlite(folder.path().join(name));
    Db::connect_with(&url, clusterkeep_core::sql::ConnectOptions::default().create()).await.unwrap()
}

const THINGS: &str =
    "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, weight REAL, raw BLOB, twice AS (id * 2))";

async fn two_files(folder: &tempfile::TempDir) -> (Db, Db) {
    let (source, target) = (sqlite(folder, "source.db").await, sqlite(folder, "target.db").await);
    run(&source, THINGS).await;
    run(&target, THINGS).await;
    run(&source, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO things (id, name, weight, raw) SELECT i, 'it''s ' || i, i / 3.0, x'00ff' FROM n").await;
    (source, target)
}

const ALL: &str = "SELECT count(*), sum(id), sum(weight), count(DISTINCT name), sum(twice), hex(max(raw)) FROM things";

#[tokio::test]
async fn sqlite_into_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = two_files(&folder).await;
    let url = clusterkeep_core::address::DatabaseUrl::sqlite(folder.path().join("source.db"));
    let read_only = clusterkeep_core::sql::ConnectOptions::default().read_only();
    let read_only = Db::connect_with(&url, read_only).await.unwrap();
    let copy = TableCopy::new(read_only, target.clone()).state_folder(folder.path().join("state")).batch(300);
    let plan = copy.plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::Empty { again: false });
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(show(&target, ALL).await, show(&source, ALL).await);
    let plan = copy.plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Keep, "{plan}");
}

/// Fault at the first statement of the target, run again, compare; at the second; and so on.
#[tokio::test]
async fn a_fault_at_any_statement_leaves_all_or_nothing() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let (source, target) = two_files(&folder).await;
            let state = folder.path().join("state");
            let trap = Trap::at(at, fault);
            let copy = |db| TableCopy::new(source.clone(), db).state_folder(&state).batch(1000);
            let plain = copy(target.clone());
            let plan = plain.plan(Utc::now()).await.unwrap();
            let ended = copy(faulty(target.clone(), trap.clone())).apply(&plan, plan.hash.into()).await;
            let rows: i64 =
                target.query(Statement::assert_safe("SELECT count(*) FROM things")).await.unwrap().scalar().unwrap();
            assert!(rows == 0 || rows == 2500, "{fault:?} at {at}: {rows} rows, {ended:?}");
            let plan = plain.plan(Utc::now()).await.unwrap();
            let unknown = plan.refused().count() == 1 && rows == 2500;
            let report = plain.apply(&plan, plan.hash.into()).await.unwrap();
            // A commit whose answer was lost is a failed step: rows are there that nobody vouches for.
            assert!(report.exit_code() == ExitCode::Done || unknown, "{fault:?} at {at}: {plan}");
            assert_eq!(show(&target, ALL).await, show(&source, ALL).await, "{fault:?} at {at}");
            if !trap.sprung() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn postgres_into_postgres_with_types_that_the_driver_does_not_know() {
    let (Some(one), Some(two)) = (servers::postgres().await, servers::postgres().await) else { return };
    let (source, target) = (one.connect().await, two.connect().await);
    for db in [&source, &target] {
        run(db, "CREATE TABLE lists (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, numbers INT[], names TEXT[], at INET, docs JSON)").await;
        run(db, "CREATE TABLE values_ (a BIGINT, ip INET, net CIDR, span INTERVAL, doc JSONB, n NUMERIC(20, 5), t TIMESTAMPTZ, d DATE, u UUID, b BYTEA, bits BIT(4), f REAL, twice BIGINT GENERATED ALWAYS AS (a * 2) STORED, c CHAR(3), v VARCHAR(9))").await;
    }
    run(&source, "INSERT INTO lists (numbers, names, at, docs) VALUES ('{1,NULL,3}', '{}', '10.0.0.1/8', '{\"a\": [1]}'), ('{}', '{a,\"b,c\"}', NULL, 'null'), (NULL, NULL, '::1', NULL)").await;
    run(&source, "DELETE FROM lists WHERE id = 1").await;
    run(&source, "INSERT INTO values_ SELECT g, '10.0.0.1', '10.0.0.0/8', '1 day 2 hours', '{\"x\": 1}', g / 3.0, now(), '2026-01-01', gen_random_uuid(), '\\x00ff', B'1010', 0.1 FROM generate_series(1, 3000) g").await;
    let folder = tempfile::tempdir().unwrap();
    let copy = TableCopy::new(source.clone(), target.clone()).state_folder(folder.path());
    let plan = copy.plan(Utc::now()).await.unwrap();
    let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    for query in [
        "SELECT l::text FROM lists l ORDER BY id",
        "SELECT md5(string_agg(v::text, '|' ORDER BY a)), count(*) FROM values_ v",
    ] {
        assert_eq!(show(&target, query).await, show(&source, query).await, "{query}");
    }

    run(&source, "CREATE TABLE odd (r REGCLASS)").await;
    run(&target, "CREATE TABLE odd (r REGCLASS)").await;
    run(&source, "CREATE TABLE missing (a INT)").await;
    let plan = copy.plan(Utc::now()).await.unwrap();
    let refused: Vec<_> = plan.refused().map(|verdict| verdict.reason.to_string()).collect();
    let no_table = "the target has no such table; make it there first";
    assert_eq!(refused, [no_table, "column r is of type regclass at the source, which can't travel"]);
}

#[tokio::test]
async fn one_engine_into_another() {
    let (Some(postgres), Some(mariadb), Some(cratedb)) =
        (servers::postgres().await, servers::mariadb().await, servers::cratedb().await)
    else {
        return;
    };
    // A source is only read.
    let read_only = || clusterkeep_core::sql::ConnectOptions::default().read_only();
    let (from_postgres, from_mariadb, from_cratedb) = (
        postgres.connect_with(read_only()).await,
        mariadb.connect_with(read_only()).await,
        cratedb.connect_with(read_only()).await,
    );
    let (postgres, mariadb, cratedb) = (postgres.connect().await, mariadb.connect().await, cratedb.connect().await);
    let folder = tempfile::tempdir().unwrap();
    let file = sqlite(&folder, "a.db").await;
    let made = [
        (&postgres, "CREATE TABLE m (id BIGINT PRIMARY KEY, name TEXT, x DOUBLE PRECISION, ok BOOLEAN)"),
        (&mariadb, "CREATE TABLE m (id BIGINT PRIMARY KEY, name TEXT, x DOUBLE, ok BOOLEAN)"),
        (&cratedb, "CREATE TABLE m (id BIGINT PRIMARY KEY, name TEXT, x DOUBLE PRECISION, ok BOOLEAN)"),
        (&file, "CREATE TABLE m (id BIGINT PRIMARY KEY, name TEXT, x REAL, ok BOOLEAN)"),
    ];
    for (db, create) in made {
        run(db, create).await;
    }
    run(&postgres, "INSERT INTO m SELECT g, 'row ' || g, g / 4.0, g % 2 = 0 FROM generate_series(1, 2500) g").await;
    for (source, target) in [(&from_postgres, &cratedb), (&from_cratedb, &mariadb), (&from_mariadb, &file)] {
        let copy = TableCopy::new(source.clone(), target.clone())
            .tables(["m".parse().unwrap()])
            .state_folder(folder.path().join("s"));
        let plan = copy.plan(Utc::now()).await.unwrap();
        let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
        assert_eq!(report.exit_code(), ExitCode::Done, "{plan} {report:?}");
    }
    let sums = "SELECT count(*), sum(id), sum(x), sum(CASE WHEN ok THEN 1 ELSE 0 END), count(DISTINCT name) FROM m";
    let row = |db: Db| async move {
        format!(
            "{:?}",
            db.query(Statement::assert_safe(sums))
                .await
                .unwrap()
                .one()
                .unwrap()
                .values()
                .iter()
                .map(|value| value.as_f64())
                .collect::<Vec<_>>()
        )
    };
    assert_eq!(row(file).await, row(postgres).await);
}

#[tokio::test]
async fn what_foreign_keys_refer_to_comes_first() {
    let (Some(one), Some(two), Some(mariadb)) =
        (servers::postgres().await, servers::postgres().await, servers::mariadb().await)
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = one.connect().await;
    for db in [source.clone(), two.connect().await, mariadb.connect().await, sqlite(&folder, "keys.db").await] {
        run(&db, "CREATE TABLE z_parent (id BIGINT PRIMARY KEY)").await;
        run(&db, "CREATE TABLE m_child (id BIGINT PRIMARY KEY, parent BIGINT, FOREIGN KEY (parent) REFERENCES z_parent (id))").await;
        run(&db, "CREATE TABLE a_grandchild (id BIGINT, parent BIGINT, FOREIGN KEY (parent) REFERENCES m_child (id))")
            .await;
        if db.same_as(&source) {
            for table in ["z_parent (id)", "m_child (id, parent)", "a_grandchild (id, parent)"] {
                let values = if table.contains("parent)") { "SELECT g, g" } else { "SELECT g" };
                run(&db, &format!("INSERT INTO {table} {values} FROM generate_series(1, 300) g")).await;
            }
            continue;
        }
        let copy = TableCopy::new(source.clone(), db).state_folder(folder.path().join("state"));
        let plan = copy.plan(Utc::now()).await.unwrap();
        let order: Vec<_> =
            plan.steps.iter().map(|step| (step.objects[0].0.name.to_string(), step.needs.len())).collect();
        let step = |name: &str, needs| (name.to_owned(), needs);
        assert_eq!(order, [step("z_parent", 0), step("m_child", 1), step("a_grandchild", 1)], "{plan}");
        let report = copy.apply(&plan, plan.hash.into()).await.unwrap();
        assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    }
}
