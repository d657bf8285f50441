//! Tables that were partitions once, found again by the server's own numbers for them.

use std::collections::HashMap;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, TableName};

/// The most numbers that one statement asks for.
const AT_ONCE: usize = 1000;

/// The name and the size of each of the tables `oids` that is there, and is no partition.
pub(crate) async fn alone(session: &mut dyn Session, oids: &[i64]) -> Result<HashMap<i64, (TableName, Option<u64>)>> {
    let mut found = HashMap::with_capacity(oids.len());
    for some in oids.chunks(AT_ONCE) {
        let mut query = SqlBuilder::new(Engine::Postgres);
        query.push(
            "SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, \
             (SELECT sum(pg_total_relation_size(t.relid))::bigint FROM pg_partition_tree(c.oid) t WHERE t.isleaf) AS tree, \
             pg_total_relation_size(c.oid) AS bytes \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid IN (",
        );
        query.join(", ", some, |query, oid| {
            query.bind(*oid).push("::bigint::oid");
        });
        query.push(")");
        for row in session.query(&query.build()).await?.rows() {
            let (schema, name): (String, String) = (row.get("schema")?, row.get("name")?);
            let bytes = row.get::<Option<i64>>("tree")?.or(row.get("bytes")?);
            let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
            found.insert(row.get("oid")?, (TableName::within(Ident::new(schema)?, Ident::new(name)?), bytes));
        }
    }
    Ok(found)
}
