//! Case 20: killed at every statement of archive-then-drop. At any time each row is in the table or in an archive that
//! can be read back, and one more run ends where an undisturbed one does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Statement, TableName, sql};
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_retention::Retention;
use clusterkeep_retention::archive::{Location, Target, restore};
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};
use clusterkeep_testkit::servers;

use crate::world::{Kind, NOW, archives, at, policy_at, rows, script, scripts};

const CHILD: &str = "CLUSTERKEEP_TEST_CHILD";

async fn run(db: Db, kind: Kind, to: &str) -> clusterkeep_core::Result<ExitCode> {
    let retention = Retention::new(db).policy(policy_at(kind, to)).parallel(1);
    let plan = retention.plan(at(NOW)).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

/// Not a test of its own: what the tests below start as a process, and kill.
#[tokio::test]
async fn child_that_applies_until_it_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let [fault, number, kind, to, url] = order.splitn(5, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let fault = if fault == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let kind = match kind {
        "sqlite" => Kind::Sqlite,
        "mariadb" => Kind::Mariadb,
        "mariadb-plain" => Kind::MariadbPlain,
        _ => Kind::Partitions,
    };
    let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default()).await.unwrap();
    let db = faulty(db, Trap::at(number.parse().unwrap(), fault));
    assert_eq!(run(db, kind, to).await.unwrap(), ExitCode::Done);
}

/// Whether the process was killed.
fn killed(when: &str, number: u64, kind: &str, to: &str, url: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child_that_applies_until_it_is_killed", "--test-threads=1"])
        .env(CHILD, format!("{when} {number} {kind} {to} {url}"))
        .output()
        .unwrap()
        .status;
    if !status.success() {
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    }
    !status.success()
}

/// The numbers of all rows that are in the table, and of those that are in archives, read back into tables of `prefix`.
async fn everywhere(db: &Db, to: &str, prefix: &str) -> BTreeSet<String> {
    let location: Location = to.parse().unwrap();
    let mut text = rows(db, "raw").await;
    let there = if Path::new(to).exists() { archives(&location).await } else { Vec::new() };
    for (nth, one) in there.iter().enumerate() {
        let table = format!("{prefix}_{nth}");
        let target = Target::Table(table.parse::<TableName>().unwrap());
        restore(&location, &one.name, db, &target).await.unwrap();
        text.push_str(&rows(db, &table).await);
        db.execute(Statement::assert_safe(format!("DROP TABLE {table}"))).await.unwrap();
    }
    text.lines().filter(|line| !line.starts_with("ts,")).map(str::to_owned).collect()
}

async fn check(db: &Db, kind: Kind, to: &str, wanted: &BTreeSet<String>, what: &str) {
    assert_eq!(everywhere(db, to, "back").await, *wanted, "{what}, before another run");
    let start = std::time::Instant::now();
    let again = loop {
        // A connection that does nothing any more may hold the lock for a moment still.
        match run(db.clone(), kind, to).await {
            Err(Error::Locked { .. }) if start.elapsed().as_secs() < 10 => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            done => break done,
        }
    };
    assert_eq!(again.unwrap(), ExitCode::Done, "{what}");
    assert_eq!(everywhere(db, to, "back").await, *wanted, "{what}, after another run");
    assert_eq!(rows(db, "raw").await.lines().count(), 1 + 145 - 72, "{what}");
    assert_eq!(archives(&to.parse().unwrap()).await.len(), 5, "{what}: an earlier archive is used again");
}

async fn on_sqlite(when: &str) {
    let folder = tempfile::tempdir().unwrap();
    let fault = if when == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let mut count = 0;
    for number in (1..).filter(|number| is_due(*number, fault)) {
        let (path, to) = (folder.path().join(format!("{number}.db")), folder.path().join(format!("cold{number}")));
        let (url, to) = (format!("sqlite://{}", path.display()), to.display().to_string());
        let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default().create()).await.unwrap();
        script(&db, scripts(Kind::Sqlite)).await;
        let wanted = everywhere(&db, &to, "back").await;
        if !killed(when, number, "sqlite", &to, &url) {
            break;
        }
        count += 1;
        check(&db, Kind::Sqlite, &to, &wanted, &format!("killed {when} statement {number}")).await;
        db.close().await;
        for ending in ["", "-wal", "-shm", ".lock"] {
            std::fs::remove_file(format!("{}{ending}", path.display())).ok();
        }
    }
    println!("killed {count} processes");
    assert!(count > 20, "only {count} processes were killed");
}

/// Waits until a server has noticed who is gone: what it still does for them ends within moments, and until then the lock
/// is held.
async fn until_noticed(db: &Db) {
    let left = match db.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())"
        }
        _ => {
            "SELECT count(*) FROM information_schema.processlist \
             WHERE db = database() AND id <> connection_id() AND command <> 'Sleep'"
        }
    };
    while db.query(sql(left)).await.unwrap().scalar::<i64>().unwrap() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn on_server(kind: Kind, name: &str, when: &str) {
    let folder = tempfile::tempdir().unwrap();
    let fault = if when == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let mut count = 0;
    // Every third statement of MariaDB, of which there are several hundred, unless all are asked for.
    let mariadb = matches!(kind, Kind::Mariadb | Kind::MariadbPlain);
    let thinned = mariadb && std::env::var_os("CLUSTERKEEP_ALL_FAULTS").is_none();
    for number in (1_u64..).filter(|number| is_due(*number, fault) && (!thinned || number.is_multiple_of(3))) {
        let database = match kind {
            Kind::Mariadb | Kind::MariadbPlain => servers::mariadb().await,
            _ => servers::postgres().await,
        };
        let Some(database) = database else { return };
        let db = database.connect().await;
        script(&db, scripts(kind)).await;
        let to = folder.path().join(format!("cold{number}")).display().to_string();
        let wanted = everywhere(&db, &to, "back").await;
        if !killed(when, number, name, &to, database.url()) {
            break;
        }
        count += 1;
        until_noticed(&db).await;
        check(&db, kind, &to, &wanted, &format!("killed {when} statement {number}")).await;
        db.close().await;
    }
    println!("killed {count} processes");
    assert!(count > 20, "only {count} processes were killed");
}

#[tokio::test]
async fn case_20_killed_before_every_statement_on_sqlite() {
    on_sqlite("before").await;
}

#[tokio::test]
async fn case_20_killed_after_every_statement_on_sqlite() {
    on_sqlite("after").await;
}

#[tokio::test]
async fn case_20_killed_before_every_statement_on_postgresql() {
    on_server(Kind::Partitions, "partitions", "before").await;
}

#[tokio::test]
async fn case_20_killed_after_every_statement_on_postgresql() {
    on_server(Kind::Partitions, "partitions", "after").await;
}

#[tokio::test]
async fn case_20_killed_before_every_statement_on_partitions_of_mariadb() {
    on_server(Kind::Mariadb, "mariadb", "before").await;
}

#[tokio::test]
async fn case_20_killed_after_every_statement_on_partitions_of_mariadb() {
    on_server(Kind::Mariadb, "mariadb", "after").await;
}

#[tokio::test]
async fn case_20_killed_before_every_statement_on_slices_of_mariadb() {
    on_server(Kind::MariadbPlain, "mariadb-plain", "before").await;
}

#[tokio::test]
async fn case_20_killed_after_every_statement_on_slices_of_mariadb() {
    on_server(Kind::MariadbPlain, "mariadb-plain", "after").await;
}
