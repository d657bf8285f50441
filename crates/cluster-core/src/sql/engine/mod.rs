//! The engines: one file each, one line each in [`connect`].

#[cfg(feature = "cratedb")]
mod cratedb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod pooled;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod report;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod retry;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{ConnectOptions, Database, TokenSource};
use crate::address::DatabaseUrl;
use crate::error::{Error, Result};

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// SQLite, in process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    Mysql,
    /// CrateDB, over HTTP.
    Cratedb,
}

impl Engine {
    /// The character that identifiers are quoted with.
    #[must_use]
    pub const fn quote(self) -> char {
        match self {
            Self::Mysql => '`',
            Self::Sqlite | Self::Postgres | Self::Cratedb => '"',
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MariaDB/MySQL",
            Self::Cratedb => "CrateDB",
        })
    }
}

/// Opens the database at `url` with the engine that its scheme names.
///
/// A box ends the nesting of futures here: the drivers' own go deep, and callers would meet the compiler's limit.
pub(super) fn connect(url: &DatabaseUrl, options: ConnectOptions) -> BoxFuture<'_, Result<Arc<dyn Database>>> {
    Box::pin(dispatch(url, options))
}

/// Opens the database at `url`, which lets its caller in by tokens.
#[cfg_attr(not(feature = "cratedb"), expect(unused_variables, reason = "no other engine knows tokens"))]
pub(super) fn connect_as(
    url: &DatabaseUrl,
    tokens: Arc<dyn TokenSource>,
    options: ConnectOptions,
) -> BoxFuture<'_, Result<Arc<dyn Database>>> {
    match url.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => Box::pin(cratedb::connect_as(url, tokens, options)),
        engine => {
            Box::pin(
                async move { Err(Error::input(format!("{engine} lets nobody in by tokens: {url} needs a password"))) },
            )
        }
    }
}

#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb")),
    expect(unused_variables, reason = "there is nothing to connect to")
)]
async fn dispatch(url: &DatabaseUrl, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    let url = url.prepare(&|name| std::env::var(name).ok())?;
    match url.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::connect(&url, options).await,
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => cratedb::connect(&url, options).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::connect(&url, options).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::connect(&url, options).await,
        #[allow(unreachable_patterns, reason = "where every engine is compiled in, none is left")]
        engine => Err(Error::input(format!("support for {engine} is not compiled in"))),
    }
}
