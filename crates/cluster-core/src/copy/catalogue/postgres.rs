//! What PostgreSQL's catalogue says.

use super::super::inventory::{Column, Kind};
use super::{Described, Relation};
use crate::error::Result;
use crate::sql::{Ident, Session, TableName, sql};

pub(super) async fn relations(session: &mut dyn Session, schema: Option<&Ident>) -> Result<Vec<Relation>> {
    let schema = schema.map(Ident::as_str);
    // What is a partition comes with its parent.
    let found = session
        .query(
            &sql("SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind \
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
                  AND CASE WHEN ?::text IS NULL THEN n.nspname = current_schema() ELSE n.nspname = ?::text END \
                  ORDER BY 1, 2")
            .bind(schema)
            .bind(schema),
        )
        .await?;
    let relation = |row: &crate::sql::Row| {
        let schema = Ident::new(row.get::<String>("schema")?)?;
        let name = Ident::new(row.get::<String>("name")?)?;
        Ok(Relation { table: TableName::within(schema, name), kind: kind(&row.get::<String>("kind")?) })
    };
    found.rows().map(relation).collect()
}

fn kind(relkind: &str) -> Kind {
    match relkind {
        "r" | "p" => Kind::Table,
        "v" => Kind::Other("view".to_owned()),
        "m" => Kind::Other("materialized view".to_owned()),
        _ => Kind::Other("foreign table".to_owned()),
    }
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
    let schema = table.schema.as_ref().map(Ident::as_str);
    let found = session
        .query(
            &sql("SELECT c.oid::bigint AS oid, c.relkind::text AS kind \
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = ? \
                  AND CASE WHEN ?::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = ?::text END")
            .bind(table.name.as_str())
            .bind(schema)
            .bind(schema),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let columns = session
        .query(
            // Identities are overridden: what refers to a row by its number still finds it.
            &sql("SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, \
                  CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS generated \
                  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                  WHERE a.attrelid = ?::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum")
            .bind(row.get::<i64>("oid")?),
        )
        .await?;
    let columns = columns
        .rows()
        .map(|row| {
            let name = Ident::new(row.get::<String>("name")?)?;
            Ok(Column { name, type_name: row.get("type")?, generated: row.get("generated")? })
        })
        .collect::<Result<_>>()?;
    let kind = kind(&row.get::<String>("kind")?);
    let references = references(session, row.get("oid")?).await?;
    Ok(Some(Described { kind, columns, definition: None, granted: false, without_transactions: None, references }))
}

async fn references(session: &mut dyn Session, oid: i64) -> Result<Vec<TableName>> {
    let found = session
        .query(
            &sql("SELECT DISTINCT n.nspname AS schema, c.relname AS name FROM pg_constraint k \
                  JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE k.contype = 'f' AND k.conrelid = ?::bigint::oid ORDER BY 1, 2")
            .bind(oid),
        )
        .await?;
    let table = |row: &crate::sql::Row| {
        let schema = Ident::new(row.get::<String>("schema")?)?;
        Ok(TableName::within(schema, Ident::new(row.get::<String>("name")?)?))
    };
    found.rows().map(table).collect()
}
