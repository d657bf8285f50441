//! What SQLite's catalogue says.

use super::super::inventory::{Column, Kind};
use super::{Described, Relation};
use crate::error::Result;
use crate::sql::{Ident, Session, TableName, sql};

pub(super) async fn relations(session: &mut dyn Session, schema: Option<&Ident>) -> Result<Vec<Relation>> {
    let found = session
        .query(
            &sql("SELECT schema, name, type FROM pragma_table_list WHERE schema = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                  ORDER BY name")
            .bind(schema.map_or("main", Ident::as_str)),
        )
        .await?;
    let relation = |row: &crate::sql::Row| {
        let name = Ident::new(row.get::<String>("name")?)?;
        let table = match schema {
            Some(schema) => TableName::within(schema.clone(), name),
            None => TableName::bare(name),
        };
        Ok(Relation { table, kind: kind(row.get("type")?) })
    };
    found.rows().map(relation).collect()
}

/// Tables that a virtual one keeps its own things in are no tables of the users'.
fn kind(table_type: String) -> Kind {
    if table_type == "table" { Kind::Table } else { Kind::Other(format!("{table_type} table")) }
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
    let schema = table.schema.as_ref().map_or("main", Ident::as_str);
    let found = session
        .query(
            &sql("SELECT type FROM pragma_table_list WHERE schema = ? AND lower(name) = lower(?)")
                .bind(schema)
                .bind(table.name.as_str()),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let columns = session
        .query(
            // 2 and 3 are generated columns; 1 are hidden ones of virtual tables.
            &sql("SELECT name, type, hidden FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid")
                .bind(table.name.as_str())
                .bind(schema),
        )
        .await?;
    let columns = columns
        .rows()
        .map(|row| {
            let generated = row.get::<i64>("hidden")? > 1;
            Ok(Column {
                name: Ident::new(row.get::<String>("name")?)?,
                type_name: row.get::<String>("type")?.to_lowercase(),
                generated: generated.then(|| "generated".to_owned()),
            })
        })
        .collect::<Result<_>>()?;
    let kind = kind(row.get("type")?);
    let references = session
        .query(
            &sql("SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list(?, ?) ORDER BY 1")
                .bind(table.name.as_str())
                .bind(schema),
        )
        .await?;
    let references = references.rows().map(|row| Ok(TableName::bare(Ident::new(row.get::<String>("name")?)?)));
    let references = references.collect::<Result<_>>()?;
    Ok(Some(Described { kind, columns, definition: None, granted: false, without_transactions: None, references }))
}
