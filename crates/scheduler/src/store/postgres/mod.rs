//! The store that many schedulers share: PostgreSQL.
//!
//! The tables lie in the schema that the address names (`?schema=`), else in `clusterkeep`. While rows of a job are made or
//! begun, the row of its schedule is locked, so that gates are exact whoever else does the same. Leases go by the server's
//! clock. Keys and states are never taken from memory: any number of schedulers, and no leader.

mod schema;

use std::time::Duration;

use clusterkeep_core::Result;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident, SqlBuilder, Value};

use super::migrate::Tables;
use super::open::Existing;
use super::sql::{Dialect, SqlStore, Texts, texts};

/// The schema of addresses that name none.
const SCHEMA: &str = "clusterkeep";

/// The most sessions of one scheduler: its writing is in one of them, what is asked beside it in the others.
const SESSIONS: u32 = 4;

/// How long a scheduler that hangs in the middle of a transaction may keep others from the jobs that it has locked.
const HUNG: Duration = Duration::from_secs(10);

/// Keeps schedules and runs in PostgreSQL.
pub type PostgresStore = SqlStore<Postgres>;

/// How PostgreSQL says it.
#[derive(Debug, Clone)]
pub struct Postgres(());

impl Dialect for Postgres {
    const TEXTS: &'static Texts = &texts!(
        "scheduler_",
        "jsonb_array_elements(?) AS list (value)",
        " FOR NO KEY UPDATE OF s",
        "''",
        "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
    );
    const LOCKS: bool = true;
    const NUL: bool = false;

    fn now(&self) -> Result<Vec<Value>> {
        Ok(Vec::new())
    }
}

impl PostgresStore {
    /// Opens the database that a `postgres:` address names, and creates schema and tables where they are missing.
    ///
    /// # Errors
    ///
    /// A server that does not answer, or a user who may not create them; tables that a later version of this program wrote.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self> {
        let (db, schema) = database(url).await?;
        let mut session = db.session().await?;
        session.begin().await?;
        session.query(&schema::LOCK).await?;
        let mut found = SqlBuilder::new(Engine::Postgres);
        found.push("SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = ").bind(schema.as_str());
        if session.query(&found.build()).await?.scalar::<i64>()? == 0 {
            let mut create = SqlBuilder::new(Engine::Postgres);
            create.push("CREATE SCHEMA ").ident(&schema);
            session.execute(&create.build()).await?;
        }
        session.commit().await?;
        drop(session);
        Self::on(db).await
    }

    /// What is in the database that a `postgres:` address names. Nothing is created.
    pub(super) async fn existing(url: &DatabaseUrl) -> Result<Existing> {
        let (db, _) = database(url).await?;
        Ok(match schema::MIGRATIONS.look(&db).await? {
            Tables::None => Existing::Nothing,
            Tables::Older => Existing::Older,
            Tables::Current => Existing::Ready(Self::new(db, Postgres(())).into()),
        })
    }

    /// Keeps them where unqualified names of an open database lead, and creates the tables where they are missing.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn on(db: Db) -> Result<Self> {
        let mut session = db.session().await?;
        session.begin().await?;
        // Of several that begin together, one makes the tables; the lock ends with the transaction.
        session.query(&schema::LOCK).await?;
        schema::MIGRATIONS.run(&db, &mut *session).await?;
        session.commit().await?;
        drop(session);
        Ok(Self::new(db, Postgres(())))
    }
}

/// Opens the database of an address, and says in which schema the tables are.
async fn database(url: &DatabaseUrl) -> Result<(Db, Ident)> {
    let schema = Ident::new(url.schema().unwrap_or(SCHEMA))?;
    let url = url.clone().with_schema(schema.as_str());
    let options = ConnectOptions::default().max_sessions(SESSIONS).idle_in_transaction(HUNG);
    Ok((Db::connect_with(&url, options).await?, schema))
}
