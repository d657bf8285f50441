//! Copies of partitions: where they are, and back into their table or beside it.
//!
//! What is restored is only that partition, and it is counted afterwards. Nothing is replaced: where the partition is
//! there already, or where the server would put it into a table that has become another one, it is refused.

#[cfg(feature = "archive")]
mod files;
#[cfg(feature = "cratedb")]
mod snapshots;

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{Entry, Event};
use clusterkeep_core::plan::Lock;
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Retention;
use crate::observe::Archive;

/// The schema that partitions are restored into where they are not put back (CrateDB).
pub const BESIDE: &str = "restored";

/// What the name of the table ends with that they are restored into on other engines.
pub const BESIDE_SUFFIX: &str = "_restored";

/// A copy of a partition, as `retention restore list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Archived {
    /// The table, as the policy names it.
    pub table: String,
    /// The server's own name of the partition; the bounds of a slice.
    pub partition: String,
    /// The columns of its key; none of files.
    pub columns: Vec<String>,
    /// The repository that it is in, or the place for files.
    pub repository: String,
    /// The name of the snapshot or archive.
    pub snapshot: String,
    /// The first instant that can be in it, where that was known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many rows it has.
    pub rows: u64,
    /// How many shards; none of files.
    pub shards: u64,
    /// When it was verified.
    pub archived_at: DateTime<Utc>,
    /// What the server says of the snapshot now, such as `SUCCESS`; of files `complete` or `damaged`; nothing where there
    /// is none any more.
    pub state: Option<String>,
    /// Whether the partition is in its table now; of files, whether the table has rows in its span.
    pub in_table: bool,
}

impl Archived {
    /// What is on record of a copy, with what is there now.
    #[cfg(any(feature = "archive", feature = "cratedb"))]
    fn of(table: String, archive: Archive, state: Option<String>, in_table: bool) -> Self {
        let Archive { partition, columns, repository, snapshot, start, end, rows, shards, archived_at, .. } = archive;
        Self { table, partition, columns, repository, snapshot, start, end, rows, shards, archived_at, state, in_table }
    }
}

/// Where a partition is restored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Back into its table.
    Table,
    /// Into a table of the same name in the schema [`BESIDE`] (CrateDB), or with [`BESIDE_SUFFIX`] (other engines).
    Beside,
}

/// What became of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Restored {
    /// Where the partition is now.
    pub into: String,
    /// The repository or place that it came from.
    pub repository: String,
    /// The snapshot or archive.
    pub snapshot: String,
    /// The first instant that can be in it, where that was known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many rows it has, counted after it was restored.
    pub rows: u64,
}

/// The copies of one database.
#[derive(Debug, Clone)]
pub struct Archives(Retention);

impl Retention {
    /// The copies of partitions that applies have made.
    #[must_use]
    pub fn archives(&self) -> Archives {
        Archives(self.clone())
    }
}

impl Archives {
    /// What is archived, of `table` or of all tables, by table and time.
    ///
    /// # Errors
    ///
    /// A database that does not answer, or a record that can't be read.
    pub async fn list(&self, table: Option<&TableName>) -> Result<Vec<Archived>> {
        let recorded = self.0.records().archives(table).await?;
        match self.0.db.engine() {
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => self.list_snapshots(recorded).await,
            #[cfg(feature = "archive")]
            Engine::Postgres | Engine::Mysql | Engine::Sqlite => self.list_files(recorded).await,
            #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
            engine => Err(not_here(engine)),
        }
    }

    /// Restores the partition of a snapshot and counts it, or the rows of an archive in files, and holds every value against
    /// its checksums.
    ///
    /// # Errors
    ///
    /// There is no record of it; it is not whole any more; the partition is there already; the server would put
    /// it into a table of another shape; or what was restored is not what was archived.
    pub async fn restore(&self, name: &str, to: Destination) -> Result<Restored> {
        self.0.state.ensure(self.0.now()).await?;
        let lock = self.0.state.lock("retention").await?;
        let restored = self.restore_locked(name, to).await;
        if let Err(e) = Box::new(lock).release().await {
            tracing::warn!(error = %e, "the lock could not be given back");
        }
        restored
    }

    async fn restore_locked(&self, name: &str, to: Destination) -> Result<Restored> {
        let recorded = self.0.records().archives(None).await?;
        let found = recorded.into_iter().find(|(_, archive)| archive.snapshot == name);
        let (table, archive) = found.ok_or_else(|| {
            Error::input(format!("no archive `{}` is on record", name.escape_debug()))
                .with_hint("`clusterkeep retention restore list` shows those that there are")
        })?;
        let table: TableName = table.parse()?;
        match self.0.db.engine() {
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => self.restore_snapshot(&table, &archive, to).await,
            #[cfg(feature = "archive")]
            Engine::Postgres | Engine::Mysql | Engine::Sqlite => self.restore_files(&table, &archive, to).await,
            #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
            engine => Err(not_here(engine)),
        }
    }

    /// Has `restoring` done between its intent and its outcome in the audit; gives how many rows are back.
    async fn audited(
        &self,
        table: &TableName,
        archive: &Archive,
        target: &TableName,
        restoring: impl Future<Output = Result<u64>>,
    ) -> Result<Restored> {
        let data = |outcome: serde_json::Value| {
            serde_json::json!({
                "repository": archive.repository, "snapshot": archive.snapshot, "partition": archive.partition,
                "into": target.to_string(), "outcome": outcome,
            })
        };
        self.record(table, Event::Intent, data(serde_json::Value::Null)).await?;
        let restored = restoring.await;
        let outcome = match &restored {
            Ok(rows) => serde_json::json!({ "rows": rows }),
            Err(e) => serde_json::json!({ "failed": e.to_string() }),
        };
        self.record(table, Event::Outcome, data(outcome)).await?;
        Ok(Restored {
            into: target.to_string(),
            rows: restored?,
            repository: archive.repository.clone(),
            snapshot: archive.snapshot.clone(),
            start: archive.start,
            end: archive.end,
        })
    }

    async fn record(&self, table: &TableName, event: Event, data: serde_json::Value) -> Result<()> {
        let entry = Entry {
            at: self.0.now(),
            actor: self.0.actor_name().to_owned(),
            event,
            subject: format!("restore:{table}"),
            plan: String::new(),
            as_of: self.0.now(),
            step: None,
            data,
        };
        self.0.audit_sink().append(vec![entry]).await.map(drop)
    }
}

fn not_here(engine: Engine) -> Error {
    Error::failed(format!("this program was built without the archives of {engine}"))
}
