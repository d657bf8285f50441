//! A million rows in bounded memory, on every engine.
//!
//! A program of its own, one engine after the other, since it measures the memory of its process.

use clusterkeep_core::sql::Engine;
use clusterkeep_testkit::conformance::{Subject, streaming};
use tokio::sync::Mutex;

static ALONE: Mutex<()> = Mutex::const_new(());

async fn stream(engine: Engine) {
    let _alone = ALONE.lock().await;
    if let Some(subject) = Subject::new(engine).await {
        streaming::a_million_rows(&subject).await;
    }
}

#[tokio::test]
async fn sqlite() {
    stream(Engine::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    stream(Engine::Postgres).await;
}

#[tokio::test]
async fn mariadb() {
    stream(Engine::Mysql).await;
}

#[tokio::test]
async fn cratedb() {
    stream(Engine::Cratedb).await;
}

/// The measure can tell a stream from a collection.
#[tokio::test]
async fn collecting_takes_more() {
    let _alone = ALONE.lock().await;
    if let Some(subject) = Subject::new(Engine::Sqlite).await {
        streaming::collecting_takes_more(&subject).await;
    }
}
