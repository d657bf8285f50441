//! What the catalogue of MariaDB and MySQL says.

use super::super::inventory::{Column, Kind};
use super::{Described, Relation};
use crate::error::Result;
use crate::sql::{Ident, Session, TableName, sql};

pub(super) async fn relations(session: &mut dyn Session, schema: Option<&Ident>) -> Result<Vec<Relation>> {
    let found = session
        .query(
            &sql("SELECT table_schema AS `schema`, table_name AS name, table_type AS kind \
                  FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE()) ORDER BY 1, 2")
            .bind(schema.map(Ident::as_str)),
        )
        .await?;
    let relation = |row: &crate::sql::Row| {
        let database = Ident::new(row.get::<String>("schema")?)?;
        let name = Ident::new(row.get::<String>("name")?)?;
        Ok(Relation { table: TableName::within(database, name), kind: kind(&row.get::<String>("kind")?) })
    };
    found.rows().map(relation).collect()
}

fn kind(table_type: &str) -> Kind {
    if table_type == "BASE TABLE" { Kind::Table } else { Kind::Other(table_type.to_lowercase()) }
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
    let schema = table.schema.as_ref().map(Ident::as_str);
    let found = session
        .query(
            &sql("SELECT table_type AS kind, t.engine AS storage, e.transactions AS transactions \
                  FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine \
                  WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?")
            .bind(schema)
            .bind(table.name.as_str()),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let columns = session
        .query(
            &sql("SELECT column_name AS name, data_type AS type, generation_expression AS generated \
                  FROM information_schema.columns WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? \
                  ORDER BY ordinal_position")
            .bind(schema)
            .bind(table.name.as_str()),
        )
        .await?;
    let columns = columns
        .rows()
        .map(|row| {
            let generated: Option<String> = row.get("generated")?;
            Ok(Column {
                name: Ident::new(row.get::<String>("name")?)?,
                type_name: row.get::<String>("type")?.to_lowercase(),
                generated: generated.filter(|expression| !expression.is_empty()),
            })
        })
        .collect::<Result<_>>()?;
    let storage: Option<String> = row.get("storage")?;
    let transactions: Option<String> = row.get("transactions")?;
    let without_transactions = storage.filter(|_| transactions.as_deref() != Some("YES"));
    let kind = kind(&row.get::<String>("kind")?);
    let references = references(session, table).await?;
    Ok(Some(Described { kind, columns, definition: None, granted: false, without_transactions, references }))
}

async fn references(session: &mut dyn Session, table: &TableName) -> Result<Vec<TableName>> {
    let found = session
        .query(
            &sql("SELECT DISTINCT referenced_table_schema AS `schema`, referenced_table_name AS name \
                  FROM information_schema.key_column_usage WHERE table_schema = COALESCE(?, DATABASE()) \
                  AND table_name = ? AND referenced_table_name IS NOT NULL ORDER BY 1, 2")
            .bind(table.schema.as_ref().map(Ident::as_str))
            .bind(table.name.as_str()),
        )
        .await?;
    let table = |row: &crate::sql::Row| {
        let database = Ident::new(row.get::<String>("schema")?)?;
        Ok(TableName::within(database, Ident::new(row.get::<String>("name")?)?))
    };
    found.rows().map(table).collect()
}
