//! A call that nobody waits for any more ends, and its session is never used again.

use std::time::{Duration, Instant};

use clusterkeep_core::ErrorClass;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Session, sql};
use futures::StreamExt as _;
use tokio::time::{sleep, timeout};

use super::{Subject, fail, must_be, table};

/// Long enough for a statement to have begun.
const BEGUN: Duration = Duration::from_millis(300);

/// A query whose future is dropped: its session refuses further calls, and the next session is another one.
pub async fn dropped_future(subject: &Subject) {
    let db = subject.connect_with(ConnectOptions::default().max_sessions(1)).await;
    let mut session = db.session().await.unwrap();
    let before = identity(&mut *session).await;
    let endless = subject.endless();
    assert!(timeout(BEGUN, session.query(&endless)).await.is_err(), "the statement should not have ended");
    must_be(ErrorClass::Unreachable, session.query(&sql("SELECT 1")).await);
    drop(session);
    let mut next = db.session().await.unwrap_or_else(|error| fail("the next session", &error));
    assert_eq!(next.query(&sql("SELECT 42")).await.unwrap().scalar::<i64>().unwrap(), 42);
    let after = identity(&mut *next).await;
    assert!(before.is_none() || before != after, "the cancelled session was given out again: {after:?}");
    ends_on_the_server(subject, &mut *next).await;
}

/// A stream that is dropped in the middle.
pub async fn dropped_stream(subject: &Subject) {
    let db = subject.connect_with(ConnectOptions::default().max_sessions(1)).await;
    let numbers = match subject.engine() {
        Engine::Postgres => sql("SELECT n FROM generate_series(1, 3000000) AS s (n)"),
        Engine::Mysql => sql("SELECT seq FROM seq_1_to_3000000"),
        Engine::Cratedb => sql("SELECT unnest FROM unnest([1, 2, 3])"),
        _ => sql("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000000) SELECT x FROM c"),
    };
    for _ in 0..3 {
        let mut session = db.session().await.unwrap();
        {
            let mut rows = session.stream(&numbers).await.unwrap_or_else(|error| fail("a stream", &error));
            for expected in 1..=2_i64 {
                let row = rows.next().await.unwrap().unwrap_or_else(|error| fail("a row", &error));
                assert_eq!(row.get::<i64>(0).unwrap(), expected);
            }
        }
        drop(session);
        let answer = db.query(sql("SELECT 42")).await.unwrap_or_else(|error| fail("the next session", &error));
        assert_eq!(answer.scalar::<i64>().unwrap(), 42, "rows of the dropped stream came instead");
    }
}

/// A deadline does the same as dropping.
pub async fn deadline(subject: &Subject) {
    let db = subject.connect_with(ConnectOptions::default().max_sessions(1)).await;
    let mut session = db.session().await.unwrap();
    let before = identity(&mut *session).await;
    must_be(ErrorClass::Timeout, session.execute(&subject.endless().timeout(BEGUN)).await);
    drop(session);
    let mut next = db.session().await.unwrap();
    let after = identity(&mut *next).await;
    assert!(before.is_none() || before != after, "the session was given out again: {after:?}");
    ends_on_the_server(subject, &mut *next).await;
}

/// A call that is cancelled in a transaction takes the transaction with it.
pub async fn within_a_transaction(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap();
    session.execute(&sql("INSERT INTO t (a) VALUES (1)")).await.unwrap();
    let endless = subject.endless();
    assert!(timeout(BEGUN, session.query(&endless)).await.is_err());
    must_be(ErrorClass::Unreachable, session.execute(&sql("INSERT INTO t (a) VALUES (2)")).await);
    assert!(session.commit().await.is_err(), "there is nothing left to commit");
    session.rollback().await.unwrap_or_else(|error| fail("what is gone is rolled back", &error));
    drop(session);
    assert_eq!(subject.count(&db, &table("t")).await, 0);
    db.execute(sql("INSERT INTO t (a) VALUES (3)")).await.unwrap_or_else(|error| fail("no lock is left", &error));
}

/// What tells one session of the server from another.
async fn identity(session: &mut dyn Session) -> Option<i64> {
    let statement = match session.engine() {
        Engine::Postgres => sql("SELECT pg_backend_pid()"),
        Engine::Mysql => sql("SELECT CONNECTION_ID()"),
        _ => return None,
    };
    Some(session.query(&statement).await.unwrap().scalar().unwrap())
}

/// The server does not go on with the cancelled statement.
async fn ends_on_the_server(subject: &Subject, session: &mut dyn Session) {
    let running = match subject.engine() {
        Engine::Postgres => {
            sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                 AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")
        }
        Engine::Mysql => sql(
            "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%sleep(600)%' \
                 AND id <> CONNECTION_ID()",
        ),
        Engine::Cratedb => sql(
            "SELECT count(*) FROM sys.jobs WHERE stmt LIKE '%generate_series(1, 100000)%' AND stmt NOT LIKE '%sys.jobs%'",
        ),
        // In process: a statement that went on would keep a core busy, and the lock.
        _ => return,
    };
    let start = Instant::now();
    loop {
        let left: i64 = session.query(&running).await.unwrap().scalar().unwrap();
        if left == 0 {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{left} cancelled statements go on");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The number of sessions that a database has open on the server, as far as it says.
pub(super) async fn open_sessions(db: &Db) -> Option<i64> {
    let statement = match db.engine() {
        Engine::Postgres => sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"),
        Engine::Mysql => sql("SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()"),
        _ => return None,
    };
    Some(db.query(statement).await.unwrap().scalar().unwrap())
}
