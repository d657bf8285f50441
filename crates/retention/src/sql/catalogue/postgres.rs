//! What PostgreSQL's catalogue says of a table.

use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, Row, Session, TableName, sql};

use super::postgres_bounds::bounds;
use super::{Bounds, CatalogueColumn, Described, NativePartition, time_kind};
use crate::model::{KnownTable, TimeColumn};
use crate::observe::{PartitionId, Unknown};
use crate::sql::TimeKind;

/// The tables that are no partitions, outside of the schemas of the system.
pub(super) async fn tables(session: &mut dyn Session) -> Result<Vec<KnownTable>> {
    let found = session
        .query(&sql("SELECT n.nspname AS schema, c.relname AS name, pg_table_is_visible(c.oid) AS visible \
                     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' \
                     AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2"))
        .await?;
    let table = |row: &Row| {
        let (schema, name) = (row.get::<String>("schema")?, Ident::new(row.get::<String>("name")?)?);
        let table = if row.get("visible")? {
            TableName::bare(name)
        } else {
            TableName::within(Ident::new(schema.as_str())?, name)
        };
        Ok(KnownTable { table, schema })
    };
    found.rows().map(table).collect()
}

/// Describes a table, with its partitions where it is partitioned by ranges of the column of time alone.
pub(super) async fn describe(
    session: &mut dyn Session,
    table: &TableName,
    time: Option<&TimeColumn>,
) -> Result<Option<Described>> {
    let found = session
        .query(
            &sql(
                "SELECT c.oid::bigint AS oid, c.relkind = 'p' AS partitioned, pg_total_relation_size(c.oid) AS bytes \
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p') AND c.relname = ? \
                  AND CASE WHEN ?::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = ?::text END",
            )
            .bind(table.name.as_str())
            .bind(table.schema.as_ref().map(Ident::as_str))
            .bind(table.schema.as_ref().map(Ident::as_str)),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let oid: i64 = row.get("oid")?;
    let columns = session
        .query(
            &sql("SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute \
                  WHERE attrelid = ?::bigint::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum")
            .bind(oid),
        )
        .await?;
    let columns = columns
        .rows()
        .map(|row| Ok(CatalogueColumn { name: Ident::new(row.get::<String>("name")?)?, type_name: row.get("type")? }))
        .collect::<Result<_>>()?;
    let bytes = u64::try_from(row.get::<i64>("bytes")?).ok();
    let side_effects = side_effects(session, oid).await?;
    let mut described = Described { columns, partitions: None, bytes, side_effects, obstacle: None };
    if let (true, Some(time)) = (row.get::<bool>("partitioned")?, time) {
        described.partitions = Some(partitions(session, table, oid, &described, time).await?);
    }
    Ok(Some(described))
}

/// Triggers on deletes, and the foreign keys of other tables that follow one.
async fn side_effects(session: &mut dyn Session, oid: i64) -> Result<Vec<String>> {
    let found = session
        .query(
            // Bit 3 of a trigger's type is DELETE.
            &sql("SELECT 'trigger ' || tgname AS what FROM pg_trigger \
                  WHERE tgrelid = ?::bigint::oid AND NOT tgisinternal AND tgtype & 8 <> 0 AND tgenabled <> 'D' \
                  UNION SELECT 'foreign key ' || conname || ' of ' || conrelid::regclass || \
                  CASE confdeltype WHEN 'c' THEN ' (ON DELETE CASCADE)' WHEN 'n' THEN ' (ON DELETE SET NULL)' \
                  ELSE ' (ON DELETE SET DEFAULT)' END FROM pg_constraint \
                  WHERE contype = 'f' AND confrelid = ?::bigint::oid AND confdeltype IN ('c', 'n', 'd') ORDER BY 1")
            .bind(oid)
            .bind(oid),
        )
        .await?;
    found.rows().map(|row| row.get("what")).collect()
}

/// The partitions one level below; what is not a range of the column of time has no bounds, and so stays.
async fn partitions(
    session: &mut dyn Session,
    table: &TableName,
    oid: i64,
    described: &Described,
    time: &TimeColumn,
) -> Result<Vec<NativePartition>> {
    let key = session
        .query(
            &sql("SELECT p.partstrat::text AS strategy, p.partnatts::int AS columns, a.attname AS first \
                  FROM pg_partitioned_table p \
                  LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] \
                  WHERE p.partrelid = ?::bigint::oid")
            .bind(oid),
        )
        .await?;
    let key = key.one()?;
    let by_time = key.get::<String>("strategy")? == "r"
        && key.get::<i64>("columns")? == 1
        && key.get::<Option<String>>("first")?.as_deref() == Some(time.column.as_str());
    let (kind, _) = time_kind(Engine::Postgres, table, described.column(table, &time.column)?, time.meaning.as_ref())?;
    let found = session
        .query(
            &sql("SELECT n.nspname AS schema, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds, \
                  pg_total_relation_size(c.oid) AS bytes \
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE i.inhparent = ?::bigint::oid AND NOT i.inhdetachpending")
            .bind(oid),
        )
        .await?;
    found
        .rows()
        .map(|row| {
            let name =
                TableName::within(Ident::new(row.get::<String>("schema")?)?, Ident::new(row.get::<String>("name")?)?);
            let text: Option<String> = row.get("bounds")?;
            let (start, end) = match text {
                Some(text) if by_time => bounds(&text, &kind),
                _ => (None, None),
            };
            let unknown = match end {
                Some(_) => None,
                None if by_time => Some(Unknown::Unbounded),
                None => Some(Unknown::OtherKey),
            };
            let bytes = u64::try_from(row.get::<i64>("bytes")?).ok();
            Ok(NativePartition { id: PartitionId::Table(Arc::new(name)), start, end, unknown, bytes })
        })
        .collect()
}

/// The bounds of `partition` if it is one of `parent` at this moment, however it came to its name.
pub(super) async fn bounds_within(
    session: &mut dyn Session,
    parent: &TableName,
    partition: &TableName,
    kind: &TimeKind,
) -> Result<Option<Bounds>> {
    let schema = parent.schema.as_ref().map(Ident::as_str);
    let found = session
        .query(
            &sql("SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds FROM pg_inherits i \
                  JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
                  JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
                  WHERE NOT i.inhdetachpending AND c.relname = ? AND n.nspname = ? AND p.relname = ? \
                  AND CASE WHEN ?::text IS NULL THEN pg_table_is_visible(p.oid) ELSE pn.nspname = ?::text END")
            .bind(partition.name.as_str())
            .bind(partition.schema.as_ref().map(Ident::as_str))
            .bind(parent.name.as_str())
            .bind(schema)
            .bind(schema),
        )
        .await?;
    let Some(row) = found.first() else { return Ok(None) };
    let text: Option<String> = row.get("bounds")?;
    Ok(Some(text.map_or((None, None), |text| bounds(&text, kind))))
}
