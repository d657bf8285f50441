//! Where a partition is at this moment, however it came to its name.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Session, TableName, sql};

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
}

/// The place of `partition` below `table`; `None` where it is no partition of it, or is being detached.
pub(crate) async fn place(
    session: &mut dyn Session,
    table: &TableName,
    partition: &TableName,
    time: &TimeColumn,
    kind: &TimeKind,
) -> Result<Option<Place>> {
    let schema = table.schema.as_ref().map(Ident::as_str);
    let found = session
        .query(
            // A table that foreign keys refer to has triggers of theirs, which an index leads to.
            &sql("SELECT c.oid::bigint AS oid, pn.nspname AS schema, p.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds, \
                  k.partstrat::text AS strategy, \
                  (SELECT min(u.at) FROM unnest(k.partattrs::int2[], k.partclass::oid[]) WITH ORDINALITY AS u (attnum, class, at) \
                   JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = u.attnum \
                   JOIN pg_opclass o ON o.oid = u.class \
                   WHERE a.attname = ? AND o.opcdefault) AS time_at, \
                  EXISTS (SELECT FROM pg_trigger t JOIN pg_constraint f ON f.oid = t.tgconstraint \
                          WHERE t.tgrelid = c.oid AND f.contype = 'f' AND f.confrelid = c.oid) AS referred_to \
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  JOIN pg_inherits i ON i.inhrelid = c.oid AND NOT i.inhdetachpending \
                  JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
                  JOIN pg_partitioned_table k ON k.partrelid = p.oid \
                  WHERE c.relname = ? AND n.nspname = ? AND EXISTS ( \
                    SELECT FROM pg_partition_ancestors(c.oid) AS above (oid) \
                    JOIN pg_class r ON r.oid = above.oid JOIN pg_namespace rn ON rn.oid = r.relnamespace \
                    WHERE r.relname = ? \
                    AND CASE WHEN ?::text IS NULL THEN pg_table_is_visible(r.oid) ELSE rn.nspname = ?::text END)")
            .bind(time.column.as_str())
            .bind(partition.name.as_str())
            .bind(partition.schema.as_ref().map(Ident::as_str))
            .bind(table.name.as_str())
            .bind(schema)
            .bind(schema),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let parent = TableName::within(Ident::new(row.get::<String>("schema")?)?, Ident::new(row.get::<String>("name")?)?);
    let bounds: Option<String> = row.get("bounds")?;
    let extent = of_bounds(bounds.as_deref(), Key::of(row)?, time, kind);
    let (oid, referred_to) = (row.get("oid")?, row.get("referred_to")?);
    Ok(Some(Place { oid, parent, bounds: (extent.start, extent.end.ok()), referred_to }))
}

/// The server's number for the table of that name, where there is one.
pub(crate) async fn oid(session: &mut dyn Session, table: &TableName) -> Result<Option<i64>> {
    let found = session
        .query(
            &sql("SELECT c.oid::bigint AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relname = ? AND n.nspname = ?")
            .bind(table.name.as_str())
            .bind(table.schema.as_ref().map(Ident::as_str)),
        )
        .await?;
    found.first().map(|row| row.get("oid")).transpose()
}
