//! Many rows with one statement, for engines whose placeholders are `?`: the tuple of an insert is repeated.

use std::borrow::Cow;

use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::super::super::insert::SingleRowInsert;
use super::super::super::value::Value;
use super::many::{Batch, chunk_length, run_each, run_with};
use super::{Connection, Driver, Failure};

/// An insert with its tuple repeated, as many rows at a time as parameters and bytes allow; else row by row.
pub(in super::super) fn insert_rows<'a, D: Driver>(
    connection: &'a mut Connection<D>,
    batch: Batch<'a>,
    max_params: usize,
) -> BoxFuture<'a, Result<u64, Failure>> {
    let Some(insert) = SingleRowInsert::find(D::ENGINE, batch.text) else { return run_each::<D>(connection, batch) };
    Box::pin(async move {
        let full = (max_params / insert.width).max(1);
        let full_text = insert.repeated(if full <= batch.rows.len() { full } else { 0 });
        let (mut rest, mut changed) = (batch.rows, 0);
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunk_length(rest, full));
            rest = after;
            let values: Vec<Value> = chunk.iter().flatten().cloned().collect();
            // The full-size statement comes again and again; any other size comes once.
            let is_full = chunk.len() == full;
            let text = if is_full { Cow::Borrowed(&full_text) } else { Cow::Owned(insert.repeated(chunk.len())) };
            let text = AssertSqlSafe(D::key(&text, &values).as_ref()).into_sql_str();
            changed += run_with::<D>(connection, text, &values, is_full).await?;
        }
        Ok(changed)
    })
}
