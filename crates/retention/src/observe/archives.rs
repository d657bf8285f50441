//! Where verified copies of partitions are: rows of the state table `archives`.
//!
//! A record is made after the copy was verified, never before. That the repository still has it is looked up each time.

#[cfg(any(feature = "archive", feature = "cratedb"))]
use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Row, TableName};
use clusterkeep_core::{Error, ErrorClass, Result};
use serde::{Deserialize, Serialize};

use super::Archive;
use super::record::{Records, instant};

/// What a record keeps beside its columns.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    files: bool,
    columns: Vec<String>,
    repository: String,
    snapshot: String,
    content: String,
    shards: u64,
}

/// In a column that is never NULL, what stands for a partition without a lower bound.
const NO_START: i64 = i64::MIN;

/// What stands for where a copy is.
#[cfg(any(feature = "archive", feature = "cratedb"))]
fn place(archive: &Archive) -> String {
    let kind = if archive.files { "files" } else { "snapshot" };
    format!("{kind}:{}/{}", archive.repository, archive.snapshot)
}

impl Records {
    /// What is recorded to be archived of `source`, or of all tables, and not to be removed; the oldest first.
    pub(crate) async fn archives(&self, source: Option<&TableName>) -> Result<Vec<(String, Archive)>> {
        let mut session = self.state().db().session().await?;
        self.refresh(&mut *session, "archives").await?;
        let mut query = self.sql();
        let columns = ["source", "partition", "starts", "ends", "row_count", "facts", "archived_at"];
        query.push("SELECT ").join(", ", columns, |sql, name| {
            sql.name(name);
        });
        query.push(" FROM ").table(&self.state().table("archives")).push(" WHERE ").name("removed_at").push(" = 0");
        if let Some(source) = source {
            query.push(" AND ").name("source").push(" = ").bind(source.to_string());
        }
        query.push(" ORDER BY ").name("source").push(", ").name("ends").push(", ").name("archived_at");
        match session.query(&query.build()).await {
            Ok(found) => found.rows().map(read).collect(),
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// What is recorded of the copy of a part of `source` at a place, in files or as a snapshot: only what this program has
    /// recorded as its own is ever removed.
    #[cfg(any(feature = "archive", feature = "cratedb"))]
    pub(crate) async fn archive_at(
        &self,
        source: &TableName,
        files: bool,
        (repository, name): &(String, String),
    ) -> Result<Option<Archive>> {
        let mut known = self.archives(Some(source)).await?.into_iter().map(|(_, archive)| archive);
        Ok(known.find(|known| known.files == files && known.repository == *repository && known.snapshot == *name))
    }

    /// Records a verified copy; the same one again changes nothing but when it was last verified.
    #[cfg(any(feature = "archive", feature = "cratedb"))]
    pub(crate) async fn record_archive(&self, source: &TableName, archive: &Archive) -> Result<()> {
        let kept = Kept {
            files: archive.files,
            columns: archive.columns.clone(),
            repository: archive.repository.clone(),
            snapshot: archive.snapshot.clone(),
            content: archive.content.clone(),
            shards: archive.shards,
        };
        let facts =
            serde_json::to_string(&kept).map_err(|e| Error::caused("write where a partition is archived", e))?;
        let mut session = self.begin().await?;
        self.refresh(&mut *session, "archives").await?;
        let mut delete = self.sql();
        delete.push("DELETE FROM ").table(&self.state().table("archives"));
        self.push_is(&mut delete, source, archive);
        session.execute(&delete.build()).await?;
        let columns =
            ["source", "partition", "place", "starts", "ends", "row_count", "facts", "archived_at", "removed_at"];
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.state().table("archives")).push(" (").join(
            ", ",
            columns,
            |sql, name| {
                sql.name(name);
            },
        );
        insert.push(") VALUES (").bind(source.to_string()).push(", ").bind(archive.partition.as_str());
        insert.push(", ").bind(place(archive));
        insert.push(", ").bind(archive.start.map_or(NO_START, |at| at.timestamp_micros()));
        insert.push(", ").bind(archive.end.timestamp_micros()).push(", ").bind(archive.rows);
        insert.push(", ").bind(facts).push(", ").bind(archive.archived_at.timestamp_micros()).push(", 0)");
        session.execute(&insert.build()).await?;
        self.commit(session).await
    }

    /// Records that a copy was removed.
    #[cfg(any(feature = "archive", feature = "cratedb"))]
    pub(crate) async fn archive_removed(
        &self,
        source: &TableName,
        archive: &Archive,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut session = self.begin().await?;
        self.refresh(&mut *session, "archives").await?;
        let mut update = self.sql();
        update.push("UPDATE ").table(&self.state().table("archives")).push(" SET ").name("removed_at").push(" = ");
        update.bind(now.timestamp_micros());
        self.push_is(&mut update, source, archive);
        session.execute(&update.build()).await?;
        self.commit(session).await
    }

    #[cfg(any(feature = "archive", feature = "cratedb"))]
    fn push_is(&self, sql: &mut clusterkeep_core::sql::SqlBuilder, source: &TableName, archive: &Archive) {
        sql.push(" WHERE ").name("source").push(" = ").bind(source.to_string());
        sql.push(" AND ").name("partition").push(" = ").bind(archive.partition.as_str());
        sql.push(" AND ").name("place").push(" = ").bind(place(archive));
    }
}

fn read(row: &Row) -> Result<(String, Archive)> {
    let (source, facts): (String, String) = (row.get("source")?, row.get("facts")?);
    let kept: Kept = serde_json::from_str(&facts)
        .map_err(|e| Error::caused(format!("read where a partition of `{source}` is archived"), e))?;
    let starts: i64 = row.get("starts")?;
    let archive = Archive {
        files: kept.files,
        partition: row.get("partition")?,
        columns: kept.columns,
        repository: kept.repository,
        snapshot: kept.snapshot,
        content: kept.content,
        start: (starts != NO_START).then(|| instant(starts)).transpose()?,
        end: instant(row.get("ends")?)?,
        rows: row.get("row_count")?,
        shards: kept.shards,
        archived_at: instant(row.get("archived_at")?)?,
        listed: None,
    };
    Ok((source, archive))
}
