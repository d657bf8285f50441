//! Which of the newest partitions have rows: those that were made ahead of their time are empty, and must not stand in
//! for the data where the newest always stay.
//!
//! It looks from the newest one back, and no further than until as many with rows are found as must stay.

use clusterkeep_core::Result;
use clusterkeep_core::sql::Session;

use super::{Partition, PartitionId};
use crate::plan::Lifecycle;
use crate::sql::SourceSql;

/// Notes which of the newest partitions are empty, where some other one may go.
pub(super) async fn note_empty(
    session: &mut dyn Session,
    sql: &SourceSql,
    lifecycle: &Lifecycle<'_>,
    partitions: &mut [Partition],
) -> Result<()> {
    if !partitions.iter().any(|partition| partition.rows.is_some_and(|rows| rows > 0)) {
        return Ok(());
    }
    let mut newest: Vec<&mut Partition> =
        partitions.iter_mut().filter(|partition| partition.end.is_some() && !partition.detached).collect();
    newest.sort_unstable_by_key(|partition| std::cmp::Reverse(partition.end));
    let mut with_rows = 0;
    for partition in newest {
        let has_rows = match (partition.rows, &partition.id) {
            (Some(rows), _) => rows > 0,
            (None, Some(PartitionId::Table(name))) => sql.has_rows(session, name).await?,
            (None, Some(id)) => {
                let counted = sql.count_partitions(session, std::slice::from_ref(id)).await?;
                counted.get(id).is_none_or(|counted| counted.rows > 0)
            }
            (None, None) => true,
        };
        if !has_rows {
            partition.rows = Some(0);
            continue;
        }
        with_rows += 1;
        if with_rows >= lifecycle.guard.keep_newest.get() {
            break;
        }
    }
    Ok(())
}
