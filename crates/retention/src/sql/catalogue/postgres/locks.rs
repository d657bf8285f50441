//! How many locks a drop takes, and how many the server has room for.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Session, SqlBuilder, TableName};

use super::place::push_named;

/// What a drop locks beside what depends on the table: the table, its two types, and its TOAST table with index.
const TABLE: u64 = 5;

/// How many locks there is room for on the server, for all its sessions together, and how many it takes at most to drop
/// one of `partitions`: itself and its indexes, constraints, triggers and defaults.
pub(crate) async fn locks_of(session: &mut dyn Session, partitions: &[&TableName]) -> Result<(u64, u64)> {
    let mut query = SqlBuilder::new(Engine::Postgres);
    query.push(
        "SELECT current_setting('max_locks_per_transaction')::bigint * current_setting('max_connections')::bigint AS room, \
         max((SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) \
             + (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid) \
             + (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid) \
             + (SELECT count(*) FROM pg_attrdef d WHERE d.adrelid = c.oid)) AS own \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    );
    push_named(&mut query, partitions);
    let found = session.query(&query.build()).await?;
    let row = found.one()?;
    Ok((row.get("room")?, TABLE + row.get::<Option<u64>>("own")?.unwrap_or(0)))
}
