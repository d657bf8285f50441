//! SQLite's columns, which hold values of any storage class.

use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, TableName, sql};
use clusterkeep_core::{Error, Result};

use super::super::kind::Kind;
use super::super::part::Part;
use super::{Field, Form};

pub(super) async fn exists(session: &mut dyn Session, table: &TableName) -> Result<bool> {
    let query = sql("SELECT count(*) FROM pragma_table_list WHERE schema = ? AND lower(name) = lower(?)")
        .bind(table.schema.as_ref().map_or("main", Ident::as_str))
        .bind(table.name.as_str());
    Ok(session.query(&query).await?.scalar::<i64>()? > 0)
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Vec<Field>> {
    // 2 and 3 are generated columns; 1 are hidden ones of virtual tables.
    let query =
        sql("SELECT name, type, hidden, \"notnull\" FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid")
            .bind(table.name.as_str())
            .bind(table.schema.as_ref().map_or("main", Ident::as_str));
    let found = session.query(&query).await?;
    let field = |row: &clusterkeep_core::sql::Row| {
        let name: String = row.get("name")?;
        Ok(Field {
            ident: Ident::new(&name)?,
            name,
            type_name: row.get("type")?,
            kind: Kind::Any,
            nullable: row.get::<i64>("notnull")? == 0,
            generated: row.get::<i64>("hidden")? > 1,
            form: Form::Plain,
        })
    };
    found.rows().map(field).collect()
}

/// How many columns are looked at in one query: its result has two for each.
const AT_ONCE: usize = 500;

pub(super) async fn settle(session: &mut dyn Session, part: &Part, fields: &mut [Field]) -> Result<()> {
    for some in fields.chunks_mut(AT_ONCE) {
        let mut query = SqlBuilder::new(Engine::Sqlite);
        // NULL where there is no value; else the first and the last of the names of classes.
        query.push("SELECT ").join(", ", some.iter(), |query, field| {
            for function in ["min(", ", max("] {
                query.push(function).push("CASE WHEN ").ident(&field.ident).push(" IS NOT NULL THEN typeof(");
                query.ident(&field.ident).push(") END)");
            }
        });
        part.from(&mut query)?;
        let found = session.query(&query.build()).await?;
        let row = found.one()?;
        for (nth, field) in some.iter_mut().enumerate() {
            let (first, last): (Option<String>, Option<String>) = (row.get(2 * nth)?, row.get(2 * nth + 1)?);
            field.kind = match first.as_deref() {
                Some("integer") if first == last => Kind::Integer,
                Some("real") if first == last => Kind::Float,
                Some("text") if first == last => Kind::Text,
                Some("blob") if first == last => Kind::Bytes,
                Some("integer" | "real" | "text" | "blob") | None => Kind::Any,
                Some(other) => return Err(Error::failed(format!("SQLite has no storage class {other}"))),
            };
        }
    }
    Ok(())
}
