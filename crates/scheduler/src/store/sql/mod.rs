//! The stores of engines with transactions: one algorithm and one set of statements for SQLite and PostgreSQL.
//!
//! Lists travel as one JSON array of arrays in one parameter, and the engine makes rows of it: a statement has the same
//! text whatever the length of the list, and is prepared once.
//!
//! What has to be decided by rows that others may write, the gate above all, is decided between a lock and the writing:
//! on SQLite the transaction is the lock, on PostgreSQL the rows of the jobs' schedules are, always in the same order.

mod fire;
mod lists;
mod schedules;
mod store;
mod texts;

use std::fmt;

use clusterkeep_core::error::ErrorClass;
use clusterkeep_core::sql::{Db, Session, Value};
use clusterkeep_core::{Error, Result};

pub(super) use self::texts::{Texts, texts};

/// What the engines have not in common.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The statements.
    const TEXTS: &'static Texts;
    /// Whether rows have to be locked: else the transaction keeps all others out.
    const LOCKS: bool;
    /// Whether text may hold the character NUL.
    const NUL: bool;

    /// What goes into the statements' places for this moment of the store's clock.
    ///
    /// # Errors
    ///
    /// The clock can't be read.
    fn now(&self) -> Result<Vec<Value>>;
}

/// Keeps schedules and runs in a database with transactions.
#[derive(Debug, Clone)]
pub struct SqlStore<D> {
    db: Db,
    dialect: D,
}

impl<D: Dialect> SqlStore<D> {
    pub(super) const fn new(db: Db, dialect: D) -> Self {
        Self { db, dialect }
    }

    async fn begin(&self) -> Result<Box<dyn Session>> {
        let mut session = self.db.session().await?;
        session.begin().await?;
        Ok(session)
    }
}

/// How often a transaction is tried that others got in the way of.
const ATTEMPTS: u32 = 5;

/// Whether a transaction was undone since another one was faster, and may be tried again.
fn lost_a_race(error: &Error) -> bool {
    matches!(error.class(), Some(ErrorClass::Conflict | ErrorClass::DuplicateKey))
}

/// Awaits a call, anew where another transaction got in its way.
macro_rules! again {
    ($call:expr) => {{
        let mut attempt = 1;
        loop {
            match $call.await {
                Err(error) if attempt < $crate::store::sql::ATTEMPTS && $crate::store::sql::lost_a_race(&error) => {
                    attempt += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}
use again;
