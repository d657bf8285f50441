//! What SQLite's catalogue says of a table.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, Row, Session, SqlBuilder, TableName, sql};

use super::{CatalogueColumn, Described};
use crate::model::{KnownTable, TimeColumn};
use crate::observe::Obstacle;

/// A table of fewer rows than this is read as a whole in no time: it needs no index.
const FEW_ROWS: i64 = 100_000;

/// The tables of the file.
pub(super) async fn tables(session: &mut dyn Session) -> Result<Vec<KnownTable>> {
    let found = session
        .query(&sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                     ORDER BY name"))
        .await?;
    let table = |row: &Row| {
        let table = TableName::bare(Ident::new(row.get::<String>("name")?)?);
        Ok(KnownTable { table, schema: "main".to_owned() })
    };
    found.rows().map(table).collect()
}

/// Describes a table; SQLite has no partitions.
pub(super) async fn describe(
    session: &mut dyn Session,
    table: &TableName,
    time: Option<&TimeColumn>,
) -> Result<Option<Described>> {
    let schema = table.schema.as_ref().map_or("main", Ident::as_str);
    let columns = session
        .query(
            &sql("SELECT name, type FROM pragma_table_info(?, ?) ORDER BY cid").bind(table.name.as_str()).bind(schema),
        )
        .await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns = columns
        .rows()
        .map(|row| Ok(CatalogueColumn { name: Ident::new(row.get::<String>("name")?)?, type_name: row.get("type")? }))
        .collect::<Result<_>>()?;
    // Only builds with the `dbstat` table know sizes; without it there is no estimate.
    let bytes = session
        .query(
            &sql("SELECT sum(pgsize) AS bytes FROM dbstat WHERE aggregate = TRUE AND schema = ? AND name IN \
                  (SELECT name FROM pragma_table_list WHERE name = ? UNION SELECT name FROM pragma_index_list(?))")
            .bind(schema)
            .bind(table.name.as_str())
            .bind(table.name.as_str()),
        )
        .await
        .ok()
        .and_then(|records| records.first()?.value("bytes").ok()?.as_i64())
        .and_then(|bytes| u64::try_from(bytes).ok());
    let side_effects = side_effects(session, table).await?;
    let obstacle = match time {
        Some(time) if !has_index(session, table, schema, &time.column).await? => {
            (!is_small(session, table, schema).await?).then_some(Obstacle::NoIndex)
        }
        _ => None,
    };
    Ok(Some(Described { columns, partitions: None, bytes, side_effects, obstacle, key_base: None }))
}

/// Whether an index of all rows begins with the column, or the column is the row's own number.
async fn has_index(session: &mut dyn Session, table: &TableName, schema: &str, column: &Ident) -> Result<bool> {
    let name = table.name.as_str();
    let found = session
        .query(
            &sql("SELECT EXISTS (SELECT 1 FROM pragma_index_list(?, ?) l, pragma_index_info(l.name, ?) i \
                  WHERE l.partial = 0 AND i.seqno = 0 AND lower(i.name) = lower(?)) \
                  OR EXISTS (SELECT 1 FROM pragma_table_info(?, ?) WHERE lower(name) = lower(?) AND upper(type) = 'INTEGER' \
                  AND pk = 1 AND (SELECT count(*) FROM pragma_table_info(?, ?) WHERE pk > 0) = 1 \
                  AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?, ?) WHERE origin = 'pk')) AS found")
            .bind_all([name, schema, schema, column.as_str()])
            .bind_all([name, schema, column.as_str()])
            .bind_all([name, schema, name, schema]),
        )
        .await?;
    Ok(found.one()?.value("found")?.as_i64() == Some(1))
}

/// Whether the table has few rows, by the numbers of its first and its last: counting them would read all of it.
async fn is_small(session: &mut dyn Session, table: &TableName, schema: &str) -> Result<bool> {
    let kind =
        sql("SELECT wr FROM pragma_table_list WHERE name = ? AND schema = ?").bind_all([table.name.as_str(), schema]);
    if session.query(&kind).await?.first().and_then(|row| row.values()[0].as_i64()) != Some(0) {
        // Its rows have no numbers.
        return Ok(false);
    }
    let mut query = SqlBuilder::new(Engine::Sqlite);
    query.push("SELECT coalesce((SELECT max(_rowid_) FROM ").table(table).push(") - (SELECT min(_rowid_) FROM ");
    query.table(table).push("), 0) AS rows");
    let rows = session.query(&query.build()).await?.one()?.value("rows")?.as_i64();
    Ok(rows.is_some_and(|rows| rows < FEW_ROWS))
}

/// Triggers on deletes, and the foreign keys of other tables that follow one.
///
/// A trigger that speaks of deletes in any way is taken for one.
async fn side_effects(session: &mut dyn Session, table: &TableName) -> Result<Vec<String>> {
    let name = table.name.as_str();
    let found = session
        .query(
            &sql("SELECT 'trigger ' || name AS what FROM sqlite_schema \
                  WHERE type = 'trigger' AND lower(tbl_name) = lower(?) AND upper(sql) LIKE '%DELETE%' \
                  UNION SELECT 'foreign key of ' || m.name || ' (ON DELETE ' || f.on_delete || ')' \
                  FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
                  WHERE m.type = 'table' AND lower(f.\"table\") = lower(?) AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
                  ORDER BY 1")
            .bind(name)
            .bind(name),
        )
        .await?;
    found.rows().map(|row| row.get("what")).collect()
}
