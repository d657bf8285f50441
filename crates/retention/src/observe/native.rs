//! The engine's own partitions: two passes, the catalogue for all of them, exact counts for those that may go.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Session, TableName};

use super::{Partition, PartitionId, Source, Unknown};
use crate::plan::Lifecycle;
use crate::sql::{Counted, Described, NativePartition, SourceSql};

/// A table whose partitions tell nothing of time: all of them stay.
pub(super) fn without_meaning(table: &TableName, described: Described) -> Source {
    let keep = |native: NativePartition| Partition {
        end: None,
        unknown: Some(native.unknown.unwrap_or(Unknown::Meaning)),
        ..uncounted(native)
    };
    let partitions = described.partitions.into_iter().flatten().map(keep).collect();
    Source { partitions, native: true, obstacle: described.obstacle, ..Source::empty(table.clone()) }
}

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
    // One whose length nobody tells may have ended if it has begun, and what is in it tells when.
    let may_go = |partition: &Partition| match (partition.end, partition.unknown) {
        (Some(end), _) => end <= cutoff,
        (None, Some(Unknown::Width)) => sql.key_base.is_some() && partition.start.is_none_or(|start| start <= cutoff),
        (None, _) => false,
    };
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
            within_rows(partition, *counted);
        }
    }
    Ok(partitions)
}

/// Takes in what the rows themselves say of the bounds: where nothing else does, and where they lie outside of what does.
fn within_rows(partition: &mut Partition, counted: Counted) {
    /// The least that one row can be later than another on an engine whose partitions are asked so.
    const TICK: TimeDelta = TimeDelta::milliseconds(1);
    if let Some((first, last)) = counted.span {
        partition.start = Some(partition.start.map_or(first, |start| start.min(first)));
        partition.end = Some(partition.end.map_or(last + TICK, |end| end.max(last + TICK)));
        partition.unknown = None;
    }
    // Rows without a time lie in the lowest partition, whatever its bound: one that has any does not end at it.
    if counted.undated > 0 {
        partition.end = None;
        partition.unknown = Some(Unknown::NullTimes);
    }
}
