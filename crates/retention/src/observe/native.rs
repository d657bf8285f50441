//! The engine's own partitions: two passes, the catalogue for all of them, exact counts for those that may go.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::Session;

use super::{Partition, PartitionId, Unknown};
use crate::plan::Lifecycle;
use crate::sql::{Counted, NativePartition, SourceSql};

/// The most partitions that one statement counts which are tables of their own: it holds a lock on each of them.
const AT_ONCE: usize = 100;

fn uncounted(native: NativePartition) -> Partition {
    Partition {
        id: Some(native.id),
        start: native.start,
        end: native.end,
        unknown: native.unknown,
        rows: None,
        bytes: native.bytes,
        detached: false,
    }
}

/// The engine's own partitions; rows are counted only where the partition may go.
pub(super) async fn native_partitions(
    session: &mut dyn Session,
    sql: &SourceSql,
    lifecycle: &Lifecycle<'_>,
    found: Vec<NativePartition>,
    now: DateTime<Utc>,
) -> Result<Vec<Partition>> {
    let Some(cutoff) = lifecycle.first_cutoff(now)? else { return Ok(found.into_iter().map(uncounted).collect()) };
    let mut partitions: Vec<Partition> = found.into_iter().map(uncounted).collect();
    let may_go = |partition: &Partition| partition.end.is_some_and(|end| end <= cutoff);
    let (mut tables, mut together) = (Vec::new(), Vec::new());
    for (nth, partition) in partitions.iter().enumerate().filter(|(_, partition)| may_go(partition)) {
        match &partition.id {
            Some(PartitionId::Table(name)) => tables.push((nth, Arc::clone(name))),
            Some(id) => together.push(id.clone()),
            None => {}
        }
    }
    for some in tables.chunks(AT_ONCE) {
        let names: Vec<_> = some.iter().map(|(_, name)| &**name).collect();
        for ((nth, _), rows) in some.iter().zip(sql.count_tables(session, &names).await?) {
            partitions[*nth].rows = Some(rows);
        }
    }
    if together.is_empty() {
        return Ok(partitions);
    }
    let counted = sql.count_partitions(session, &together).await?;
    for partition in &mut partitions {
        if let Some(counted) = partition.id.as_ref().and_then(|id| counted.get(id)) {
            partition.rows = Some(counted.rows);
            dated(partition, *counted);
        }
    }
    Ok(partitions)
}

/// Rows without a time lie in the lowest partition, whatever its bound: one that has any does not end at it.
fn dated(partition: &mut Partition, counted: Counted) {
    if counted.undated > 0 {
        partition.end = None;
        partition.unknown = Some(Unknown::NullTimes);
    }
}
