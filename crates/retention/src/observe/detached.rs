//! What was detached and is still to be dropped: rows of the state table `detached`.
//!
//! A record is made with the detaching, never after it, so that what left its table is not forgotten; that its table is
//! there, and is the same one, is looked up each time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Row, Session, TableName};
use clusterkeep_core::{Error, ErrorClass, Result};
use serde::{Deserialize, Serialize};

use super::read::Observed;
use super::record::{Records, instant};
use super::{Partition, PartitionId};
use crate::plan::Lifecycle;
use crate::sql::SourceSql;
use crate::sql::catalogue::postgres;

/// A partition that was taken out of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detached {
    /// The table that it was a partition of.
    pub(crate) source: TableName,
    /// What it was called then.
    pub(crate) partition: String,
    /// The server's own number for it, which stays when it is renamed, and is never another one's.
    pub(crate) oid: i64,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) end: DateTime<Utc>,
    /// How many rows it had.
    pub(crate) rows: u64,
}

/// What a record keeps beside its columns.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    oid: i64,
}

/// In a column that is never NULL, what stands for a partition without a lower bound.
const NO_START: i64 = i64::MIN;

impl Records {
    /// What was detached from `source`.
    pub(crate) async fn detached(&self, source: &TableName) -> Result<Vec<Detached>> {
        let mut query = self.sql();
        query.push("SELECT ").join(", ", ["partition", "starts", "ends", "row_count", "facts"], |sql, name| {
            sql.name(name);
        });
        query.push(" FROM ").table(&self.state.table("detached")).push(" WHERE ").name("source").push(" = ");
        query.bind(source.to_string()).push(" ORDER BY ").name("starts");
        let records = match self.state.db().query(query.build()).await {
            Ok(records) => records,
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        records.rows().map(|row| read(source, row)).collect()
    }

    /// Records what is detached, in the transaction that `session` has open; in place of an older record of that name.
    pub(crate) async fn record_detached(
        &self,
        session: &mut dyn Session,
        what: &Detached,
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.forget_detached(session, what).await?;
        let kept = Kept { oid: what.oid };
        let facts = serde_json::to_string(&kept).map_err(|e| Error::caused("write what was detached", e))?;
        let columns = ["source", "partition", "starts", "ends", "row_count", "facts", "detached_at"];
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.state.table("detached")).push(" (").join(", ", columns, |sql, name| {
            sql.name(name);
        });
        insert.push(") VALUES (").bind(what.source.to_string()).push(", ").bind(what.partition.as_str());
        insert.push(", ").bind(what.start.map_or(NO_START, |at| at.timestamp_micros()));
        insert.push(", ").bind(what.end.timestamp_micros()).push(", ").bind(what.rows);
        insert.push(", ").bind(facts).push(", ").bind(now.timestamp_micros()).push(")");
        session.execute(&insert.build()).await.map(drop)
    }

    /// Forgets what was detached, for it is gone or a partition again.
    pub(crate) async fn forget_detached(&self, session: &mut dyn Session, what: &Detached) -> Result<()> {
        let mut delete = self.sql();
        delete.push("DELETE FROM ").table(&self.state.table("detached")).push(" WHERE ").name("source").push(" = ");
        delete.bind(what.source.to_string()).push(" AND ").name("partition").push(" = ");
        delete.bind(what.partition.as_str());
        session.execute(&delete.build()).await.map(drop)
    }

    /// Forgets all of these.
    pub(crate) async fn forget_all_detached(&self, gone: &[Detached]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let mut session = self.state.db().session().await?;
        for what in gone {
            self.forget_detached(&mut *session, what).await?;
        }
        Ok(())
    }
}

fn read(source: &TableName, row: &Row) -> Result<Detached> {
    let facts: String = row.get("facts")?;
    let kept: Kept = serde_json::from_str(&facts)
        .map_err(|e| Error::caused(format!("read what was detached from `{source}`"), e))?;
    let starts: i64 = row.get("starts")?;
    Ok(Detached {
        source: source.clone(),
        partition: row.get("partition")?,
        oid: kept.oid,
        start: (starts != NO_START).then(|| instant(starts)).transpose()?,
        end: instant(row.get("ends")?)?,
        rows: row.get("row_count")?,
    })
}

/// Adds what was detached from a table, and is still there as a table of its own, to its partitions.
///
/// Rows are counted again only where they may go; the records of what is not there are noted in `observed`.
pub(super) async fn add(
    session: &mut dyn Session,
    records: &Records,
    sql: &SourceSql,
    lifecycle: &Lifecycle<'_>,
    partitions: &mut Vec<Partition>,
    now: DateTime<Utc>,
    observed: &mut Observed,
) -> Result<()> {
    if sql.engine != Engine::Postgres || lifecycle.rolled.is_some() {
        return Ok(());
    }
    let recorded = records.detached(lifecycle.table).await?;
    let oids: Vec<_> = recorded.iter().map(|detached| detached.oid).collect();
    let mut there = postgres::alone(session, &oids).await?;
    let cutoff = lifecycle.cutoff(now)?;
    for detached in recorded {
        let Some((name, bytes)) = there.remove(&detached.oid) else {
            observed.gone.push(detached);
            continue;
        };
        let may_go = cutoff.is_some_and(|cutoff| detached.end <= cutoff);
        let rows = if may_go { sql.count_all(session, &name).await? } else { detached.rows };
        partitions.push(Partition {
            id: Some(PartitionId::Table(Arc::new(name))),
            start: detached.start,
            end: Some(detached.end),
            unknown: None,
            rows: Some(rows),
            bytes,
            detached: true,
        });
    }
    Ok(())
}
