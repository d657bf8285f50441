//! Many callers share few sessions, and none finds the traces of another.

use std::time::{Duration, Instant};

use clusterkeep_core::ErrorClass;
use clusterkeep_core::sql::{ConnectOptions, Engine, sql};
use futures::future::join_all;

use super::cancellation::open_sessions;
use super::{Subject, fail, must_be};

/// 64 queries at once on 8 sessions: each gets its own answer, and no more sessions are opened.
pub async fn sixty_four_on_eight(subject: &Subject) {
    let db = subject.connect_with(ConnectOptions::default().max_sessions(8)).await;
    let queries = (0..64_i64).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let query = match db.engine() {
                Engine::Postgres => sql("SELECT ?::bigint FROM pg_sleep(0.02)"),
                Engine::Mysql => sql("SELECT ? + sleep(0.02)"),
                Engine::Cratedb => sql("SELECT ?::bigint FROM sys.cluster"),
                _ => sql("SELECT ?"),
            };
            for round in 0..4 {
                let records =
                    db.query(query.clone().bind(n * 10 + round)).await.unwrap_or_else(|error| fail("query", &error));
                assert_eq!(records.one().unwrap().values()[0].as_f64().unwrap() as i64, n * 10 + round);
            }
        })
    });
    for finished in join_all(queries).await {
        finished.unwrap();
    }
    if let Some(open) = open_sessions(&db).await {
        assert!((2..=8).contains(&open), "{open} sessions are open");
    }
}

/// Who finds all sessions taken waits, and not for ever.
pub async fn waiting_ends(subject: &Subject) {
    let options = ConnectOptions::default().max_sessions(1).session_timeout(Duration::from_millis(300));
    let db = subject.connect_with(options).await;
    let held = db.session().await.unwrap();
    let start = Instant::now();
    let error = must_be(ErrorClass::Unavailable, db.session().await.map(drop));
    assert!(error.is_retryable() && start.elapsed() >= Duration::from_millis(300), "{error}");
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { db.query(sql("SELECT 1")).await.map(|records| records.len()) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(held);
    assert_eq!(waiting.await.unwrap().unwrap_or_else(|error| fail("the next in line", &error)), 1);
}

/// What one caller sets does not reach the next.
pub async fn altered_sessions_are_closed(subject: &Subject) {
    let db = subject.connect_with(ConnectOptions::default().max_sessions(1)).await;
    let (set, get) = match subject.engine() {
        Engine::Postgres => (sql("SET work_mem = '123MB'"), sql("SELECT current_setting('work_mem')")),
        Engine::Mysql => (sql("SET @left_behind = '123MB'"), sql("SELECT coalesce(CAST(@left_behind AS CHAR), '')")),
        _ => (sql("PRAGMA user_version_is_not_it"), sql("SELECT ''")),
    };
    db.execute(set).await.unwrap_or_else(|error| fail("a setting", &error));
    let value: String = db.query(get).await.unwrap().scalar().unwrap();
    assert_ne!(value, "123MB");
    // A transaction that was begun past the session's own methods is no one else's either.
    let mut session = db.session().await.unwrap();
    session.execute(&sql("BEGIN")).await.unwrap();
    drop(session);
    let mut next = db.session().await.unwrap();
    next.begin().await.unwrap_or_else(|error| fail("begin", &error));
    next.commit().await.unwrap();
}
