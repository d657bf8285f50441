//! A copy into CrateDB, met by a fault at every one of its statements, on either side: a rerun converges, and the final
//! name never holds a half.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use chrono::Utc;
use clusterkeep_core::ExitCode;
use clusterkeep_core::copy::TableCopy;
use clusterkeep_core::sql::{Db, Ident, Statement};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::servers;

const ROWS: i64 = 500;

async fn run(db: &Db, text: &str) {
    db.execute(Statement::assert_safe(text)).await.unwrap();
}

async fn tables(db: &Db) -> Vec<String> {
    let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'into_it' ORDER BY 1";
    db.query(Statement::assert_safe(query)).await.unwrap().deserialize().unwrap()
}

async fn rows(db: &Db) -> i64 {
    run(db, "REFRESH TABLE into_it.t").await;
    db.query(Statement::assert_safe("SELECT count(*) FROM into_it.t")).await.unwrap().scalar().unwrap()
}

#[tokio::test]
async fn a_fault_at_any_statement_leaves_a_rerun_that_converges() {
    let Some(database) = servers::cratedb().await else { return };
    let db = database.connect().await;
    run(&db, "CREATE TABLE from_it.t (a BIGINT, b TEXT) CLUSTERED INTO 1 SHARDS WITH (number_of_replicas = 0)").await;
    run(&db, &format!("INSERT INTO from_it.t SELECT g, 'x' FROM generate_series(1, {ROWS}) g (g)")).await;
    run(&db, "REFRESH TABLE from_it.t").await;
    let mut met = 0;
    for (fault, at_source, empty) in
        [(Fault::Lost, false, false), (Fault::AnswerLost, false, true), (Fault::Lost, true, false)]
    {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            for table in tables(&db).await {
                run(&db, &format!("DROP TABLE into_it.\"{table}\"")).await;
            }
            if empty {
                // Of its own make: an empty table is replaced, and not made anew.
                run(
                    &db,
                    "CREATE TABLE into_it.t (b TEXT, a BIGINT) CLUSTERED INTO 1 SHARDS WITH (number_of_replicas = 0)",
                )
                .await;
            }
            let copy = |source: &Db, target: &Db| {
                TableCopy::new(source.clone(), target.clone())
                    .schema(Ident::literal("from_it"))
                    .into_schema(Ident::literal("into_it"))
                    .state_folder(folder.path())
                    .batch(100)
            };
            let plain = copy(&db, &db);
            let plan = plain.plan(Utc::now()).await.unwrap();
            let trap = Trap::at(at, fault);
            let bad = faulty(db.clone(), trap.clone());
            let ended = if at_source { copy(&bad, &db) } else { copy(&db, &bad) }.apply(&plan, plan.hash.into()).await;
            let there = tables(&db).await.contains(&"t".to_owned());
            let count = if there { rows(&db).await } else { 0 };
            assert!(!there || count == ROWS || (empty && count == 0), "{fault:?} at {at}: {count} rows, {ended:?}");

            let plan = plain.plan(Utc::now()).await.unwrap();
            let report = plain.apply(&plan, plan.hash.into()).await.unwrap();
            // Where the answer to the last statement was lost the rows are there, and nobody vouches for them.
            let unknown = count == ROWS && plan.refused().count() == 1;
            assert!(report.exit_code() == ExitCode::Done || unknown, "{fault:?} at {at}: {plan} {report:?}");
            assert_eq!((tables(&db).await, rows(&db).await), (vec!["t".to_owned()], ROWS), "{fault:?} at {at}");
            if !trap.sprung() {
                break;
            }
            met += 1;
        }
    }
    assert!(met > 25, "{met} faults were met");
}
