//! PostgreSQL's columns.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Row, Session, TableName, sql};

use super::super::kind::{Kind, MOST_DIGITS};
use super::{Field, Form, refused};

/// Types that the server writes as text and reads back as the same, whatever its settings are beyond [`prepare`].
const LITERAL: &[&str] = &[
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "interval",
    "timetz",
    "xml",
    "bit",
    "varbit",
    "tsvector",
    "tsquery",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "tsmultirange",
    "tstzmultirange",
    "datemultirange",
];

pub(super) async fn exists(session: &mut dyn Session, table: &TableName) -> Result<bool> {
    Ok(oid(session, table).await?.is_some())
}

async fn oid(session: &mut dyn Session, table: &TableName) -> Result<Option<i64>> {
    let schema = table.schema.as_ref().map(Ident::as_str);
    let query = sql("SELECT c.oid::bigint AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE c.relkind IN ('r', 'p') AND c.relname = ? \
                     AND CASE WHEN ?::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = ?::text END")
    .bind(table.name.as_str())
    .bind(schema)
    .bind(schema);
    let found = session.query(&query).await?;
    found.first().map(|row| row.get("oid")).transpose()
}

/// What decides how the server writes values as text, and that it fails rather than leave out rows which row-level security
/// hides. The zone is UTC in every session.
pub(super) async fn prepare(session: &mut dyn Session) -> Result<()> {
    let settings =
        sql("SELECT set_config('extra_float_digits', '3', true), set_config('IntervalStyle', 'postgres', true), \
                        set_config('DateStyle', 'ISO, YMD', true), set_config('bytea_output', 'hex', true), \
                        set_config('xmloption', 'content', true), set_config('row_security', 'off', true)");
    session.query(&settings).await.map(drop)
}

pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Vec<Field>> {
    let Some(oid) = oid(session, table).await? else { return Ok(Vec::new()) };
    // `base` is the type that a domain is of, `element` what an array holds, each of the server's own alone by name.
    let query = sql("SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS declared, \
                     NOT a.attnotnull AS nullable, a.attgenerated <> '' AS generated, a.atttypmod AS modifier, \
                     t.typtype = 'd' AS is_domain, b.typtype = 'e' OR coalesce(e.typtype = 'e', false) AS is_enum, \
                     b.typcategory = 'A' AS is_array, \
                     CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace THEN b.typname::text END AS base, \
                     CASE WHEN e.typnamespace = 'pg_catalog'::regnamespace THEN e.typname::text END AS element \
                     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                     JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
                     LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A' \
                     WHERE a.attrelid = ?::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum")
    .bind(oid);
    let found = session.query(&query).await?;
    found.rows().map(|row| field(table, row)).collect()
}

fn field(table: &TableName, row: &Row) -> Result<Field> {
    let (name, type_name): (String, String) = (row.get("name")?, row.get("declared")?);
    let base: Option<String> = row.get("base")?;
    let element: Option<String> = row.get("element")?;
    let modifier: i64 = row.get("modifier")?;
    let form = if row.get("is_enum")? {
        Some((Kind::Literal, Form::Cast("text")))
    } else if row.get("is_array")? {
        let element = element.and_then(|element| form(&element, -1));
        element.map(|_| (Kind::Literal, Form::Cast("text")))
    } else {
        base.and_then(|base| form(&base, modifier))
    };
    let (kind, form) = form.ok_or_else(|| refused(table, &name, &type_name))?;
    // A domain may have a limit of its own, which its column does not tell.
    let (kind, form) = match kind {
        Kind::Decimal { .. } | Kind::Number if row.get("is_domain")? => (Kind::Number, Form::Cast("text")),
        _ => (kind, form),
    };
    Ok(Field {
        ident: Ident::new(&name)?,
        name,
        type_name,
        kind,
        nullable: row.get("nullable")?,
        generated: row.get("generated")?,
        form,
    })
}

/// How a type of the server's own is kept; nothing where it can't be.
fn form(base: &str, modifier: i64) -> Option<(Kind, Form)> {
    Some(match base {
        "bool" => (Kind::Boolean, Form::Plain),
        "int2" | "int4" | "int8" => (Kind::Integer, Form::Plain),
        "oid" => (Kind::Integer, Form::Cast("bigint")),
        "float4" | "float8" => (Kind::Float, Form::Plain),
        "numeric" => (number(modifier), Form::Cast("text")),
        "text" | "varchar" | "bpchar" | "name" => (Kind::Text, Form::Plain),
        "bytea" => (Kind::Bytes, Form::Plain),
        "date" => (Kind::Date, Form::Plain),
        "time" => (Kind::Time, Form::Plain),
        "timestamp" => (Kind::Datetime, Form::Plain),
        "timestamptz" => (Kind::Timestamp, Form::Plain),
        "uuid" => (Kind::Uuid, Form::Plain),
        "json" => (Kind::Json, Form::Plain),
        "jsonb" => (Kind::Json, Form::Cast("text")),
        other if LITERAL.contains(&other) => (Kind::Literal, Form::Cast("text")),
        _ => return None,
    })
}

/// A `numeric` with the limits that its modifier holds (`numeric_typmod_scale` in PostgreSQL's `numeric.c`).
fn number(modifier: i64) -> Kind {
    let Some(limits) = modifier.checked_sub(4).filter(|limits| *limits >= 0) else { return Kind::Number };
    let (precision, scale) = (limits >> 16 & 0xffff, ((limits & 0x7ff) ^ 1024) - 1024);
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if precision <= MOST_DIGITS && scale <= precision => {
            Kind::Decimal { precision, scale }
        }
        _ => Kind::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_numbers() {
        assert_eq!(number(-1), Kind::Number);
        assert_eq!(number((22 << 16 | 2) + 4), Kind::Decimal { precision: 22, scale: 2 });
        assert_eq!(number((39 << 16 | 2) + 4), Kind::Number);
        assert_eq!(number((3 << 16 | 5) + 4), Kind::Number, "more digits after the point than there are");
        assert_eq!(number((3 << 16 | 0x7fe) + 4), Kind::Number, "rounded to hundreds");
    }
}
