//! A server that is asked and does not do it, or where somebody else is a moment faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use clusterkeep_core::Result;
use clusterkeep_core::sql::{
    Capabilities, Database, Db, Engine, Records, RowStream, Server, Session, Statement, Value,
};

/// What happens at the first statement that begins with a text.
#[derive(Debug, Clone)]
pub(crate) enum Meddling {
    /// It is answered and not done.
    Swallow(&'static str),
    /// This is done first, by somebody else.
    First(&'static str, Statement),
}

#[derive(Debug)]
struct MeddledDatabase {
    db: Db,
    meddling: Meddling,
    done: Arc<AtomicBool>,
}

struct MeddledSession {
    inner: Box<dyn Session>,
    db: Db,
    meddling: Meddling,
    done: Arc<AtomicBool>,
}

/// `db` with a meddler, and whether it has meddled.
pub(crate) fn meddled(db: &Db, meddling: Meddling) -> (Db, Arc<AtomicBool>) {
    let done = Arc::new(AtomicBool::new(false));
    (Db::new(MeddledDatabase { db: db.clone(), meddling, done: Arc::clone(&done) }), done)
}

impl MeddledSession {
    /// Whether the statement is to be swallowed.
    async fn meddle(&mut self, statement: &Statement) -> Result<bool> {
        let (Meddling::Swallow(beginning) | Meddling::First(beginning, _)) = &self.meddling;
        if !statement.text().starts_with(beginning) || self.done.swap(true, Ordering::SeqCst) {
            return Ok(false);
        }
        if let Meddling::First(_, other) = &self.meddling {
            self.db.execute(other.clone()).await?;
            return Ok(false);
        }
        Ok(true)
    }
}

#[async_trait]
impl Session for MeddledSession {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    async fn query(&mut self, statement: &Statement) -> Result<Records> {
        self.meddle(statement).await?;
        self.inner.query(statement).await
    }

    async fn stream<'a>(&'a mut self, statement: &'a Statement) -> Result<RowStream<'a>> {
        self.meddle(statement).await?;
        self.inner.stream(statement).await
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64> {
        if self.meddle(statement).await? { Ok(0) } else { self.inner.execute(statement).await }
    }

    async fn execute_many(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64> {
        self.inner.execute_many(statement, rows).await
    }

    async fn execute_script(&mut self, statement: &Statement) -> Result<()> {
        self.inner.execute_script(statement).await
    }

    async fn begin(&mut self) -> Result<()> {
        self.inner.begin().await
    }

    async fn commit(&mut self) -> Result<()> {
        self.inner.commit().await
    }

    async fn rollback(&mut self) -> Result<()> {
        self.inner.rollback().await
    }
}

#[async_trait]
impl Database for MeddledDatabase {
    fn engine(&self) -> Engine {
        self.db.engine()
    }

    fn address(&self) -> String {
        self.db.address()
    }

    fn capabilities(&self) -> Capabilities {
        self.db.capabilities()
    }

    async fn session(&self) -> Result<Box<dyn Session>> {
        let (db, meddling, done) = (self.db.clone(), self.meddling.clone(), Arc::clone(&self.done));
        Ok(Box::new(MeddledSession { inner: self.db.session().await?, db, meddling, done }))
    }

    async fn server(&self) -> Result<Server> {
        self.db.server().await
    }

    async fn close(&self) {
        self.db.close().await;
    }
}
