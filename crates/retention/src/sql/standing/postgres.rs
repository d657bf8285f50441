//! Where PostgreSQL keeps partitions, and when they were last vacuumed. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Session, TableName, sql};

use crate::observe::Standing;

/// A partition as it is kept: the tablespaces of it and its indexes, and when it was vacuumed; `None` where it is gone.
const STANDING: &str = "SELECT coalesce(t.spcname, d.spcname) AS space, greatest(s.last_vacuum, s.last_autovacuum) AS at \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_class o ON o.oid = c.oid OR o.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = c.oid) \
     LEFT JOIN pg_tablespace t ON t.oid = o.reltablespace \
     JOIN pg_database b ON b.datname = current_database() JOIN pg_tablespace d ON d.oid = b.dattablespace \
     LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid \
     WHERE c.relname = ? AND n.nspname = coalesce(?, (SELECT nspname FROM pg_namespace \
     WHERE oid = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(quote_ident(?)))))";

/// How a partition is kept.
pub(crate) async fn of_partition(session: &mut dyn Session, partition: &TableName) -> Result<Option<Standing>> {
    let (name, schema) = (partition.name.as_str(), partition.schema.as_ref().map(Ident::as_str));
    let found = session.query(&sql(STANDING).bind(name).bind(schema.map(str::to_owned)).bind(name)).await?;
    let mut standing = Standing::default();
    for row in found.rows() {
        standing.tablespaces.insert(row.get("space")?);
        standing.compacted = row.get::<Option<DateTime<Utc>>>("at")?;
    }
    Ok(found.first().is_some().then_some(standing))
}

/// The same of several, by name.
pub(crate) async fn of_partitions(
    session: &mut dyn Session,
    partitions: impl Iterator<Item = &TableName>,
) -> Result<BTreeMap<TableName, Standing>> {
    let mut all = BTreeMap::new();
    for partition in partitions {
        if let Some(standing) = of_partition(session, partition).await? {
            all.insert(partition.clone(), standing);
        }
    }
    Ok(all)
}

/// The tablespaces that there are.
pub(crate) async fn tablespaces(session: &mut dyn Session) -> Result<BTreeSet<String>> {
    session
        .query(&sql("SELECT spcname AS space FROM pg_tablespace"))
        .await?
        .rows()
        .map(|row| row.get("space"))
        .collect()
}

/// The indexes of a partition.
pub(crate) async fn indexes(session: &mut dyn Session, partition: &TableName) -> Result<Vec<TableName>> {
    const INDEXES: &str = "SELECT n.nspname AS schema, i.relname AS name FROM pg_index x \
         JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace \
         JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace m ON m.oid = c.relnamespace \
         WHERE c.relname = ? AND (m.nspname = ? OR (? IS NULL AND c.oid = to_regclass(quote_ident(?)))) ORDER BY 1, 2";
    let (name, schema) = (partition.name.as_str(), partition.schema.as_ref().map(|schema| schema.as_str().to_owned()));
    let query = sql(INDEXES).bind(name).bind(schema.clone()).bind(schema).bind(name);
    let found = session.query(&query).await?;
    let index = |row: &clusterkeep_core::sql::Row| {
        Ok(TableName::within(Ident::new(row.get::<String>("schema")?)?, Ident::new(row.get::<String>("name")?)?))
    };
    found.rows().map(index).collect()
}
