//! A server that goes away in the middle: the call fails with a class to act on, and the pool recovers.

use std::time::Duration;

use clusterkeep_core::ErrorClass;
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use futures::StreamExt as _;
use tokio::time::{sleep, timeout};

use super::{Subject, chain, fail, must_be};
use crate::proxy::Proxy;
use crate::servers;

async fn through(subject: &Subject) -> (Proxy, Db) {
    let proxy = Proxy::to(subject.port().unwrap()).await.unwrap();
    let options = ConnectOptions::default().connect_timeout(Duration::from_secs(3)).max_sessions(4);
    let db = Db::connect_with(&proxy.reroute(subject.url()).parse().unwrap(), options).await;
    (proxy, db.unwrap_or_else(|error| fail("connect through the proxy", &error)))
}

async fn answers(db: &Db) {
    let records = db.query(sql("SELECT 42")).await.unwrap_or_else(|error| fail("query", &error));
    assert_eq!(records.scalar::<i64>().unwrap(), 42);
}

/// Connections that broke while nobody used them are replaced without anybody noticing.
pub async fn cut_while_idle(subject: &Subject) {
    let (proxy, db) = through(subject).await;
    answers(&db).await;
    proxy.cut();
    sleep(Duration::from_secs(1)).await;
    answers(&db).await;
    assert!(proxy.accepted() >= 2, "no new connection was made");
}

/// A call whose connection breaks fails as unreachable; the next one works.
pub async fn cut_while_running(subject: &Subject) {
    let (proxy, db) = through(subject).await;
    let mut session = db.session().await.unwrap();
    let endless = subject.endless();
    let (result, ()) = tokio::join!(timeout(Duration::from_secs(10), session.query(&endless)), async {
        sleep(Duration::from_millis(300)).await;
        proxy.cut();
    });
    let error = must_be(ErrorClass::Unreachable, result.unwrap_or_else(|_| panic!("the call does not end")));
    assert!(error.is_retryable(), "{error}");
    drop(session);
    answers(&db).await;
}

/// While the server is away connecting is tried again; when it is back, it works.
pub async fn refused_and_back(subject: &Subject) {
    let (proxy, db) = through(subject).await;
    proxy.refuse().await;
    must_be(ErrorClass::Unreachable, db.query(sql("SELECT 42")).await);
    let (waiting, ()) = tokio::join!(db.query(sql("SELECT 42")), async {
        sleep(Duration::from_secs(1)).await;
        proxy.restore().await.unwrap();
    });
    assert_eq!(waiting.unwrap_or_else(|error| fail("the server is back", &error)).len(), 1);
}

/// A server that says nothing any more: deadlines hold, for statements and for connecting.
pub async fn stalled(subject: &Subject) {
    let (proxy, db) = through(subject).await;
    let mut session = db.session().await.unwrap();
    proxy.stall();
    let query = sql("SELECT 42").timeout(Duration::from_millis(500));
    must_be(ErrorClass::Timeout, session.query(&query).await);
    drop(session);
    let connecting = timeout(Duration::from_secs(9), db.query(query)).await.unwrap_or_else(|_| panic!("no end"));
    assert!(connecting.is_err());
    proxy.restore().await.unwrap();
    answers(&db).await;
}

/// The real server, killed while rows are on their way.
pub async fn killed_in_the_middle(subject: &Subject) {
    let Some(server) = servers::private(subject.engine()).await else { return };
    let options = ConnectOptions::default().connect_timeout(Duration::from_secs(2));
    let db =
        Db::connect_with(&server.url().parse().unwrap(), options).await.unwrap_or_else(|error| fail("connect", &error));
    let mut session = db.session().await.unwrap();
    let endless = subject.endless();
    let mut rows = session.stream(&endless).await.unwrap_or_else(|error| fail("a stream", &error));
    let (row, stopped) = tokio::join!(timeout(Duration::from_secs(60), rows.next()), async {
        sleep(Duration::from_millis(500)).await;
        server.stop().await
    });
    stopped.unwrap_or_else(|error| fail("stop the server", &error));
    match row.unwrap_or_else(|_| panic!("the stream does not end")) {
        Some(Err(error)) => {
            let class = error.class();
            let expected = [Some(ErrorClass::Unreachable), Some(ErrorClass::Unavailable), Some(ErrorClass::Timeout)];
            assert!(expected.contains(&class), "{}", chain(&error));
        }
        other => panic!("the stream gave {other:?}"),
    }
    drop(rows);
    drop(session);
    must_be(ErrorClass::Unreachable, db.query(sql("SELECT 42")).await);
}
