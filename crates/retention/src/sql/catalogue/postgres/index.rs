//! Whether slices of a plain table can be found without reading all of it.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Session, sql};

use crate::observe::Obstacle;

/// A table of fewer rows is read as a whole sooner than anybody notices.
const SMALL: f64 = 100_000.0;

/// And so is one of so many bytes, where nobody knows its rows: some 80 bytes for each.
const SMALL_BYTES: i64 = 8 << 20;

/// What stands in the way where no index leads to the rows of a slice of the table `oid`.
///
/// Rows are estimated as the server's planner does it: by their density when it last looked, and the size now. Tables
/// that inherit from it are part of it, and each needs an index of its own.
pub(super) async fn missing(session: &mut dyn Session, oid: i64, time: &Ident) -> Result<Option<Obstacle>> {
    let found = session
        .query(
            // A b-tree has to begin with the column; the columns of a BRIN index are all alike.
            &sql("WITH RECURSIVE family (oid) AS ( \
                    SELECT ?::bigint::oid UNION ALL \
                    SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid) \
                  SELECT pg_relation_size(c.oid) AS bytes, c.reltuples::float8 AS seen, c.relpages::bigint AS pages, \
                  current_setting('block_size')::bigint AS page_size \
                  FROM family JOIN pg_class c ON c.oid = family.oid WHERE c.relkind = 'r' AND NOT EXISTS ( \
                    SELECT FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam \
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ? \
                    WHERE i.indrelid = c.oid AND i.indisvalid AND i.indisready AND i.indpred IS NULL \
                    AND CASE am.amname WHEN 'btree' THEN i.indkey[0] = a.attnum \
                    WHEN 'brin' THEN a.attnum = ANY (i.indkey::int2[]) ELSE false END)")
            .bind(oid)
            .bind(time.as_str()),
        )
        .await?;
    for row in found.rows() {
        let bytes = row.get::<Option<i64>>("bytes")?.unwrap_or(0);
        let (seen, pages, page_size): (f64, i64, i64) = (row.get("seen")?, row.get("pages")?, row.get("page_size")?);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rows = (seen > 0.0 && pages > 0).then(|| seen / pages as f64 * (bytes / page_size.max(1)) as f64);
        let small = rows.map_or(bytes < SMALL_BYTES, |rows| rows < SMALL);
        if !small {
            return Ok(Some(Obstacle::NoIndex));
        }
    }
    Ok(None)
}
