//! The columns of MariaDB and MySQL.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Row, Session, TableName, sql};

use super::super::kind::{Kind, MOST_DIGITS};
use super::{Field, Form, refused};

pub(super) async fn exists(session: &mut dyn Session, table: &TableName) -> Result<bool> {
    let query = sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE()) \
                     AND table_name = ?")
    .bind(table.schema.as_ref().map(Ident::as_str))
    .bind(table.name.as_str());
    Ok(session.query(&query).await?.scalar::<i64>()? > 0)
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Vec<Field>> {
    let query =
        sql("SELECT column_name AS name, data_type AS type, column_type AS declared, is_nullable AS nullable, \
                     generation_expression AS generated, CAST(numeric_precision AS SIGNED) AS digits, \
                     CAST(numeric_scale AS SIGNED) AS scale FROM information_schema.columns \
                     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? ORDER BY ordinal_position")
        .bind(table.schema.as_ref().map(Ident::as_str))
        .bind(table.name.as_str());
    let found = session.query(&query).await?;
    found.rows().map(|row| field(table, row)).collect()
}

fn field(table: &TableName, row: &Row) -> Result<Field> {
    let (name, type_name): (String, String) = (row.get("name")?, row.get("declared")?);
    let limits: (Option<i64>, Option<i64>) = (row.get("digits")?, row.get("scale")?);
    let data_type = row.get::<String>("type")?.to_lowercase();
    let unsigned = type_name.to_lowercase().contains("unsigned");
    let form = form(&data_type, unsigned, limits);
    let (kind, form) = form.ok_or_else(|| refused(table, &name, &type_name))?;
    let generated: Option<String> = row.get("generated")?;
    Ok(Field {
        ident: Ident::new(&name)?,
        name,
        type_name,
        kind,
        nullable: row.get::<String>("nullable")? == "YES",
        generated: generated.is_some_and(|expression| !expression.is_empty()),
        form,
    })
}

/// How a type is kept; nothing where it can't be.
fn form(data_type: &str, unsigned: bool, limits: (Option<i64>, Option<i64>)) -> Option<(Kind, Form)> {
    Some(match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if unsigned => (Kind::Unsigned, Form::Plain),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => (Kind::Integer, Form::Plain),
        "year" | "bit" => (Kind::Unsigned, Form::Plain),
        "float" | "double" => (Kind::Float, Form::Plain),
        "decimal" => (number(limits), Form::Plain),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            (Kind::Text, Form::Plain)
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => (Kind::Bytes, Form::Plain),
        "date" => (Kind::Date, Form::Plain),
        "time" => (Kind::Time, Form::Plain),
        "datetime" => (Kind::Datetime, Form::Plain),
        "timestamp" => (Kind::Timestamp, Form::Plain),
        // As the server writes it: a parser would forget digits of long numbers.
        "json" => (Kind::Json, Form::Cast("CHAR")),
        "uuid" | "inet4" | "inet6" => (Kind::Literal, Form::Cast("CHAR")),
        _ => return None,
    })
}

fn number((digits, scale): (Option<i64>, Option<i64>)) -> Kind {
    let precision = digits.and_then(|digits| u8::try_from(digits).ok()).filter(|digits| *digits <= MOST_DIGITS);
    let scale = scale.and_then(|scale| u8::try_from(scale).ok());
    match (precision, scale) {
        (Some(precision), Some(scale)) if scale <= precision => Kind::Decimal { precision, scale },
        _ => Kind::Number,
    }
}
