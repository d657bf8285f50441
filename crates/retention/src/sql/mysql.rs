//! MariaDB and MySQL: partitions are asked and dropped by name, within their table.

use std::collections::HashMap;

use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, Statement, TableName};
use clusterkeep_core::{Error, Result};

use super::{Counted, SourceSql, TimeKind};
use crate::observe::PartitionId;

/// How many partitions one statement counts.
const TOGETHER: usize = 50;

/// Counts the rows of each of `ids`.
pub(super) async fn count(
    source: &SourceSql,
    session: &mut dyn Session,
    ids: &[PartitionId],
) -> Result<HashMap<PartitionId, Counted>> {
    let mut counted = HashMap::with_capacity(ids.len());
    for some in ids.chunks(TOGETHER) {
        let mut query = SqlBuilder::new(Engine::Mysql);
        for (nth, id) in (0_i64..).zip(some) {
            query.push(if nth > 0 { " UNION ALL SELECT " } else { "SELECT " }).number(nth).push(" AS nth, ");
            push_count(&mut query, source, name_of(source, id)?);
        }
        for row in session.query(&query.build()).await?.rows() {
            let id = usize::try_from(row.get::<u64>("nth")?).ok().and_then(|nth| some.get(nth));
            let (rows, undated) = (row.get::<u64>("n")?, row.get::<u64>("undated")?);
            if let Some(id) = id {
                counted.insert(id.clone(), Counted { rows, undated, span: None });
            }
        }
    }
    Ok(counted)
}

/// Counts one partition: under `LOCK TABLES` a statement may name a table once alone.
pub(crate) async fn count_one(source: &SourceSql, session: &mut dyn Session, name: &Ident) -> Result<Counted> {
    let mut query = SqlBuilder::new(Engine::Mysql);
    query.push("SELECT ");
    push_count(&mut query, source, name);
    let records = session.query(&query.build()).await?;
    let row = records.one()?;
    Ok(Counted { rows: row.get("n")?, undated: row.get("undated")?, span: None })
}

/// Appends the number of rows of a partition, and of those whose time is NULL or no date: they lie in the lowest one,
/// whatever its bound.
fn push_count(query: &mut SqlBuilder, source: &SourceSql, name: &Ident) {
    let (before, after) = match source.kind {
        TimeKind::Instant => ("count(NULLIF(UNIX_TIMESTAMP(", "), 0))"),
        TimeKind::Civil(_) | TimeKind::Date(_) => ("count(TO_DAYS(", "))"),
        TimeKind::Count(_) | TimeKind::Text(_) | TimeKind::Digits(_) => ("count(", ")"),
    };
    query.push("count(*) AS n, count(*) - ").push(before).ident(&source.time).push(after).push(" AS undated FROM ");
    query.table(&source.table).push(" PARTITION (").ident(name).push(")");
}

/// Locks `table` against everybody else, and `read` against writers.
pub(crate) fn lock(table: &TableName, read: &[&TableName]) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Mysql);
    sql.push("LOCK TABLES ").table(table).push(" WRITE").join("", read, |sql, table| {
        sql.push(", ").table(table).push(" READ");
    });
    sql.build()
}

/// Drops partitions of `table`.
pub(crate) fn drop_partitions(table: &TableName, names: &[&Ident]) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Mysql);
    sql.push("ALTER TABLE ").table(table).push(" DROP PARTITION ").join(", ", names, |sql, name| {
        sql.ident(name);
    });
    sql.build()
}

/// The name of a partition that has one.
fn name_of<'a>(source: &SourceSql, id: &'a PartitionId) -> Result<&'a Ident> {
    match id {
        PartitionId::Name(name) => Ok(name),
        other => Err(Error::failed(format!("`{other}` of `{}` is no partition with a name", source.table))),
    }
}
