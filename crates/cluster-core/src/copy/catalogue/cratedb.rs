//! What CrateDB's catalogue says.

use super::super::Definition;
use super::super::inventory::{Column, Kind};
use super::{Described, Relation};
use crate::error::{ErrorClass, Result};
use crate::sql::{Engine, Ident, Session, SqlBuilder, TableName, sql};

/// Schemas that hold nothing of the users'.
const SYSTEM: &str = "SELECT table_schema, table_name, table_type FROM information_schema.tables \
     WHERE table_schema NOT IN ('sys', 'pg_catalog', 'information_schema', 'blob', 'gc') AND \
     (? IS NULL OR table_schema = ?) ORDER BY table_schema, table_name";

pub(super) async fn relations(session: &mut dyn Session, schema: Option<&Ident>) -> Result<Vec<Relation>> {
    let schema = schema.map(Ident::as_str);
    let found = session.query(&sql(SYSTEM).bind(schema).bind(schema)).await?;
    let relation = |row: &crate::sql::Row| {
        let schema = Ident::new(row.get::<String>("table_schema")?)?;
        let name = Ident::new(row.get::<String>("table_name")?)?;
        Ok(Relation { table: TableName::within(schema, name), kind: kind(row.get("table_type")?) })
    };
    found.rows().map(relation).collect()
}

fn kind(table_type: String) -> Kind {
    if table_type == "BASE TABLE" { Kind::Table } else { Kind::Other(table_type.to_lowercase()) }
}

pub(super) async fn current_schema(session: &mut dyn Session) -> Result<Ident> {
    Ident::new(session.query(&sql("SELECT current_schema")).await?.scalar::<String>()?)
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
    let schema = table.schema.as_ref().map_or("doc", Ident::as_str);
    let name = table.name.as_str();
    let found = session
        .query(
            &sql("SELECT table_type FROM information_schema.tables WHERE table_schema = ? AND table_name = ?")
                .bind(schema)
                .bind(name),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let kind = kind(row.get("table_type")?);
    let columns = session
        .query(
            &sql("SELECT column_name, data_type, column_details['path'] AS path, is_generated, generation_expression \
                  FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position")
            .bind(schema)
            .bind(name),
        )
        .await?;
    let columns = columns
        .rows()
        .filter(|row| row.get::<Vec<String>>("path").is_ok_and(|path| path.is_empty()))
        .map(|row| {
            let generated = row.get::<String>("is_generated")? == "ALWAYS";
            let expression: Option<String> = row.get("generation_expression")?;
            Ok(Column {
                name: Ident::new(row.get::<String>("column_name")?)?,
                type_name: row.get("data_type")?,
                generated: generated.then(|| expression.unwrap_or_default()),
            })
        })
        .collect::<Result<_>>()?;
    let definition = match kind {
        Kind::Table => Some(definition(session, table).await?),
        Kind::Other(_) => None,
    };
    let granted = granted(session, schema, name).await?;
    Ok(Some(Described { kind, columns, definition, granted, without_transactions: None, references: Vec::new() }))
}

async fn definition(session: &mut dyn Session, table: &TableName) -> Result<Definition> {
    let mut show = SqlBuilder::new(Engine::Cratedb);
    show.push("SHOW CREATE TABLE ").table(table);
    let text: String = session.query(&show.build()).await?.scalar()?;
    Definition::read(table, &text)
}

/// Whether rights were granted on this very table, as far as it may be known.
async fn granted(session: &mut dyn Session, schema: &str, name: &str) -> Result<bool> {
    let found = session
        .query(
            &sql("SELECT count(*) AS n FROM sys.privileges WHERE class = 'TABLE' AND ident = ?")
                .bind(format!("{schema}.{name}")),
        )
        .await;
    match found {
        Ok(found) => Ok(found.scalar::<i64>()? > 0),
        Err(e) if matches!(e.class(), Some(ErrorClass::MissingRelation | ErrorClass::Permission)) => Ok(false),
        Err(e) => Err(e),
    }
}
