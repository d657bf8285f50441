//! Many rows at once: each column goes as one array, and `UNNEST` makes rows of them again.

use sqlx::postgres::{PgArguments, PgConnection, PgTypeInfo};
use sqlx::{Arguments as _, AssertSqlSafe, Either, Executor as _, Row as _, SqlSafeStr as _, Statement as _};

use super::super::super::Engine;
use super::super::super::insert::SingleRowInsert;
use super::super::super::value::Value;
use super::super::pooled::{Batch, Failure, chunk_length, insert_rows, run_to_end};
use super::encode::ColumnParam;
use super::{MAX_PARAMS, PostgresDriver, types};
use crate::error::Error;

/// The most rows in one statement: more gain nothing.
const MOST_ROWS: usize = 20_000;

pub(super) async fn run_many(connection: &mut PgConnection, batch: Batch<'_>) -> Result<u64, Failure> {
    let Some(insert) = SingleRowInsert::find(Engine::Postgres, batch.text) else {
        return insert_rows::<PostgresDriver>(connection, batch, MAX_PARAMS).await;
    };
    let prepared = connection.prepare(AssertSqlSafe(batch.prepared.as_str()).into_sql_str()).await?;
    let types: Vec<PgTypeInfo> = match prepared.parameters() {
        Some(Either::Left(types)) => types.to_vec(),
        _ => Vec::new(),
    };
    let is_array = |info: &PgTypeInfo| matches!(info.kind(), sqlx::postgres::PgTypeKind::Array(_));
    // UNNEST takes arrays apart down to their last element, so they can't travel in arrays.
    if types.len() != insert.width || types.iter().any(is_array) {
        return insert_rows::<PostgresDriver>(connection, batch, MAX_PARAMS).await;
    }
    let mut slots: Vec<Slot> = types.iter().map(Slot::new).collect();
    let (mut rest, mut changed) = (batch.rows, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_length(rest, MOST_ROWS));
        rest = after;
        let arguments = bind(connection, &mut slots, chunk).await?;
        let text = AssertSqlSafe(unnest(&insert, &slots)).into_sql_str();
        changed += run_to_end::<PostgresDriver>(connection, text, Some(arguments), true).await?;
    }
    Ok(changed)
}

/// How one column travels.
struct Slot {
    oid: u32,
    /// The element type of a binary array; `None` for text, which is cast to the type's own `name`.
    element: Option<u32>,
    name: Option<String>,
}

impl Slot {
    fn new(info: &PgTypeInfo) -> Self {
        let oid = info.oid().map_or(types::UNKNOWN, |oid| oid.0);
        Self { oid, element: types::array_of(oid).map(|_| oid), name: None }
    }
}

/// Binds the columns; one that has no binary form goes as text from now on, and the server reads it.
async fn bind(connection: &mut PgConnection, slots: &mut [Slot], rows: &[Vec<Value>]) -> Result<PgArguments, Failure> {
    let mut arguments = PgArguments::default();
    for (column, slot) in slots.iter_mut().enumerate() {
        if slot.element.is_some() && arguments.add(ColumnParam { rows, column, element: slot.element }).is_ok() {
            continue;
        }
        slot.element = None;
        if slot.name.is_none() {
            slot.name = Some(type_name(connection, slot.oid).await?);
        }
        arguments
            .add(ColumnParam { rows, column, element: None })
            .map_err(|cause| Failure::Bind(Error::caused(format!("bind column {} of many rows", column + 1), cause)))?;
    }
    Ok(arguments)
}

/// The type's name with its schema and quotes, as the server itself writes it; -1 is a type without length limit.
async fn type_name(connection: &mut PgConnection, oid: u32) -> Result<String, Failure> {
    let query = sqlx::query("SELECT format_type($1::int8::oid, -1)").bind(i64::from(oid));
    Ok(connection.fetch_one(query).await?.try_get(0)?)
}

fn unnest(insert: &SingleRowInsert<'_>, slots: &[Slot]) -> String {
    let values = insert.head.trim_end();
    let head = &values[..values.len() - "VALUES".len()];
    let arrays: Vec<String> = slots
        .iter()
        .enumerate()
        .map(|(i, slot)| match (&slot.element, &slot.name) {
            (None, Some(name)) => format!("${}::text[]::{name}[]", i + 1),
            _ => format!("${}", i + 1),
        })
        .collect();
    format!("{head} SELECT * FROM UNNEST({}) {}", arrays.join(", "), insert.tail)
}
