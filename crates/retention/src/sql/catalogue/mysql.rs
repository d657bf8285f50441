//! What the catalogue of MariaDB and MySQL says of a table.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, Row, Session, SqlBuilder, TableName, sql};
use clusterkeep_core::{Error, Result};

use super::mysql_bounds::{Bound, Key};
use super::{CatalogueColumn, Described, NativePartition, time_kind};
use crate::model::{KnownTable, TimeColumn};
use crate::observe::{Obstacle, PartitionId, Unknown};
use crate::sql::TimeKind;

/// A table of fewer rows than this is read as a whole in no time: it needs no index.
const FEW_ROWS: u64 = 100_000;

/// The storage engines whose transactions can be rolled back.
const TRANSACTIONAL: [&str; 3] = ["InnoDB", "ROCKSDB", "TokuDB"];

/// The tables of all databases but the system's; those of the session's own one without its name.
pub(super) async fn tables(session: &mut dyn Session) -> Result<Vec<KnownTable>> {
    let found = session
        .query(&sql("SELECT table_schema AS db, table_name AS name, COALESCE(table_schema = DATABASE(), FALSE) AS own \
                     FROM information_schema.tables WHERE table_type = 'BASE TABLE' \
                     AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2"))
        .await?;
    let table = |row: &Row| {
        let (schema, name) = (row.get::<String>("db")?, Ident::new(row.get::<String>("name")?)?);
        let own = row.value("own")?.as_i64() == Some(1);
        let table = if own { TableName::bare(name) } else { TableName::within(Ident::new(schema.as_str())?, name) };
        Ok(KnownTable { table, schema })
    };
    found.rows().map(table).collect()
}

/// The database that a table is in.
async fn database_of(session: &mut dyn Session, table: &TableName) -> Result<String> {
    if let Some(schema) = &table.schema {
        return Ok(schema.as_str().to_owned());
    }
    let current: Option<String> = session.query(&sql("SELECT DATABASE()")).await?.scalar()?;
    current.ok_or_else(|| {
        Error::input(format!("which database table `{table}` is in is not said"))
            .with_hint("name the database in the address, or with the table: `database.table`")
    })
}

/// Describes a table, with its partitions where it has any.
pub(super) async fn describe(
    session: &mut dyn Session,
    table: &TableName,
    time: Option<&TimeColumn>,
) -> Result<Option<Described>> {
    let database = database_of(session, table).await?;
    let name = table.name.as_str();
    // Names compare by their bytes: the catalogue's own comparison would find `Raw` for `raw`.
    let found = session
        .query(
            &sql("SELECT engine, COALESCE(table_rows, 0) AS estimate, \
                  COALESCE(data_length, 0) + COALESCE(index_length, 0) AS bytes, \
                  LOCATE('partitioned', LOWER(COALESCE(create_options, ''))) > 0 AS partitioned \
                  FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = ? AND table_name = ? \
                  AND CAST(table_name AS BINARY) = CAST(? AS BINARY)")
            .bind_all([database.as_str(), name, name]),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let number = |name: &str| Ok::<_, Error>(row.value(name)?.as_i64().and_then(|n| u64::try_from(n).ok()));
    let (bytes, estimate) = (number("bytes")?, number("estimate")?);
    let partitioned = row.value("partitioned")?.as_i64() == Some(1);
    let engine: Option<String> = row.get("engine")?;
    let columns = session
        .query(
            &sql("SELECT column_name AS name, column_type AS type FROM information_schema.columns \
                  WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position")
            .bind_all([database.as_str(), name]),
        )
        .await?;
    let columns = columns
        .rows()
        .map(|row| Ok(CatalogueColumn { name: Ident::new(row.get::<String>("name")?)?, type_name: row.get("type")? }))
        .collect::<Result<_>>()?;
    let side_effects = side_effects(session, &database, name).await?;
    let mut described = Described { columns, partitions: None, bytes, side_effects, obstacle: None, key_base: None };
    let Some(time) = time else { return Ok(Some(described)) };
    if partitioned {
        let column = described.column(table, &time.column)?;
        let kind = time_kind(Engine::Mysql, table, column, time.meaning.as_ref())?.0;
        described.partitions = Some(partitions(session, table, &time.column, &kind).await?);
    } else if let Some(engine) = engine.filter(|engine| !TRANSACTIONAL.contains(&engine.as_str())) {
        described.obstacle = Some(Obstacle::NoTransactions { engine });
    } else if estimate.is_none_or(|rows| rows >= FEW_ROWS) && !has_index(session, table, &time.column).await? {
        described.obstacle = Some(Obstacle::NoIndex);
    }
    Ok(Some(described))
}

/// Triggers on deletes, and the foreign keys of other tables that follow one.
async fn side_effects(session: &mut dyn Session, database: &str, name: &str) -> Result<Vec<String>> {
    let found = session
        .query(
            &sql("SELECT CONCAT('trigger ', trigger_name) AS what FROM information_schema.triggers \
                  WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation = 'DELETE' \
                  UNION SELECT CONCAT('foreign key ', constraint_name, ' of ', table_name, ' (ON DELETE ', delete_rule, ')') \
                  FROM information_schema.referential_constraints WHERE unique_constraint_schema = ? \
                  AND referenced_table_name = ? AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY 1")
            .bind_all([database, name, database, name]),
        )
        .await?;
    found.rows().map(|row| row.get("what")).collect()
}

/// Whether an index that may be used begins with the column.
async fn has_index(session: &mut dyn Session, table: &TableName, column: &Ident) -> Result<bool> {
    let mut show = SqlBuilder::new(Engine::Mysql);
    show.push("SHOW INDEX FROM ").table(table);
    let found = session.query(&show.build()).await?;
    let leads = |row: &Row| {
        let says = |name: &str, wanted: &str| {
            row.value(name).is_ok_and(|value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted)))
        };
        let first = row.value("Seq_in_index").is_ok_and(|value| value.as_i64() == Some(1));
        // MySQL calls them invisible, MariaDB ignored.
        let unused = says("Visible", "NO") || says("Ignored", "YES");
        first && says("Column_name", column.as_str()) && says("Index_type", "BTREE") && !unused
    };
    Ok(found.rows().any(leads))
}

/// The partitions as they are at this moment, in their order.
///
/// A partition begins where the one before it ends: what a dropped one held would go into its successor now.
pub(crate) async fn partitions(
    session: &mut dyn Session,
    table: &TableName,
    column: &Ident,
    kind: &TimeKind,
) -> Result<Vec<NativePartition>> {
    let database = database_of(session, table).await?;
    let found = session
        .query(
            &sql("SELECT partition_name AS name, MAX(partition_method) AS method, \
                  MAX(partition_expression) AS expression, MAX(partition_description) AS bound, \
                  CAST(SUM(data_length + index_length) AS SIGNED) AS bytes FROM information_schema.partitions \
                  WHERE table_schema = ? AND table_name = ? AND partition_name IS NOT NULL \
                  GROUP BY partition_name ORDER BY MAX(partition_ordinal_position)")
            .bind_all([database.as_str(), table.name.as_str()]),
        )
        .await?;
    let typed = session
        .query(
            &sql("SELECT LOCATE('unsigned', column_type) > 0 AS is_unsigned FROM information_schema.columns \
                  WHERE table_schema = ? AND table_name = ? AND column_name = ?")
            .bind_all([database.as_str(), table.name.as_str(), column.as_str()]),
        )
        .await?;
    let unsigned = typed.first().is_some_and(|row| row.values()[0].as_i64() == Some(1));
    let mut partitions = Vec::with_capacity(found.len());
    let mut previous: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
    let mut readable = true;
    for row in found.rows() {
        let name = Ident::new(row.get::<String>("name")?)?;
        let (method, expression) = (row.get::<String>("method")?, row.get::<Option<String>>("expression")?);
        let bytes = row.value("bytes")?.as_i64().and_then(|bytes| u64::try_from(bytes).ok());
        let key = expression.and_then(|expression| Key::read(&method, &expression, column.as_str()));
        let bound: String = row.get::<Option<String>>("bound")?.unwrap_or_default();
        let (start, end, unknown) = match key {
            None => (None, None, Some(Unknown::OtherKey)),
            Some(key) => {
                let read = match key.bound(&bound, kind) {
                    // The catalogue writes the largest numbers without a sign as negative ones.
                    Bound::At { .. } if unsigned && bound.starts_with('-') => Bound::Unread,
                    // Bounds ascend: where one does not, it was read wrong, and so were perhaps others.
                    Bound::At { end, .. } if previous.is_some_and(|(last, _)| end < last) => Bound::Unread,
                    read => read,
                };
                readable &= read != Bound::Unread;
                let start = previous.map(|(_, next)| next).filter(|_| readable);
                match read {
                    Bound::At { end, next } if readable => {
                        previous = Some((end, next));
                        (start, Some(end), None)
                    }
                    Bound::Max => (start, None, Some(Unknown::Unbounded)),
                    Bound::At { .. } | Bound::Unread => (None, None, Some(Unknown::Form)),
                }
            }
        };
        partitions.push(NativePartition { id: PartitionId::Name(Arc::new(name)), start, end, unknown, bytes });
    }
    Ok(partitions)
}
