//! Where a partition is at this moment, however it came to its name.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, Row, Session, SqlBuilder, TableName, Value};

use super::tree::{Key, of_bounds};
use crate::model::TimeColumn;
use crate::sql::TimeKind;

/// A partition in its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The server's own number for it.
    pub(crate) oid: i64,
    /// The table that it is a partition of directly, which may be a partition itself.
    pub(crate) parent: TableName,
    /// The first instant that can be in it, and the first after it.
    pub(crate) bounds: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Whether foreign keys of other tables refer to it.
    pub(crate) referred_to: bool,
    /// Whether it has partitions of its own.
    pub(crate) partitioned: bool,
}

/// Where the partitions of `table` are that have these names: those of them that are partitions of it, and are not being
/// detached.
pub(crate) async fn places(
    session: &mut dyn Session,
    table: &TableName,
    partitions: &[&TableName],
    time: &TimeColumn,
    kind: &TimeKind,
) -> Result<BTreeMap<TableName, Place>> {
    let mut query = SqlBuilder::new(Engine::Postgres);
    // A table that foreign keys refer to has triggers of theirs, which an index leads to.
    query.push(
        "SELECT n.nspname AS own_schema, c.relname AS own_name, c.oid::bigint AS oid, c.relkind = 'p' AS partitioned, \
         pn.nspname AS schema, p.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds, k.partstrat::text AS strategy, \
         (SELECT min(u.at) FROM unnest(k.partattrs::int2[], k.partclass::oid[]) WITH ORDINALITY AS u (attnum, class, at) \
          JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = u.attnum \
          JOIN pg_opclass o ON o.oid = u.class \
          WHERE a.attname = ",
    );
    query.bind(time.column.as_str()).push(
        " AND o.opcdefault) AS time_at, \
         EXISTS (SELECT FROM pg_trigger t JOIN pg_constraint f ON f.oid = t.tgconstraint \
                 WHERE t.tgrelid = c.oid AND f.contype = 'f' AND f.confrelid = c.oid) AS referred_to \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_inherits i ON i.inhrelid = c.oid AND NOT i.inhdetachpending \
         JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
         JOIN pg_partitioned_table k ON k.partrelid = p.oid WHERE ",
    );
    push_named(&mut query, partitions);
    query.push(
        " AND EXISTS (SELECT FROM pg_partition_ancestors(c.oid) AS above (oid) \
          JOIN pg_class r ON r.oid = above.oid JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.relname = ",
    );
    query.bind(table.name.as_str());
    match &table.schema {
        Some(schema) => query.push(" AND rn.nspname = ").bind(schema.as_str()),
        None => query.push(" AND pg_table_is_visible(r.oid)"),
    };
    query.push(")");
    let found = session.query(&query.build()).await?;
    let place = |row: &Row| {
        let bounds: Option<String> = row.get("bounds")?;
        let extent = of_bounds(bounds.as_deref(), Key::of(row)?, time, kind);
        let place = Place {
            oid: row.get("oid")?,
            parent: named(row, "schema", "name")?,
            bounds: (extent.start, extent.end.ok()),
            referred_to: row.get("referred_to")?,
            partitioned: row.get("partitioned")?,
        };
        Ok((named(row, "own_schema", "own_name")?, place))
    };
    found.rows().map(place).collect()
}

/// Which tables partitions of these names are partitions of directly, however far above them the table is.
pub(crate) async fn parents(
    session: &mut dyn Session,
    partitions: &[&TableName],
) -> Result<BTreeMap<TableName, TableName>> {
    let mut query = SqlBuilder::new(Engine::Postgres);
    query.push(
        "SELECT n.nspname AS own_schema, c.relname AS own_name, pn.nspname AS schema, p.relname AS name \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_inherits i ON i.inhrelid = c.oid AND NOT i.inhdetachpending \
         JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
         WHERE c.relispartition AND ",
    );
    push_named(&mut query, partitions);
    let found = session.query(&query.build()).await?;
    found.rows().map(|row| Ok((named(row, "own_schema", "own_name")?, named(row, "schema", "name")?))).collect()
}

/// The server's numbers for the tables of these names, of those that are there.
pub(crate) async fn oids(session: &mut dyn Session, tables: &[&TableName]) -> Result<BTreeMap<TableName, i64>> {
    let mut query = SqlBuilder::new(Engine::Postgres);
    query.push(
        "SELECT n.nspname AS own_schema, c.relname AS own_name, c.oid::bigint AS oid \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    );
    push_named(&mut query, tables);
    let found = session.query(&query.build()).await?;
    found.rows().map(|row| Ok((named(row, "own_schema", "own_name")?, row.get("oid")?))).collect()
}

/// The server's number for the table of that name, where there is one.
pub(crate) async fn oid(session: &mut dyn Session, table: &TableName) -> Result<Option<i64>> {
    Ok(oids(session, &[table]).await?.remove(table))
}

/// Names all tables in one parameter: as two for each, the server would plan every such query anew, and for longer than it
/// takes to answer it.
pub(super) fn push_named(query: &mut SqlBuilder, tables: &[&TableName]) {
    let named = |table: &&TableName| serde_json::json!({ "schema": table.schema.as_ref().map(Ident::as_str), "name": table.name.as_str() });
    query
        .push("(n.nspname, c.relname) IN (SELECT x.schema, x.name FROM jsonb_to_recordset(CAST(")
        .bind(Value::Json(tables.iter().map(named).collect()))
        .push(" AS jsonb)) AS x (schema text, name text))");
}

fn named(row: &Row, schema: &str, name: &str) -> Result<TableName> {
    Ok(TableName::within(Ident::new(row.get::<String>(schema)?)?, Ident::new(row.get::<String>(name)?)?))
}
