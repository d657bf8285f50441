//! The embedded store: one SQLite file.
//!
//! Each call is one transaction that takes the write lock first, with `synchronous = FULL`: what it has returned is on
//! the disk. Calls take lists, since many rows in one transaction cost little more than one.

mod rows;
mod schema;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, SqlBuilder, sql};
use uuid::Uuid;

use self::rows::{bind_key, micros, to_json};
use super::{Advance, Claim, RunEnd, RunQuery, ScheduleRecord, Store};
use crate::run::{RunKey, RunRecord};

/// Keeps schedules and runs in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    db: Db,
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
        schema::migrate(&db).await?;
        Ok(Self { db })
    }

    /// Runs statements in one transaction; says of each whether it changed a row.
    async fn each(&self, statements: Vec<clusterkeep_core::sql::Statement>) -> Result<Vec<bool>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.db.session().await?;
        session.begin().await?;
        let mut changed = Vec::with_capacity(statements.len());
        for statement in &statements {
            changed.push(session.execute(statement).await? > 0);
        }
        session.commit().await?;
        Ok(changed)
    }
}

impl From<SqliteStore> for Arc<dyn Store> {
    fn from(store: SqliteStore) -> Self {
        Arc::new(store)
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn is_shared(&self) -> bool {
        true
    }

    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<()> {
        let mut statements = Vec::with_capacity(schedules.len());
        for schedule in schedules {
            let put = sql("INSERT INTO clusterkeep_scheduler_schedules (namespace, job, generation, valid_from, \
                 next_fire, high_water, zone_data, retired, spec) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (namespace, job) DO UPDATE SET generation = excluded.generation, \
                 valid_from = excluded.valid_from, next_fire = excluded.next_fire, \
                 high_water = nullif(max(coalesce(high_water, -9223372036854775807), \
                 coalesce(excluded.high_water, -9223372036854775807)), -9223372036854775807), \
                 zone_data = excluded.zone_data, retired = excluded.retired, spec = excluded.spec \
                 WHERE generation <= excluded.generation");
            statements.push(
                put.bind(&schedule.namespace)
                    .bind(schedule.spec.name.as_str())
                    .bind(i64::from(schedule.generation))
                    .bind(micros(schedule.valid_from))
                    .bind(schedule.next_fire.map(micros))
                    .bind(schedule.high_water.map(micros))
                    .bind(&schedule.zone_data)
                    .bind(schedule.retired.map(micros))
                    .bind(to_json(&schedule.spec)?),
            );
        }
        self.each(statements).await.map(drop)
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        let query = match namespace {
            Some(namespace) => {
                sql("SELECT * FROM clusterkeep_scheduler_schedules WHERE namespace = ? ORDER BY job").bind(namespace)
            }
            None => sql("SELECT * FROM clusterkeep_scheduler_schedules ORDER BY namespace, job"),
        };
        self.db.query(query).await?.iter().map(rows::schedule).collect()
    }

    async fn fire(&self, runs: &[RunRecord], advances: &[Advance]) -> Result<Vec<bool>> {
        let mut statements = runs.iter().map(rows::insert).collect::<Result<Vec<_>>>()?;
        statements.extend(advances.iter().map(|advance| {
            sql("UPDATE clusterkeep_scheduler_schedules SET high_water = max(coalesce(high_water, ?), ?), \
                 next_fire = ? WHERE namespace = ? AND job = ?")
            .bind(micros(advance.high_water))
            .bind(micros(advance.high_water))
            .bind(advance.next_fire.map(micros))
            .bind(&advance.namespace)
            .bind(&advance.job)
        }));
        let mut changed = self.each(statements).await?;
        changed.truncate(runs.len());
        Ok(changed)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        let claim = |claim: &Claim| {
            let statement = sql("UPDATE clusterkeep_scheduler_runs SET state = 'running', attempt = attempt + 1, \
                 started = ?, progress = NULL, message = NULL \
                 WHERE namespace = ? AND job = ? AND nominal = ? AND kind = ? AND generation = ? \
                 AND state = 'pending' AND attempt = ?")
            .bind(micros(claim.at));
            bind_key(statement, &claim.key).bind(i64::from(claim.attempt))
        };
        self.each(claims.iter().map(claim).collect()).await
    }

    async fn report(&self, key: &RunKey, attempt: u32, progress: Option<f64>, message: Option<&str>) -> Result<bool> {
        let statement = sql("UPDATE clusterkeep_scheduler_runs SET progress = coalesce(?, progress), \
             message = coalesce(?, message) \
             WHERE namespace = ? AND job = ? AND nominal = ? AND kind = ? AND generation = ? \
             AND state = 'running' AND attempt = ?")
        .bind(progress)
        .bind(message);
        Ok(self.db.execute(bind_key(statement, key).bind(i64::from(attempt))).await? > 0)
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        let finish = |end: &RunEnd| {
            let statement = sql("UPDATE clusterkeep_scheduler_runs SET state = ?, error = ?, finished = ? \
                 WHERE namespace = ? AND job = ? AND nominal = ? AND kind = ? AND generation = ? \
                 AND state = 'running' AND attempt = ?")
            .bind(end.state.as_str())
            .bind(end.error.as_deref())
            .bind(end.state.is_final().then(|| micros(end.at)));
            bind_key(statement, &end.key).bind(i64::from(end.attempt))
        };
        self.each(ends.iter().map(finish).collect()).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let mut select = SqlBuilder::new(Engine::Sqlite);
        select.push("SELECT * FROM clusterkeep_scheduler_runs WHERE 1 = 1");
        if let Some(namespace) = &query.namespace {
            select.push(" AND namespace = ").bind(namespace);
        }
        if let Some(job) = &query.job {
            select.push(" AND job = ").bind(job);
        }
        if !query.states.is_empty() {
            select.push(" AND state IN (");
            select.join(", ", &query.states, |select, state| {
                // As text of the statement, so that the index on open runs can be used.
                select.push("'").push(state.as_str()).push("'");
            });
            select.push(")");
        }
        select.push(" ORDER BY nominal DESC, namespace, job, kind, generation");
        if let Some(limit) = query.limit {
            select.push(" LIMIT ").number(i64::from(limit));
        }
        self.db.query(select.build()).await?.iter().map(rows::run).collect()
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        let delete = sql("DELETE FROM clusterkeep_scheduler_runs WHERE namespace = ? \
             AND coalesce(missed_last, nominal) < ? AND state NOT IN ('pending', 'running')");
        self.db.execute(delete.bind(namespace).bind(micros(before))).await
    }

    async fn lease(&self, namespace: &str, owner: Uuid, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<bool> {
        let lease = sql("INSERT INTO clusterkeep_scheduler_leases (namespace, owner, until) VALUES (?, ?, ?) \
             ON CONFLICT (namespace) DO UPDATE SET owner = excluded.owner, until = excluded.until \
             WHERE owner = excluded.owner OR until <= ?");
        let statement = lease.bind(namespace).bind(owner.to_string()).bind(micros(until)).bind(micros(now));
        Ok(self.db.execute(statement).await? > 0)
    }

    async fn release(&self, namespace: &str, owner: Uuid) -> Result<()> {
        let release = sql("DELETE FROM clusterkeep_scheduler_leases WHERE namespace = ? AND owner = ?");
        self.db.execute(release.bind(namespace).bind(owner.to_string())).await.map(drop)
    }
}
