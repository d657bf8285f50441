//! What is said to CrateDB alone: about partitions by the values of their keys.
//!
//! Values go back exactly as the catalogue gave them. NULL is asked for with `IS NULL`: the server fails at `= NULL`.

use std::collections::HashMap;

use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, Statement, TableName, Value};
use clusterkeep_core::{Error, Result};

use super::SourceSql;
use super::partitions::Counted;
use crate::observe::{PartitionId, PartitionKey};

/// The most partitions that one query asks about.
const TOGETHER: usize = 500;

/// Removes partitions: the server sees equalities on all columns of the key and nothing else, and lets go of whole
/// partitions instead of looking for rows.
pub(crate) fn drop_partitions(table: &TableName, keys: &[&PartitionKey]) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("DELETE FROM ").table(table).push(" WHERE ");
    push_among(&mut sql, keys);
    sql.build()
}

/// Names a partition by all values of its key.
pub(crate) fn push_partition(sql: &mut SqlBuilder, key: &PartitionKey) {
    sql.push(" PARTITION (").join(", ", &key.values, |sql, (column, value)| {
        sql.ident(column).push(" = ").bind(value.clone());
    });
    sql.push(")");
}

/// Appends the condition that a row lies in one of the partitions.
fn push_among(sql: &mut SqlBuilder, keys: &[&PartitionKey]) {
    let mut single = keys.iter().map(|key| match key.values.as_slice() {
        [(column, value)] if !value.is_null() => Some((column, value)),
        _ => None,
    });
    if let Some(Some((column, _))) = single.next()
        && single.all(|key| key.is_some())
    {
        sql.ident(column).push(" IN (").join(", ", keys.iter().flat_map(|key| &key.values), |sql, (_, value)| {
            sql.bind(value.clone());
        });
        sql.push(")");
        return;
    }
    sql.join(" OR ", keys, |sql, key| {
        sql.push("(").join(" AND ", &key.values, |sql, (column, value)| {
            sql.ident(column);
            match value {
                Value::Null => sql.push(" IS NULL"),
                value => sql.push(" = ").bind(value.clone()),
            };
        });
        sql.push(")");
    });
}

fn keys<'a>(table: &TableName, ids: &'a [PartitionId]) -> Result<Vec<&'a PartitionKey>> {
    let key = |id: &'a PartitionId| match id {
        PartitionId::Key(key) if !key.values.is_empty() => Ok(&**key),
        id => Err(Error::failed(format!("partition `{id}` of `{table}` has no key"))),
    };
    ids.iter().map(key).collect()
}

/// Counts the rows of partitions, after a refresh: what was written just now counts.
pub(super) async fn count(
    source: &SourceSql,
    session: &mut dyn Session,
    ids: &[PartitionId],
) -> Result<HashMap<PartitionId, Counted>> {
    let mut counted: HashMap<PartitionId, Counted> = ids.iter().map(|id| (id.clone(), Counted::default())).collect();
    if ids.is_empty() {
        return Ok(counted);
    }
    let base = source.key_base.as_ref();
    source.refresh(session).await?;
    for ids in ids.chunks(TOGETHER) {
        let keys = keys(&source.table, ids)?;
        let columns: Vec<&Ident> = keys[0].values.iter().map(|(column, _)| column).collect();
        let by_key: HashMap<String, &PartitionId> =
            keys.iter().zip(ids).map(|(key, id)| (of_values(key.values.iter().map(|(_, value)| value)), id)).collect();
        let mut query = SqlBuilder::new(Engine::Cratedb);
        query.push("SELECT count(*), ");
        match base {
            Some(base) => query.push("min(").ident(&base.column).push("), max(").ident(&base.column).push(")"),
            None => query.push("NULL, NULL"),
        };
        query.join("", &columns, |sql, column| {
            sql.push(", ").ident(column);
        });
        query.push(" FROM ").table(&source.table).push(" WHERE ");
        push_among(&mut query, &keys);
        query.push(" GROUP BY ").join(", ", &columns, |sql, column| {
            sql.ident(column);
        });
        for row in session.query(&query.build()).await?.rows() {
            let key = of_values(&row.values()[3..]);
            let id = by_key.get(&key).ok_or_else(|| {
                Error::failed(format!("count partitions of `{}`: none has the key {key}", source.table))
            })?;
            let span = match base {
                Some(base) => base.kind.instant(row.value(1)?).zip(base.kind.instant(row.value(2)?)),
                None => None,
            };
            counted.insert((*id).clone(), Counted { rows: row.get(0)?, undated: 0, span });
        }
    }
    Ok(counted)
}

/// The key of a partition in the types that the catalogue has it in; `key` has it as text.
pub(crate) async fn key_of(session: &mut dyn Session, table: &TableName, key: &PartitionKey) -> Result<PartitionKey> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT \"values\" AS key FROM information_schema.table_partitions WHERE table_name = ");
    query.bind(table.name.as_str()).push(" AND partition_ident = ").bind(key.ident.as_str());
    query.push(" AND table_schema = ");
    match &table.schema {
        Some(schema) => query.bind(schema.as_str()),
        None => query.push("current_schema"),
    };
    let values = super::standing::cratedb::json(session.query(&query.build()).await?.one()?, "key")?;
    let value = |column: &Ident| match &values[column.as_str()] {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::Bool(yes) => Ok(Value::Bool(*yes)),
        serde_json::Value::String(text) => Ok(Value::from(text.as_str())),
        serde_json::Value::Number(number) if let Some(number) = number.as_i64() => Ok(Value::Int(number)),
        other => Err(Error::failed(format!("read `{column}` of a key from {other}"))),
    };
    let values = key.values.iter().map(|(column, _)| Ok((column.clone(), value(column)?))).collect::<Result<_>>()?;
    Ok(PartitionKey { ident: key.ident.clone(), values })
}

/// Counts the rows of one partition, after a refresh.
pub(crate) async fn count_one(session: &mut dyn Session, table: &TableName, id: &PartitionId) -> Result<u64> {
    let mut refresh = SqlBuilder::new(Engine::Cratedb);
    refresh.push("REFRESH TABLE ").table(table);
    session.execute(&refresh.build()).await?;
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT count(*) FROM ").table(table).push(" WHERE ");
    push_among(&mut query, &keys(table, std::slice::from_ref(id))?);
    session.query(&query.build()).await?.scalar()
}

/// A name for a key, the same for what the catalogue says and what a query gives.
fn of_values<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let plain = |value: &Value| match value {
        Value::Timestamp(at) => Value::Int(at.timestamp_millis()),
        Value::DateTime(at) => Value::Int(at.and_utc().timestamp_millis()),
        other => other.clone(),
    };
    format!("{:?}", values.into_iter().map(plain).collect::<Vec<_>>())
}
