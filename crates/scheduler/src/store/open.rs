//! A store by its address.

use std::fmt;
use std::sync::Arc;

use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, Result};

use super::Store;

/// What is at the address of a store.
#[derive(Clone)]
#[non_exhaustive]
pub enum Existing {
    /// No table of schedules.
    Nothing,
    /// Tables of an earlier version of this program, which [`open`] brings up to date.
    Older,
    /// The store.
    Ready(Arc<dyn Store>),
}

impl fmt::Debug for Existing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Older => "Older",
            Self::Ready(_) => "Ready",
        })
    }
}

/// Opens the store at `url` as [`open`] does, where its tables are there; nothing is created or changed, so that who may
/// only read can look.
///
/// # Errors
///
/// As [`open`].
pub async fn open_existing(url: &DatabaseUrl) -> Result<Existing> {
    match url.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => super::SqliteStore::existing(url).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => super::PostgresStore::existing(url).await,
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => super::CrateStore::existing(url).await,
        engine => Err(no_store(engine)),
    }
}

/// Opens the store at `url` (`sqlite:`, `postgres:` or `crate:`), and creates its tables where they are missing.
///
/// # Errors
///
/// An engine that keeps no schedules, or that is not compiled in; what the store's own way to open it says.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// let store = clusterkeep_scheduler::open(&"postgres://ops@db.example.org/jobs".parse()?).await?;
/// assert!(store.schedules(Some("weather")).await?.is_empty());
/// # Ok(()) }
/// ```
pub async fn open(url: &DatabaseUrl) -> Result<Arc<dyn Store>> {
    match url.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => Ok(super::SqliteStore::connect(url).await?.into()),
        #[cfg(feature = "postgres")]
        Engine::Postgres => Ok(super::PostgresStore::connect(url).await?.into()),
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => Ok(super::CrateStore::connect(url).await?.into()),
        engine => Err(no_store(engine)),
    }
}

/// Why an engine keeps no schedules.
fn no_store(engine: Engine) -> Error {
    match engine {
        Engine::Mysql => {
            Error::input("MariaDB/MySQL keeps no schedules").with_hint("use sqlite://, postgres:// or crate://")
        }
        engine => Error::input(format!("keeping schedules in {engine} is not compiled in")),
    }
}
