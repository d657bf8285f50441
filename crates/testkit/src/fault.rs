//! A database that fails, or kills its own process, or is overtaken by somebody else, at a statement of your choice.
//!
//! With it a test walks through every statement of an operation: fault at the first, run again, compare; fault at the
//! second, and so on, until the operation ends without having met its fault.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use clusterkeep_core::error::ErrorClass;
use clusterkeep_core::sql::{
    ByteStream, Capabilities, Database, Db, Engine, Records, RowStream, Server, Session, Statement, Value,
};
use clusterkeep_core::{Error, Result};

/// What happens at the chosen statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The statement never reaches the database.
    Lost,
    /// The database does it, and its answer never arrives.
    AnswerLost,
    /// The process is killed before the statement, as `kill -9` does it.
    KillBefore,
    /// The process is killed after the statement.
    KillAfter,
    /// The database answers as if it had done it, and has not.
    NotDone,
}

/// When a fault happens.
#[derive(Debug)]
pub struct Trap {
    at: At,
    sprung: AtomicBool,
    fault: Fault,
    /// What somebody else does right before the statement, which then is done as ever.
    overtaken_by: Option<Statement>,
    said: Mutex<Vec<String>>,
}

/// Where a trap lies.
#[derive(Debug)]
enum At {
    /// So many statements on.
    Number(AtomicU64),
    /// At each statement with this beginning.
    Each(&'static str),
    /// At the first statement with this beginning.
    First(&'static str),
    /// At none.
    Nowhere,
}

impl Trap {
    /// A fault at the statement number `at`, counted from 1.
    #[must_use]
    pub fn at(at: u64, fault: Fault) -> Arc<Self> {
        Self::new(At::Number(AtomicU64::new(at)), fault)
    }

    /// A fault at each statement that begins like this, such as `UPDATE`, each time.
    #[must_use]
    pub fn each(beginning: &'static str, fault: Fault) -> Arc<Self> {
        Self::new(At::Each(beginning), fault)
    }

    /// A fault at the first statement that begins like this.
    #[must_use]
    pub fn first(beginning: &'static str, fault: Fault) -> Arc<Self> {
        Self::new(At::First(beginning), fault)
    }

    /// No fault, but somebody else who does `other` right before the first statement that begins like this.
    #[must_use]
    pub fn overtaken(beginning: &'static str, other: Statement) -> Arc<Self> {
        let at = At::First(beginning);
        Arc::new(Self {
            at,
            sprung: AtomicBool::new(false),
            fault: Fault::NotDone,
            overtaken_by: Some(other),
            said: Mutex::default(),
        })
    }

    /// No fault anywhere: for who wants to know what was said.
    #[must_use]
    pub fn nowhere() -> Arc<Self> {
        Self::new(At::Nowhere, Fault::Lost)
    }

    fn new(at: At, fault: Fault) -> Arc<Self> {
        Arc::new(Self { at, sprung: AtomicBool::new(false), fault, overtaken_by: None, said: Mutex::default() })
    }

    /// Every statement that was said so far.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the statement was reached.
    #[must_use]
    pub fn sprung(&self) -> bool {
        self.sprung.load(Ordering::SeqCst)
    }

    /// Whether this statement is the one.
    fn steps_in(&self, text: &str) -> bool {
        let hit = match &self.at {
            At::Number(left) => {
                let was = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                was == Ok(1)
            }
            At::Each(beginning) => text.starts_with(beginning),
            At::First(beginning) => text.starts_with(beginning) && !self.sprung(),
            At::Nowhere => false,
        };
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
        if hit {
            self.sprung.store(true, Ordering::SeqCst);
        }
        hit
    }
}

/// Whether a walk through all statements lets `fault` happen at statement number `at`.
///
/// On servers a walk takes minutes, so that each statement meets one fault before it or one after it, in turns; all of
/// them where `CLUSTERKEEP_ALL_FAULTS` is set.
#[must_use]
pub fn is_due(at: u64, fault: Fault) -> bool {
    let before = matches!(fault, Fault::Lost | Fault::KillBefore);
    std::env::var_os("CLUSTERKEEP_ALL_FAULTS").is_some() || at.is_multiple_of(2) == before
}

/// `db` with a trap in it.
#[must_use]
pub fn faulty(db: Db, trap: Arc<Trap>) -> Db {
    Db::new(FaultyDatabase { db, trap })
}

#[derive(Debug)]
struct FaultyDatabase {
    db: Db,
    trap: Arc<Trap>,
}

struct FaultySession {
    inner: Box<dyn Session>,
    /// For somebody else.
    db: Db,
    trap: Arc<Trap>,
    /// After a fault the connection is gone, as it would be.
    broken: bool,
}

fn connection_lost() -> Error {
    Error::Database {
        operation: "query".to_owned(),
        target: "a database with a trap in it".to_owned(),
        class: ErrorClass::Unreachable,
        code: None,
        attempts: 1,
        elapsed: std::time::Duration::ZERO,
        source: "the connection was lost".into(),
    }
}

/// Ends this process at once: nothing is dropped and nothing is flushed.
fn kill() {
    // A signal to oneself can't fail; were it to, the wait would show in the test.
    if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
        std::process::abort();
    }
}

/// Runs `$call` with the trap before and after it; `$nothing` is the answer to what is not done.
macro_rules! trapped {
    ($session:ident, $text:expr, $nothing:expr, $call:expr) => {{
        if $session.broken {
            return Err(connection_lost());
        }
        if !$session.trap.steps_in($text) {
            return $call;
        }
        if let Some(other) = &$session.trap.overtaken_by {
            $session.db.execute(other.clone()).await?;
            return $call;
        }
        $session.broken = $session.trap.fault != Fault::NotDone;
        match $session.trap.fault {
            Fault::Lost => Err(connection_lost()),
            Fault::AnswerLost => {
                // Whatever the answer was, nobody gets it.
                drop($call);
                Err(connection_lost())
            }
            Fault::KillBefore => {
                kill();
                Err(connection_lost())
            }
            Fault::KillAfter => {
                drop($call);
                kill();
                Err(connection_lost())
            }
            Fault::NotDone => Ok($nothing),
        }
    }};
}

#[async_trait]
impl Session for FaultySession {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    async fn query(&mut self, statement: &Statement) -> Result<Records> {
        trapped!(self, statement.text(), Records::new(Vec::new(), Vec::new())?, self.inner.query(statement).await)
    }

    async fn stream<'a>(&'a mut self, statement: &'a Statement) -> Result<RowStream<'a>> {
        if self.broken {
            return Err(connection_lost());
        }
        if self.trap.steps_in(statement.text()) {
            if let Some(other) = &self.trap.overtaken_by {
                self.db.execute(other.clone()).await?;
                return self.inner.stream(statement).await;
            }
            // A stream only reads: before and after it are the same.
            if matches!(self.trap.fault, Fault::KillBefore | Fault::KillAfter) {
                kill();
            }
            self.broken = true;
            return Err(connection_lost());
        }
        self.inner.stream(statement).await
    }

    async fn copy_out<'a>(&'a mut self, query: &'a Statement) -> Result<ByteStream<'a>> {
        if self.broken || self.trap.steps_in(query.text()) {
            if !self.broken && matches!(self.trap.fault, Fault::KillBefore | Fault::KillAfter) {
                kill();
            }
            self.broken = true;
            return Err(connection_lost());
        }
        self.inner.copy_out(query).await
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64> {
        trapped!(self, statement.text(), 0, self.inner.execute(statement).await)
    }

    async fn execute_many(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64> {
        trapped!(self, statement.text(), 0, self.inner.execute_many(statement, rows).await)
    }

    async fn execute_script(&mut self, statement: &Statement) -> Result<()> {
        trapped!(self, statement.text(), (), self.inner.execute_script(statement).await)
    }

    async fn begin(&mut self) -> Result<()> {
        trapped!(self, "BEGIN", (), self.inner.begin().await)
    }

    async fn commit(&mut self) -> Result<()> {
        trapped!(self, "COMMIT", (), self.inner.commit().await)
    }

    async fn rollback(&mut self) -> Result<()> {
        trapped!(self, "ROLLBACK", (), self.inner.rollback().await)
    }
}

#[async_trait]
impl Database for FaultyDatabase {
    fn engine(&self) -> Engine {
        self.db.engine()
    }

    fn address(&self) -> String {
        self.db.address()
    }

    fn capabilities(&self) -> Capabilities {
        self.db.capabilities()
    }

    fn file(&self) -> Option<PathBuf> {
        self.db.file()
    }

    async fn session(&self) -> Result<Box<dyn Session>> {
        let inner = self.db.session().await?;
        Ok(Box::new(FaultySession { inner, db: self.db.clone(), trap: Arc::clone(&self.trap), broken: false }))
    }

    async fn server(&self) -> Result<Server> {
        self.db.server().await
    }

    async fn close(&self) {
        self.db.close().await;
    }
}
