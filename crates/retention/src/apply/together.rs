//! Several partitions of one PostgreSQL table go in one transaction: each is checked and counted under its lock as if it
//! went alone, and their commits, which are synced one after the other, become one.
//!
//! All of them go, or none: where anything is in the way, each is tried in a transaction of its own (`partition`), so one
//! that has to stay keeps no other. It is for the plain case alone: what was detached, what foreign keys refer to, what is
//! partitioned again, what feeds rollups or is archived first, and what takes long to count is never among them; nor are
//! any where the state, which their commit would have to include, lies elsewhere.

use std::collections::BTreeSet;

use clusterkeep_core::plan::{Recorder, Step};
use clusterkeep_core::sql::TableName;
use clusterkeep_core::{Error, Result};

use super::partition::{Going, PATIENCE, lock, wait};
use super::remove::finish_all;
use super::span::joined;
use super::{Apply, Span};
use crate::plan::{Action, Domain, Lifecycle};
use crate::sql::catalogue::postgres;

/// The most partitions of one transaction: as many as one write of the audit announces.
const PARTITIONS: usize = 100;

/// Which part of the server's room for locks they may take: it is there for everybody.
const SHARE_OF_LOCKS: u64 = 4;

/// The most rows and bytes of them all: they are counted while nobody else can use the table.
const ROWS: u64 = 250_000;
const BYTES: u64 = 256 << 20;

/// How many of the first of `steps` go in one transaction.
pub(super) async fn count(apply: &Apply<'_>, steps: &[&Step<Domain>]) -> usize {
    let Some(Action::DropPartition { table: first, detached: false, .. }) = steps.first().map(|step| &step.action)
    else {
        return 1;
    };
    let is_plain = |lifecycle: Lifecycle<'_>| lifecycle.rollups.is_empty() && lifecycle.policy.archive().is_none();
    if !apply.retention.state_is_here() || !apply.lifecycle(first).is_ok_and(is_plain) {
        return 1;
    }
    let most = most(apply, steps).await.unwrap_or_else(|e| {
        tracing::debug!(error = %e, "how many locks there is room for is not known");
        1
    });
    let (mut count, mut rows, mut bytes) = (0, 0_u64, 0_u64);
    for step in steps.iter().take(most) {
        let [object] = &step.objects[..] else { break };
        let alike = matches!(&step.action, Action::DropPartition { table, detached: false, .. } if table == first);
        let Ok((_, _, planned)) = apply.planned(object).await else { break };
        rows = rows.saturating_add(planned);
        bytes = bytes.saturating_add(apply.planned_bytes(object).await.unwrap_or(0));
        if !alike || rows > ROWS || bytes > BYTES {
            break;
        }
        count += 1;
    }
    count
}

/// How many of the partitions of `steps` there is room for locks for: a drop takes one on each table, index and constraint.
async fn most(apply: &Apply<'_>, steps: &[&Step<Domain>]) -> Result<usize> {
    let partition = |step: &&Step<Domain>| match &step.action {
        Action::DropPartition { partition, .. } => Some(partition.clone()),
        _ => None,
    };
    let partitions: Vec<_> = steps.iter().take(PARTITIONS).filter_map(partition).collect();
    let partitions: Vec<&TableName> = partitions.iter().map(|name| &**name).collect();
    let mut session = apply.retention.db.session().await?;
    let (room, each) = postgres::locks_of(&mut *session, &partitions).await?;
    let most = usize::try_from(room / SHARE_OF_LOCKS / each.max(1)).unwrap_or(PARTITIONS);
    Ok(most.clamp(1, PARTITIONS))
}

/// Drops the partitions of `steps`, all or none; gives what is to be recorded of each.
pub(super) async fn drop_partitions(
    apply: &Apply<'_>,
    steps: &[&Step<Domain>],
    recorder: &Recorder<'_, Domain>,
) -> Result<Vec<serde_json::Value>> {
    let mut going = Vec::with_capacity(steps.len());
    for step in steps {
        let Action::DropPartition { table, partition, .. } = &step.action else { return Err(apart()) };
        going.push(Going::new(apply, table, partition, step).await?);
    }
    let Some(first) = going.first() else { return Err(apart()) };
    let source = &first.source;
    let turn = apply.turns.of(&source.table).await;
    // Who holds the table for long was waited for in vain before; and while this waited for its turn, somebody may have
    // asked for an end.
    if turn.was_hindered || apply.retention.cancelled() {
        Err(apart())
    } else {
        drop_once(apply, &going, recorder).await
    }
}

async fn drop_once(
    apply: &Apply<'_>,
    going: &[Going<'_>],
    recorder: &Recorder<'_, Domain>,
) -> Result<Vec<serde_json::Value>> {
    let Some(Going { source, lifecycle, .. }) = going.first() else { return Err(apart()) };
    let partitions: Vec<&TableName> = going.iter().map(|going| going.partition).collect();
    let mut session = apply.retention.db.session().await?;
    session.begin().await?;
    let above = postgres::parents(&mut *session, &partitions).await?;
    let above: Vec<&TableName> =
        partitions.iter().map(|name| above.get(name).ok_or_else(apart)).collect::<Result<_>>()?;
    let parents: BTreeSet<&TableName> = above.iter().copied().collect();
    wait(&mut *session, PATIENCE[0]).await?;
    lock(&mut *session, &parents.into_iter().collect::<Vec<_>>(), &[], false).await?;
    // The server has patience anew for each lock: were these waited for, nobody could use the table for as long as all that.
    lock(&mut *session, &[], &partitions, true).await?;
    let now = postgres::places(&mut *session, &source.table, &partitions, &lifecycle.policy.time, &source.kind).await?;
    if now.values().any(|place| place.referred_to || place.partitioned) {
        return Err(apart());
    }
    let rows = source.count_tables(&mut *session, &partitions).await?;
    let mut spans: Vec<Span> = Vec::with_capacity(going.len());
    for ((going, parent), rows) in going.iter().zip(above).zip(rows) {
        going.is_there(parent, now.get(going.partition))?;
        going.has(rows)?;
        spans.push(going.gate(&mut *session, false).await?);
        going.kept_in_files(&mut *session).await?;
    }
    session.execute(&source.drop_tables(&partitions)).await?;
    let data: Vec<_> = going.iter().map(Going::removed).collect();
    finish_all(apply, session, source, &joined(spans), data.clone(), recorder).await?;
    Ok(data)
}

/// Not as one: each of them by itself.
fn apart() -> Error {
    Error::failed("these partitions go one by one")
}
