//! Many rows at once: each column goes as one array, and `UNNEST` makes rows of them again.
//!
//! It stands in the list of what is selected, once for each column: there the server hands row after row on, and all take
//! their steps together (from version 10). In `FROM` it would keep all rows first, on disk where they are many.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, Executor as _, Row as _, SqlSafeStr as _};

use super::super::super::Engine;
use super::super::super::insert::SingleRowInsert;
use super::super::super::value::Value;
use super::super::pooled::{Batch, Failure, chunk_length, run_each, run_to_end};
use super::encode::{ColumnParam, array_type};
use super::{PostgresDriver, types, with_types};
use crate::error::Error;

/// The most rows in one statement: more gain nothing.
const MOST_ROWS: usize = 20_000;

pub(super) async fn run_many(connection: &mut PgConnection, batch: Batch<'_>) -> Result<u64, Failure> {
    let Some(insert) = SingleRowInsert::find(Engine::Postgres, batch.text) else {
        return one_by_one(connection, batch).await;
    };
    let mut slots = slots(connection, &batch.prepared).await?;
    // UNNEST takes arrays apart down to their last element, so they can't travel in arrays.
    if slots.len() != insert.width || slots.iter().any(|slot| slot.is_array) {
        return one_by_one(connection, batch).await;
    }
    let (mut rest, mut changed) = (batch.rows, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_length(rest, MOST_ROWS));
        rest = after;
        let arguments = bind(&mut slots, chunk)?;
        let text = unnest(&insert, &slots);
        let text = with_types(&text, slots.iter().map(|slot| array_type(slot.element)));
        let text = AssertSqlSafe(text.as_ref()).into_sql_str();
        changed += run_to_end::<PostgresDriver>(connection, text, Some(arguments), true).await?;
    }
    Ok(changed)
}

/// Row by row, with statements of its own that are prepared anew: one that was kept may be of a table that has changed
/// since.
async fn one_by_one(connection: &mut PgConnection, mut batch: Batch<'_>) -> Result<u64, Failure> {
    connection.clear_cached_statements().await?;
    batch.prepared.push_str("\n/*many*/");
    run_each::<PostgresDriver>(connection, batch).await
}

/// How one column travels.
struct Slot {
    /// The element type of a binary array; `None` for text, which is cast to the type's own `name`.
    element: Option<u32>,
    /// With its schema and quotes, as the server itself writes it.
    name: String,
    is_array: bool,
}

/// What the server takes for each placeholder.
///
/// The driver could tell, too, but keeps what it prepares: after a change of the table it would still tell the old types.
async fn slots(connection: &mut PgConnection, text: &str) -> Result<Vec<Slot>, Failure> {
    // In `format_type`, -1 stands for a type without a limit of length.
    let script = format!(
        "PREPARE clusterkeep_many AS {text}\n; \
         SELECT t.oid::text, format_type(t.oid, -1), (t.typcategory = 'A')::text \
         FROM pg_catalog.pg_prepared_statements p, unnest(p.parameter_types) WITH ORDINALITY AS u (type, place) \
         JOIN pg_catalog.pg_type t ON t.oid = u.type WHERE p.name = 'clusterkeep_many' ORDER BY u.place; \
         DEALLOCATE clusterkeep_many"
    );
    let rows = connection.fetch_all(AssertSqlSafe(script).into_sql_str()).await?;
    let slot = |row: &sqlx::postgres::PgRow| -> Result<Slot, sqlx::Error> {
        let oid: String = row.try_get(0)?;
        let element = oid.parse().ok().filter(|oid| types::array_of(*oid).is_some());
        Ok(Slot { element, name: row.try_get(1)?, is_array: row.try_get::<String, _>(2)? == "true" })
    };
    Ok(rows.iter().map(slot).collect::<Result<_, _>>()?)
}

/// Binds the columns; one that has no binary form goes as text from now on, and the server reads it.
fn bind(slots: &mut [Slot], rows: &[Vec<Value>]) -> Result<PgArguments, Failure> {
    let mut arguments = PgArguments::default();
    for (column, slot) in slots.iter_mut().enumerate() {
        if slot.element.is_some() && arguments.add(ColumnParam { rows, column, element: slot.element }).is_ok() {
            continue;
        }
        slot.element = None;
        arguments
            .add(ColumnParam { rows, column, element: None })
            .map_err(|cause| Failure::Bind(Error::caused(format!("bind column {} of many rows", column + 1), cause)))?;
    }
    Ok(arguments)
}

fn unnest(insert: &SingleRowInsert<'_>, slots: &[Slot]) -> String {
    let head = insert.head;
    let columns: Vec<String> = (1..)
        .zip(slots)
        .map(|(number, slot)| match slot.element {
            Some(_) => format!("UNNEST(${number})"),
            None => format!("UNNEST(${number}::text[]::{}[])", slot.name),
        })
        .collect();
    format!("{head} SELECT {} {}", columns.join(", "), insert.tail)
}
