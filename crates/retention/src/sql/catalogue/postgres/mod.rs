//! What PostgreSQL's catalogue says of a table.

mod alone;
mod bounds;
mod extent;
mod index;
mod locks;
mod place;
mod tree;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, Session, TableName, sql};

pub(crate) use alone::alone;
pub(crate) use locks::locks_of;
pub(crate) use place::{Place, oid, oids, parents, places};

use super::{CatalogueColumn, Described, known_table, time_kind};
use crate::model::{KnownTable, TimeColumn};

/// The tables that are no partitions, outside of the schemas of the system.
pub(super) async fn tables(session: &mut dyn Session) -> Result<Vec<KnownTable>> {
    let found = session
        .query(&sql("SELECT n.nspname AS schema, c.relname AS name, pg_table_is_visible(c.oid) AS visible \
                     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' \
                     AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2"))
        .await?;
    found.rows().map(known_table).collect()
}

/// Describes a table, with its partitions where it has some.
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
    let bytes = row.get::<Option<i64>>("bytes")?.and_then(|bytes| u64::try_from(bytes).ok());
    let side_effects = side_effects(session, oid).await?;
    let mut described = Described { columns, partitions: None, bytes, side_effects, obstacle: None, key_base: None };
    let Some(time) = time else { return Ok(Some(described)) };
    if row.get::<bool>("partitioned")? {
        let column = described.column(table, &time.column)?;
        let (kind, _) = time_kind(Engine::Postgres, table, column, time.meaning.as_ref())?;
        described.partitions = Some(tree::partitions(session, oid, time, &kind).await?);
    } else {
        described.obstacle = index::missing(session, oid, &time.column).await?;
    }
    Ok(Some(described))
}

/// Triggers and rules on deletes, and the foreign keys of other tables that follow one; also those of tables that
/// inherit from this one, whose rows are rows of it.
async fn side_effects(session: &mut dyn Session, oid: i64) -> Result<Vec<String>> {
    let found = session
        .query(
            // Bit 3 of a trigger's type is DELETE, and so is the event 4 of a rule.
            &sql("WITH RECURSIVE family (oid) AS ( \
                    SELECT ?::bigint::oid UNION ALL \
                    SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid \
                    JOIN pg_class c ON c.oid = i.inhrelid AND NOT c.relispartition) \
                  SELECT 'trigger ' || t.tgname AS what FROM family JOIN pg_trigger t ON t.tgrelid = family.oid \
                  WHERE NOT t.tgisinternal AND t.tgtype & 8 <> 0 AND t.tgenabled <> 'D' \
                  UNION SELECT 'rule ' || r.rulename FROM family JOIN pg_rewrite r ON r.ev_class = family.oid \
                  WHERE r.ev_type = '4' AND r.ev_enabled <> 'D' \
                  UNION SELECT 'foreign key ' || conname || ' of ' || conrelid::regclass || \
                  CASE confdeltype WHEN 'c' THEN ' (ON DELETE CASCADE)' WHEN 'n' THEN ' (ON DELETE SET NULL)' \
                  ELSE ' (ON DELETE SET DEFAULT)' END FROM family JOIN pg_constraint k ON k.confrelid = family.oid \
                  WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') ORDER BY 1")
            .bind(oid),
        )
        .await?;
    found.rows().map(|row| row.get("what")).collect()
}
