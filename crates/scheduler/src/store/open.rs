//! A store by its address.

use std::sync::Arc;

use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, Result};

use super::Store;

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
        Engine::Mysql => Err(Error::input("MariaDB/MySQL keeps no schedules".to_owned())
            .with_hint("use sqlite://, postgres:// or crate://")),
        #[allow(unreachable_patterns, reason = "where every store is compiled in, none is left")]
        engine => Err(Error::input(format!("keeping schedules in {engine} is not compiled in"))),
    }
}
