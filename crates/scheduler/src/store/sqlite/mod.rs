//! The embedded store: one SQLite file.
//!
//! Each call is one transaction that takes the write lock first, with `synchronous = FULL`: what it has returned is on
//! the disk. Leases go by a clock of the machine that nobody sets; programs on different machines must not share a file.

mod clock;
mod schema;

use std::path::PathBuf;

use clusterkeep_core::Result;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Db, Value};

use self::clock::Clock;
use super::migrate::Tables;
use super::open::Existing;
use super::sql::{Dialect, SqlStore, Texts, texts};

/// Keeps schedules and runs in a SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

/// How SQLite says it.
#[derive(Debug, Clone)]
pub struct Sqlite(Clock);

impl Dialect for Sqlite {
    const TEXTS: &'static Texts = &texts!("clusterkeep_scheduler_", "jsonb_each(?) AS list", "", "?", "?");
    const LOCKS: bool = false;
    const NUL: bool = true;

    fn now(&self) -> Result<Vec<Value>> {
        Ok(vec![self.0.boot.as_str().into(), self.0.now().into()])
    }
}

impl SqliteStore {
    /// Opens a file, and creates it and the tables where they are missing.
    ///
    /// # Errors
    ///
    /// A file that can't be opened or that is no SQLite database; tables that a later version of this program wrote.
    pub async fn open(path: impl Into<PathBuf> + Send) -> Result<Self> {
        Self::connect(&DatabaseUrl::sqlite(path)).await
    }

    /// A database in memory, which lives as long as the store.
    ///
    /// # Errors
    ///
    /// The memory does not suffice.
    pub async fn in_memory() -> Result<Self> {
        Self::connect(&DatabaseUrl::sqlite_in_memory()).await
    }

    /// Opens the file that a `sqlite:` address names.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn connect(url: &DatabaseUrl) -> Result<Self> {
        // One session writes, and one may read beside it.
        let db = Db::connect_with(url, ConnectOptions::default().create().max_sessions(2)).await?;
        Self::on(db).await
    }

    /// What is in the file that a `sqlite:` address names. Nothing is created.
    pub(super) async fn existing(url: &DatabaseUrl) -> Result<Existing> {
        if url.path().is_some_and(|path| !path.exists()) {
            return Ok(Existing::Nothing);
        }
        let db = Db::connect_with(url, ConnectOptions::default().max_sessions(2)).await?;
        Ok(match schema::MIGRATIONS.look(&db).await? {
            Tables::None => Existing::Nothing,
            Tables::Older => Existing::Older,
            Tables::Current => Existing::Ready(Self::new(db, Sqlite(Clock::new()?)).into()),
        })
    }

    /// Keeps them in an open database, and creates the tables where they are missing.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn on(db: Db) -> Result<Self> {
        let mut session = db.session().await?;
        session.begin().await?;
        schema::MIGRATIONS.run(&db, &mut *session).await?;
        session.commit().await?;
        drop(session);
        Ok(Self::new(db, Sqlite(Clock::new()?)))
    }
}
