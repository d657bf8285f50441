//! Copies of partitions: where they are, and back into their table or beside it.
//!
//! What is restored is only that partition, and it is counted afterwards. Nothing is replaced: where the partition is
//! there already, or where the server would put it into a table that has become another one, it is refused. It is planned
//! and approved like everything that changes a user's table.

mod apply;
#[cfg(feature = "archive")]
mod files;
mod model;
mod plan;
#[cfg(feature = "cratedb")]
mod snapshots;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Approval, Plan, Report};
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::model::{Action, CopyName, Decision, Detail, Reason, Restoring};
pub use self::plan::text;

use self::apply::Executor;
use self::plan::Seen;
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

    /// Looks at one copy, and at where it would go, and says what would come back. It changes nothing.
    ///
    /// `name` is as [`Archives::list`] has it, alone or behind its repository or place and a slash.
    ///
    /// # Errors
    ///
    /// There is no record of it, or there are several of that name; a database or a place that does not answer.
    pub async fn plan(&self, name: &str, to: Destination, now: DateTime<Utc>) -> Result<Plan<Restoring>> {
        Ok(plan::plan(&self.look(name, to).await?, now))
    }

    /// Brings back what the plan says: a snapshot's partition is counted, and every value of an archive in files is held
    /// against its checksum.
    ///
    /// # Errors
    ///
    /// See [`clusterkeep_core::plan::apply`]; from the first step on, failures are outcomes in the report.
    pub async fn apply(&self, plan: &Plan<Restoring>, approval: Approval) -> Result<Report<Restoring>> {
        let Some(verdict) = plan.verdicts.first() else { return Err(Error::failed("a restore of nothing")) };
        let (object, detail) = (&verdict.object, &verdict.detail);
        let to = if detail.into == detail.table { Destination::Table } else { Destination::Beside };
        let executor = Executor::new(self, object.to_string(), to, plan.as_of);
        self.0.apply_by(&executor, plan, approval, format!("restore:{}", detail.table)).await
    }

    /// What there is of a copy, and of where it would go.
    async fn look(&self, name: &str, to: Destination) -> Result<Seen> {
        let recorded = self.0.records().archives(None).await?;
        let is_it = |archive: &Archive| {
            archive.snapshot == name
                || name.strip_suffix(&archive.snapshot).and_then(|rest| rest.strip_suffix('/'))
                    == Some(archive.repository.as_str())
        };
        let mut found = recorded.into_iter().filter(|(_, archive)| is_it(archive));
        let (table, archive) = found.next().ok_or_else(|| {
            Error::input(format!("no archive `{}` is on record", name.escape_debug()))
                .with_hint("`clusterkeep retention restore list` shows those that there are")
        })?;
        if let Some((_, other)) = found.next() {
            let what =
                format!("`{}` is on record in {} and in {}", archive.snapshot, archive.repository, other.repository);
            return Err(Error::input(what).with_hint("write the place before it, with a slash between"));
        }
        let table: TableName = table.parse()?;
        match self.0.db.engine() {
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => self.look_at_snapshot(table, archive, to).await,
            #[cfg(feature = "archive")]
            Engine::Postgres | Engine::Mysql | Engine::Sqlite => self.look_at_files(table, archive, to).await,
            #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
            engine => Err(not_here(engine)),
        }
    }

    /// Brings back what was seen; how many rows.
    async fn bring(&self, seen: &Seen) -> Result<u64> {
        match self.0.db.engine() {
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => self.bring_snapshot(seen).await,
            #[cfg(feature = "archive")]
            Engine::Postgres | Engine::Mysql | Engine::Sqlite => self.bring_files(seen).await,
            #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
            engine => Err(not_here(engine)),
        }
    }

    /// Whether what was brought back is there.
    async fn is_there(&self, seen: &Seen) -> Result<bool> {
        match self.0.db.engine() {
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => self.has_partition(seen).await,
            #[cfg(feature = "archive")]
            Engine::Postgres | Engine::Mysql | Engine::Sqlite => self.has_rows(seen).await,
            #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
            engine => Err(not_here(engine)),
        }
    }
}

fn not_here(engine: Engine) -> Error {
    Error::failed(format!("this program was built without the archives of {engine}"))
}
