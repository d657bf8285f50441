//! What SQLite's catalogue says of a table.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Row, Session, TableName, sql};

use super::{CatalogueColumn, Described};
use crate::model::KnownTable;

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
pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
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
    Ok(Some(Described { columns, partitions: None, bytes, side_effects, obstacle: None }))
}

/// Triggers on deletes, and the foreign keys of other tables that follow one.
async fn side_effects(session: &mut dyn Session, table: &TableName) -> Result<Vec<String>> {
    let name = table.name.as_str();
    let found = session
        .query(
            &sql("SELECT 'trigger ' || name AS what FROM sqlite_schema \
                  WHERE type = 'trigger' AND lower(tbl_name) = lower(?) AND upper(sql) LIKE '% DELETE %' \
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
