//! One statement for many rows of parameters.

use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::super::super::placeholder;
use super::super::super::value::Value;
use super::super::super::{Engine, Statement};
use super::{Connection, Driver, Failure, run_to_end};
use crate::error::{Error, Result};

/// The most bytes that the values of one statement should take: servers and clients limit a packet, and memory counts.
const MOST_BYTES: usize = 4 << 20;

/// A statement and its rows, checked.
#[derive(Debug, Clone)]
pub(in super::super) struct Batch<'a> {
    /// The text with `?` placeholders, one statement.
    pub(in super::super) text: &'a str,
    /// The rows; each has as many values as the text has placeholders.
    pub(in super::super) rows: &'a [Vec<Value>],
    /// The text in the engine's own spelling.
    pub(in super::super) prepared: String,
}

impl<'a> Batch<'a> {
    /// `None` where there is no row.
    pub(super) fn new(engine: Engine, statement: &'a Statement, rows: &'a [Vec<Value>]) -> Result<Option<Self>> {
        let prepared = placeholder::prepare_many(engine, statement, rows)?;
        Ok(prepared.map(|prepared| Self { text: statement.text(), rows, prepared: prepared.text.into_owned() }))
    }
}

/// Runs a batch so that all of it happens or nothing; `nested` within the transaction that is open.
///
/// With an error comes whether what had been done was undone.
pub(super) async fn atomically<D: Driver>(
    connection: &mut Connection<D>,
    batch: Batch<'_>,
    nested: bool,
) -> Result<u64, (Failure, bool)> {
    let (enter, leave, undo) = if nested {
        ("SAVEPOINT clusterkeep_many", "RELEASE SAVEPOINT clusterkeep_many", "ROLLBACK TO SAVEPOINT clusterkeep_many")
    } else {
        (D::BEGIN, "COMMIT", "ROLLBACK")
    };
    command::<D>(connection, enter).await.map_err(|error| (error.into(), false))?;
    let outcome = match D::run_many(connection, batch).await {
        Ok(changed) => command::<D>(connection, leave).await.map(|()| changed).map_err(Failure::Driver),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(changed) => Ok(changed),
        // The first error is the one to tell.
        Err(failure) => Err((failure, command::<D>(connection, undo).await.is_ok())),
    }
}

async fn command<D: Driver>(connection: &mut Connection<D>, text: &'static str) -> Result<(), sqlx::Error> {
    run_to_end::<D>(connection, SqlStr::from_static(text), None, false).await.map(drop)
}

/// Runs one statement with values; returns how many rows it changed.
pub(in super::super) async fn run_with<D: Driver>(
    connection: &mut Connection<D>,
    text: SqlStr,
    values: &[Value],
    keep_prepared: bool,
) -> Result<u64, Failure> {
    let arguments =
        D::bind(values).map_err(|cause| Failure::Bind(Error::caused("bind the parameters of a row", cause)))?;
    Ok(run_to_end::<D>(connection, text, Some(arguments), keep_prepared).await?)
}

/// The statement as it is, row by row.
pub(in super::super) fn run_each<'a, D: Driver>(
    connection: &'a mut Connection<D>,
    batch: Batch<'a>,
) -> BoxFuture<'a, Result<u64, Failure>> {
    Box::pin(async move {
        let mut changed = 0;
        for row in batch.rows {
            let text = AssertSqlSafe(D::key(&batch.prepared, row).as_ref()).into_sql_str();
            changed += run_with::<D>(connection, text, row, true).await?;
        }
        Ok(changed)
    })
}

/// How many of the first rows go into one statement.
pub(in super::super) fn chunk_length(rows: &[Vec<Value>], most: usize) -> usize {
    let mut bytes = 0;
    let fitting = rows
        .iter()
        .take(most)
        .take_while(|row| {
            bytes += row.iter().map(size).sum::<usize>();
            bytes <= MOST_BYTES
        })
        .count();
    fitting.max(1)
}

/// About how many bytes a value takes on its way.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 8,
        Value::Bytes(bytes) => bytes.len() + 8,
        Value::Json(_) | Value::Decimal(_) => value.to_string().len() + 8,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 24,
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_within_parameters_and_bytes() {
        let small = vec![vec![Value::Int(1); 2]; 10];
        assert_eq!(chunk_length(&small, 4), 4);
        let large = vec![vec![Value::Text("x".repeat(MOST_BYTES / 3))]; 10];
        assert_eq!(chunk_length(&large, 100), 2);
        assert_eq!(chunk_length(&[vec![Value::Text("x".repeat(2 * MOST_BYTES))]], 100), 1);
    }
}
