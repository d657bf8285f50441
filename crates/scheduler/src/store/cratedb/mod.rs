//! The store that many schedulers share where there is a CrateDB.
//!
//! CrateDB has no transactions, so each promise rests on one row: a key is made once because it is the primary key, a run
//! is begun and ended once because its row is written only in the version that was read (`_seq_no` and `_primary_term`),
//! and a mark rises in one expression of the server. Rows are made before their schedule steps over them. What is read
//! by its whole key is always the latest; searches refresh their table first, and what they find is written only where it
//! has not changed since. Leases go by the server's clock.
//!
//! # What it can't promise
//!
//! What has to be decided by several rows is decided by what was there a moment before:
//!
//! - Two schedulers that begin runs of one job in the same moment may both pass its gate.
//! - A scheduler that stands still between reading a schedule and making a row may make the row of a fire that another
//!   one has meanwhile counted among the missed. Its key is there once, still.
//! - A version of a job may be written and the end of the version before it not, where the scheduler dies in between; the
//!   next one that puts the job writes it.
//!
//! Runs lie in a partition for each month of their nominal instants, so that history goes month by month. Each has two shards:
//! who makes up for decades makes as many as a cluster would rather not have.
//!
//! A row that the server has acknowledged can be lost with its node where the tables have no replica; give them some with
//! `ALTER TABLE ... SET (number_of_replicas = 1)` where there is more than one node.

mod change;
mod fire;
mod months;
mod moved;
mod schedules;
mod schema;
mod store;
mod values;

use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Db, Records, Statement, Value, sql};

use super::Store;
use super::migrate::Tables;
use super::open::Existing;

/// The schema of addresses that name none.
const SCHEMA: &str = "clusterkeep";

/// Keeps schedules and runs in CrateDB.
#[derive(Debug, Clone)]
pub struct CrateStore {
    db: Db,
}

/// A table that is searched.
#[derive(Debug, Clone, Copy)]
enum Table {
    Schedules,
    Generations,
    Runs,
    Workers,
}

impl CrateStore {
    /// Opens the server that a `crate:` address names, and creates the tables where they are missing: in the schema of the
    /// address, else in `clusterkeep`.
    ///
    /// # Errors
    ///
    /// A server that does not answer, or a user who may not create them; tables that a later version of this program wrote.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self> {
        Self::on(database(url).await?).await
    }

    /// What is on the server that a `crate:` address names. Nothing is created.
    pub(super) async fn existing(url: &DatabaseUrl) -> Result<Existing> {
        let db = database(url).await?;
        Ok(match schema::look(&db).await? {
            Tables::None => Existing::Nothing,
            Tables::Older => Existing::Older,
            Tables::Current => Existing::Ready(Self { db }.into()),
        })
    }

    /// Keeps them where unqualified names of an open database lead, and creates the tables where they are missing.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn on(db: Db) -> Result<Self> {
        schema::migrate(&db).await?;
        Ok(Self { db })
    }

    /// Makes searches of a table find what was written before.
    async fn refresh(&self, table: Table) -> Result<()> {
        let refresh = match table {
            Table::Schedules => "REFRESH TABLE scheduler_schedules",
            Table::Generations => "REFRESH TABLE scheduler_generations",
            Table::Runs => "REFRESH TABLE scheduler_monthly_runs",
            Table::Workers => "REFRESH TABLE scheduler_workers",
        };
        self.db.execute(sql(refresh)).await.map(drop)
    }

    /// Searches a table, in its present state.
    async fn search(&self, table: Table, query: impl Into<Statement> + Send) -> Result<Records> {
        self.refresh(table).await?;
        self.db.query(query).await
    }

    /// Runs a statement for each row of parameters; says of each whether it changed anything.
    async fn each(&self, statement: &'static str, rows: &[Vec<Value>]) -> Result<Vec<bool>> {
        self.db.session().await?.execute_each(&sql(statement), rows).await
    }
}

/// Opens the server of an address.
async fn database(url: &DatabaseUrl) -> Result<Db> {
    let url = url.clone().with_schema(url.schema().unwrap_or(SCHEMA));
    Db::connect_with(&url, ConnectOptions::default()).await
}

impl From<CrateStore> for Arc<dyn Store> {
    fn from(store: CrateStore) -> Self {
        Arc::new(store)
    }
}
