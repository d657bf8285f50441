//! How far the target is behind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::super::catalogue;
use super::Replication;
use super::observe::raw;
use crate::error::{ErrorClass, Result};
use crate::sql::{Ident, Row, Session, TableName, sql};

/// How a table follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TableState {
    /// It is not begun.
    Initializing,
    /// Its rows are being copied.
    Copying,
    /// It follows.
    Following,
    /// It has failed; the reason is beside it.
    Failed,
    /// The target does not follow it.
    Absent,
    /// Something else, as the target says it.
    Other(String),
}

impl TableState {
    fn read(code: &str) -> Self {
        match code {
            "i" => Self::Initializing,
            "d" => Self::Copying,
            "s" | "r" => Self::Following,
            "e" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl std::fmt::Display for TableState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Initializing => "initializing",
            Self::Copying => "copying",
            Self::Following => "following",
            Self::Failed => "failed",
            Self::Absent => "absent",
            Self::Other(other) => other,
        })
    }
}

/// How far a table is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lag {
    /// The table, the same on both sides.
    pub table: TableName,
    /// How it follows.
    pub state: TableState,
    /// What the target says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rows at the source.
    pub source_rows: u64,
    /// The rows at the target; missing where it has no such table yet.
    pub target_rows: Option<u64>,
    /// The operations (rows written, changed or deleted) that the target has not done yet; missing where that can't be
    /// known.
    pub behind: Option<u64>,
}

impl Replication {
    /// How far each published table is behind, in the order of their names.
    ///
    /// # Errors
    ///
    /// A database that does not answer.
    pub async fn lag(&self) -> Result<Vec<Lag>> {
        let (mut source, mut target) = (self.source.session().await?, self.target.session().await?);
        let states = states(&mut *target, &self.name).await?;
        let mut tables = Vec::new();
        for table in published(&mut *source, &self.name).await? {
            let (state, reason) = states.get(&raw(&table)).cloned().unwrap_or((TableState::Absent, None));
            let there = catalogue::describe(&mut *target, &table).await?.is_some();
            let behind = if there { behind(&mut *source, &mut *target, &table).await? } else { None };
            // After that, so that what counts as done is among the rows.
            let source_rows = counted(&mut *source, &table).await?;
            let target_rows = if there { Some(counted(&mut *target, &table).await?) } else { None };
            tables.push(Lag { table, state, reason, source_rows, target_rows, behind });
        }
        Ok(tables)
    }
}

/// The rows of a table, those of the last second included, where the user may see to it.
async fn counted(session: &mut dyn Session, table: &TableName) -> Result<u64> {
    match catalogue::refresh(session, table).await {
        Err(error) if error.class() != Some(ErrorClass::Permission) => return Err(error),
        _ => {}
    }
    catalogue::count(session, table).await
}

/// The tables of a publication, in order.
pub(super) async fn published(source: &mut dyn Session, name: &Ident) -> Result<Vec<TableName>> {
    let found = sql("SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = ? \
         ORDER BY schemaname, tablename")
    .bind(name.as_str());
    let table = |row: &Row| {
        let schema = Ident::new(row.get::<String>("schemaname")?)?;
        Ok(TableName::within(schema, Ident::new(row.get::<String>("tablename")?)?))
    };
    source.query(&found).await?.rows().map(table).collect()
}

/// How the tables of a subscription stand, by `schema.table`.
pub(super) async fn states(
    target: &mut dyn Session,
    name: &Ident,
) -> Result<BTreeMap<String, (TableState, Option<String>)>> {
    let found = sql("SELECT r.srrelid::text AS \"table\", r.srsubstate AS state, r.srsubstate_reason AS reason \
         FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid \
         WHERE s.subname = ?")
    .bind(name.as_str());
    let state = |row: &Row| {
        let state = TableState::read(&row.get::<String>("state")?);
        Ok((row.get("table")?, (state, row.get("reason")?)))
    };
    target.query(&found).await?.rows().map(state).collect()
}

/// How many operations the target has not done yet, by the sequence numbers of each shard's primary.
pub(super) async fn behind(
    source: &mut dyn Session,
    target: &mut dyn Session,
    table: &TableName,
) -> Result<Option<u64>> {
    let (source, target) = (newest(source, table).await?, newest(target, table).await?);
    if source.is_empty() {
        return Ok(None);
    }
    let missing = source.iter().map(|(shard, at)| {
        let there = target.get(shard).copied().unwrap_or(-1);
        u64::try_from(at - there).unwrap_or(0)
    });
    Ok(Some(missing.sum()))
}

/// The newest operation of each shard, by partition and number.
async fn newest(session: &mut dyn Session, table: &TableName) -> Result<BTreeMap<(String, i64), i64>> {
    let found = sql("SELECT partition_ident, id, seq_no_stats['max_seq_no'] AS newest FROM sys.shards \
         WHERE schema_name = ? AND table_name = ? AND \"primary\" = TRUE AND seq_no_stats['max_seq_no'] IS NOT NULL")
    .bind(table.schema.as_ref().map_or("doc", Ident::as_str))
    .bind(table.name.as_str());
    let shard = |row: &Row| {
        let partition: Option<String> = row.get("partition_ident")?;
        Ok(((partition.unwrap_or_default(), row.get("id")?), row.get("newest")?))
    };
    session.query(&found).await?.rows().map(shard).collect()
}
