//! The tree of partitions below a table, and which of its nodes stay or go as a whole.
//!
//! A node whose parent is partitioned by the column of time is one partition, with all that is below it; what is
//! partitioned by something else above that is passed through.

use std::collections::HashMap;
use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Ident, Row, Session, TableName, sql};

use super::super::NativePartition;
use super::bounds::Bound;
use super::extent::{Extent, extent};
use crate::model::TimeColumn;
use crate::observe::{PartitionId, Unknown};
use crate::sql::TimeKind;

/// A table or one of its partitions, at any depth.
#[derive(Debug)]
struct Node {
    oid: i64,
    name: TableName,
    foreign: bool,
    bounds: Option<String>,
    detaching: bool,
    /// How its own partitions are told apart, where it has any.
    key: Option<Key>,
    bytes: u64,
}

/// What a table is partitioned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The column of time comes first, ordered as its type orders.
    Time,
    /// Anything else.
    Other,
}

impl Key {
    /// The key that a catalogue row describes: which column of it is the column of time.
    pub(super) fn of(row: &Row) -> Result<Option<Self>> {
        let first = row.get::<Option<i64>>("time_at")? == Some(1);
        let strategy = row.get::<Option<String>>("strategy")?;
        Ok(strategy.map(|strategy| if first && strategy != "h" { Self::Time } else { Self::Other }))
    }
}

/// Reads the partitions of the table `oid`.
pub(super) async fn partitions(
    session: &mut dyn Session,
    oid: i64,
    time: &TimeColumn,
    kind: &TimeKind,
) -> Result<Vec<NativePartition>> {
    let tree = read(session, oid, &time.column).await?;
    let mut found = Vec::new();
    let mut open: Vec<&Node> = tree.get(&0).into_iter().flatten().collect();
    while let Some(parent) = open.pop() {
        for node in tree.get(&parent.oid).into_iter().flatten() {
            if parent.key == Some(Key::Other) && node.key.is_some() && !node.detaching {
                open.push(node);
                continue;
            }
            let whole = subtree(&tree, node);
            let extent = if node.detaching {
                Extent::unknown(Unknown::Detaching)
            } else if whole.iter().any(|node| node.foreign) {
                Extent::unknown(Unknown::Foreign)
            } else {
                of_bounds(node.bounds.as_deref(), parent.key, time, kind)
            };
            found.push(NativePartition {
                id: PartitionId::Table(Arc::new(node.name.clone())),
                start: extent.start,
                end: extent.end.ok(),
                unknown: extent.end.err(),
                bytes: Some(whole.iter().map(|node| node.bytes).sum()),
            });
        }
    }
    Ok(found)
}

/// What the bounds of a partition say, given what its parent is partitioned by.
pub(super) fn of_bounds(bounds: Option<&str>, parent: Option<Key>, time: &TimeColumn, kind: &TimeKind) -> Extent {
    match bounds.and_then(Bound::read) {
        Some(bound) if parent == Some(Key::Time) => extent(&bound, kind, time.width),
        Some(Bound::Default) => Extent::unknown(Unknown::Default),
        Some(_) => Extent::unknown(Unknown::OtherKey),
        None => Extent::unknown(Unknown::Form),
    }
}

/// A node with all that is below it.
fn subtree<'a>(tree: &'a HashMap<i64, Vec<Node>>, top: &'a Node) -> Vec<&'a Node> {
    let mut all = vec![top];
    let mut at = 0;
    while let Some(node) = all.get(at) {
        all.extend(tree.get(&node.oid).into_iter().flatten());
        at += 1;
    }
    all
}

/// The tree below and with `oid`, by the parent of each node; the top's parent is 0.
async fn read(session: &mut dyn Session, oid: i64, time: &Ident) -> Result<HashMap<i64, Vec<Node>>> {
    let found = session
        .query(
            // What a table is partitioned by is looked up once for each that is: asked of every partition, it made the
            // server expect so much work that it compiled the query, which took ten times as long as running it.
            &sql("WITH RECURSIVE tree (oid, parent, detaching) AS ( \
                    SELECT ?::bigint::oid, 0::oid, false \
                    UNION ALL \
                    SELECT i.inhrelid, i.inhparent, i.inhdetachpending FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid), \
                  keys (oid, strategy, time_at) AS MATERIALIZED ( \
                    SELECT p.partrelid, p.partstrat::text, \
                    (SELECT min(k.at) FROM unnest(p.partattrs::int2[], p.partclass::oid[]) WITH ORDINALITY AS k (attnum, class, at) \
                     JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.attnum \
                     JOIN pg_opclass o ON o.oid = k.class \
                     WHERE a.attname = ? AND o.opcdefault) \
                    FROM pg_partitioned_table p WHERE p.partrelid IN (SELECT oid FROM tree)) \
                  SELECT t.oid::bigint AS oid, t.parent::bigint AS parent, t.detaching, n.nspname AS schema, \
                  c.relname AS name, c.relkind = 'f' AS is_foreign, pg_get_expr(c.relpartbound, c.oid) AS bounds, \
                  CASE WHEN c.relkind = 'r' THEN pg_total_relation_size(c.oid) ELSE 0 END AS bytes, \
                  k.strategy, k.time_at \
                  FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
                  LEFT JOIN keys k ON k.oid = t.oid")
            .bind(oid)
            .bind(time.as_str()),
        )
        .await?;
    let mut tree: HashMap<i64, Vec<Node>> = HashMap::new();
    for row in found.rows() {
        let name =
            TableName::within(Ident::new(row.get::<String>("schema")?)?, Ident::new(row.get::<String>("name")?)?);
        let node = Node {
            oid: row.get("oid")?,
            name,
            foreign: row.get("is_foreign")?,
            bounds: row.get("bounds")?,
            detaching: row.get("detaching")?,
            key: Key::of(row)?,
            bytes: u64::try_from(row.get::<Option<i64>>("bytes")?.unwrap_or(0)).unwrap_or(0),
        };
        tree.entry(row.get("parent")?).or_default().push(node);
    }
    Ok(tree)
}
