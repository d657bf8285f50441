//! The state that Clusterkeep keeps in the database that it serves, or where it is told to.
//!
//! It lies in a schema of its own (`clusterkeep`), on engines without schemas in tables with that prefix. Creating it is
//! idempotent; migrations are numbered and go forward only.

mod lock;
mod migrations;
mod row;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub use lock::StateLock;
pub use row::RowChange;

use crate::error::{ErrorClass, Result};
use crate::sql::{Db, Engine, Ident, Session, SqlBuilder, TableName};

/// The name of the schema, or the prefix of the tables, where nothing else is asked for.
pub const DEFAULT_NAME: &str = "clusterkeep";

/// How long a lock outlives its holder, where it is a lease.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// Where the state lies.
#[derive(Debug, Clone)]
pub struct State {
    db: Db,
    name: Ident,
    lease: Duration,
}

impl State {
    /// The state in `db`, under the default name.
    #[must_use]
    pub fn of(db: Db) -> Self {
        Self { db, name: Ident::literal(DEFAULT_NAME), lease: DEFAULT_LEASE }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: Ident) -> Self {
        self.name = name;
        self
    }

    /// The same with another lease: how long a lock outlives its holder where the engine has no lock that ends with it
    /// (CrateDB). A holder renews it as long as it lives, each time a third has passed.
    #[must_use]
    pub const fn leased_for(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long a lock outlives its holder, where it is a lease.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// The database that it lies in.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The name of its schema, or the prefix of its tables.
    #[must_use]
    pub const fn name(&self) -> &Ident {
        &self.name
    }

    /// One of its tables.
    #[must_use]
    pub fn table(&self, table: &'static str) -> TableName {
        if self.db.capabilities().schemas {
            return TableName::within(self.name.clone(), Ident::literal(table));
        }
        let prefixed = Ident::new(format!("{}_{table}", self.name.as_str()));
        TableName::bare(prefixed.unwrap_or_else(|_| Ident::literal(table)))
    }

    /// Whether `SELECT ... FOR UPDATE` is there to keep others out; SQLite's transactions do so as a whole.
    #[must_use]
    pub fn locks_rows(&self) -> bool {
        matches!(self.db.engine(), Engine::Postgres | Engine::Mysql)
    }

    /// Whether the state was created, in whatever version.
    ///
    /// # Errors
    ///
    /// The catalogue can't be read.
    pub async fn exists(&self) -> Result<bool> {
        Ok(migrations::version(self).await?.is_some())
    }

    /// Creates what is missing and brings the rest up to date; `now` is recorded with each migration.
    ///
    /// # Errors
    ///
    /// The user may not create it, or a newer version of Clusterkeep did so before.
    pub async fn ensure(&self, now: DateTime<Utc>) -> Result<()> {
        migrations::migrate(self, now).await
    }

    /// What the mark `name` says; `None` where it was never set.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn mark(&self, name: &str) -> Result<Option<String>> {
        let mut query = self.sql();
        query.push("SELECT ").name("value").push(" FROM ").table(&self.table("marks")).push(" WHERE ").name("name");
        query.push(" = ").bind(name);
        match self.db.query(query.build()).await {
            Ok(records) => records.first().map(|row| row.get("value")).transpose(),
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sets the mark `name`, where it is not set yet.
    ///
    /// # Errors
    ///
    /// The state was not created, or may not be written to.
    pub async fn set_mark(&self, name: &str, value: &str) -> Result<()> {
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.table("marks")).push(" (").name("name").push(", ").name("value");
        insert.push(") VALUES (").bind(name).push(", ").bind(value).push(")");
        match self.db.execute(insert.build()).await {
            Err(e) if e.class() == Some(ErrorClass::DuplicateKey) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Makes searches of `table` find what was written before, where the engine's own way is to let them wait (CrateDB);
    /// what is read by its whole key needs it nowhere. The right to read suffices.
    ///
    /// # Errors
    ///
    /// The table is not there, or the database does not answer.
    pub async fn refresh(&self, table: &'static str) -> Result<()> {
        if self.db.engine() != Engine::Cratedb {
            return Ok(());
        }
        self.refresh_within(&mut *self.db.session().await?, table).await
    }

    /// The same in `session`, for who has one already: waiting for a second one might be for ever.
    pub(crate) async fn refresh_within(&self, session: &mut dyn Session, table: &'static str) -> Result<()> {
        if session.engine() != Engine::Cratedb {
            return Ok(());
        }
        let mut refresh = self.sql();
        refresh.push("REFRESH TABLE ").table(&self.table(table));
        // It is of a few rows, and what reads next must not hang on it.
        match session.execute(&refresh.build().timeout(Duration::from_secs(60))).await {
            // In a table that takes no writes nothing is new.
            Err(e) if e.class() == Some(ErrorClass::Permission) => Ok(()),
            done => done.map(drop),
        }
    }

    pub(crate) fn sql(&self) -> SqlBuilder {
        SqlBuilder::new(self.db.engine())
    }

    /// Takes the lock `name`, or says that another run holds it.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`](crate::Error::Locked) where another run holds it.
    pub async fn lock(&self, name: &str) -> Result<StateLock> {
        StateLock::take(self, name).await
    }
}
