//! Buckets are made whole, in one transaction, and then held against their source.
//!
//! The record of a bucket is written after the bucket itself, never before: a crash between the two makes it again.

use clusterkeep_core::plan::{Ran, Recorder};
use clusterkeep_core::sql::{Session, TableName, Value};
use clusterkeep_core::{Error, Result};
use futures::StreamExt;

use super::{Apply, Span, gate, lost, stream};
use crate::aggregate::{Accumulator, Extras, Series};
use crate::model::Rollup;
use crate::observe::{Recorded, piece_bounds};
use crate::plan::{Build, Domain, Lifecycle};
use crate::retention::not_observed;
use crate::sql::{RollupSql, Runs, Sums, catalogue, lz4};

pub(super) fn rollup<'a>(lifecycle: &Lifecycle<'a>, target: &TableName) -> Result<&'a Rollup> {
    lifecycle.rollups.iter().copied().find(|rollup| rollup.target == *target).ok_or_else(|| not_observed(target))
}

/// Makes the buckets of a span again from their source.
pub(super) async fn build(apply: &Apply<'_>, build: &Build, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
    let (source, target, span) = (&*build.source, &*build.target, (build.from, build.until));
    let lifecycle = apply.lifecycle(source)?;
    let rollup = rollup(&lifecycle, target)?;
    let source_sql = apply.source(source).await?;
    let by = &lifecycle.policy.by;
    let sums = Sums { columns: lifecycle.policy.columns_of(rollup), by, rolled: lifecycle.rolled.is_some() };
    let extras = Extras::of(lifecycle.policy.extras_of(rollup));
    let finer = lifecycle.rolled.map_or(Extras::default(), |finer| Extras::of(lifecycle.policy.extras_of(finer)));
    let statements = RollupSql { source: &source_sql, target, by: &lifecycle.policy.by, sums, extras };
    let boundaries = rollup.every.boundaries(lifecycle.zone_of(rollup), span.0, span.1);
    let runs = Runs::of(&boundaries).ok_or_else(|| Error::failed(format!("no bucket of `{target}` to make")))?;
    let buckets = boundaries.len() as u64 - 1;
    #[cfg(feature = "cratedb")]
    if !apply.retention.db.capabilities().transactions {
        let rows = super::apart::build(apply, &lifecycle, rollup, &statements, &boundaries, finer).await?;
        recorder.progress(buckets, Some(buckets));
        return Ok(Ran::Done(serde_json::json!({ "built": target.to_string(), "rows": rows, "buckets": buckets })));
    }

    let creating = apply.creating.lock().await;
    let mut session = apply.retention.db.session().await?;
    if catalogue::describe(&mut *session, target, None).await?.is_none() {
        let described = catalogue::describe(&mut *session, source, None).await?.ok_or_else(|| not_observed(source))?;
        session.execute(&statements.create(&described.columns, &runs)).await?;
        if let Some(index) = statements.create_index() {
            session.execute(&index).await?;
        }
        if let Some(compress) = statements.compress()
            && session.query(&lz4()).await?.one()?.get("lz4")?
        {
            session.execute(&compress).await?;
        }
    }
    drop((session, creating));

    let mut session = apply.transaction().await?;
    lost::nothing_lost(apply, &mut *session, &lifecycle, rollup, &source_sql, &boundaries).await?;
    session.execute(&statements.clear(span.0, span.1)).await?;
    // What the engine can sum, it sums; what else is kept, no engine sums in a way that all agree on.
    let rows = if extras.is_empty() {
        session.execute(&statements.fill(&runs)).await?
    } else {
        stream::fill(&mut *session, &statements, &boundaries, finer).await?
    };
    for unknown in rollup.coverage.map(|coverage| statements.unknown(&boundaries, coverage)).unwrap_or_default() {
        session.execute(&unknown).await?;
    }
    session.commit().await?;
    // Made; what is left of the step is to look at it again.
    recorder.progress(buckets, Some(buckets));
    Ok(Ran::Done(serde_json::json!({ "built": target.to_string(), "rows": rows, "buckets": buckets })))
}

/// Looks at source and rollup anew, in one state of the data, and records what the source was where they agree.
pub(super) async fn verify(apply: &Apply<'_>, build: &Build) -> Result<()> {
    let (source, target, span) = (&*build.source, &*build.target, (build.from, build.until));
    let lifecycle = apply.lifecycle(source)?;
    let rollup = rollup(&lifecycle, target)?;
    let source_sql = apply.source(source).await?;
    let columns = lifecycle.policy.columns_of(rollup);
    let target_sql = source_sql.rolled_into(target);
    let buckets = rollup.every.boundaries(lifecycle.zone_of(rollup), span.0, span.1);
    let pieces = {
        let seen = apply.seen.read().await;
        let known = seen.observed.inventory.sources.iter().find(|known| known.table == *source);
        let native = known.filter(|source| source.native).map(|source| source.partitions.as_slice());
        piece_bounds(&lifecycle, buckets.clone(), native)
    };

    let mut session = apply.snapshot().await?;
    source_sql.refresh(&mut *session).await?;
    let by = &lifecycle.policy.by;
    let sums = Sums { columns, by, rolled: lifecycle.rolled.is_some() };
    let there = source_sql.sums(&mut *session, &pieces, sums).await?;
    let kept = target_sql.sums(&mut *session, &buckets, Sums { rolled: true, ..sums }).await?;
    let known = match rollup.coverage {
        Some(coverage) => Some(source_sql.known_sums(&mut *session, &buckets, sums, coverage).await?),
        None => None,
    };
    if let Some(from) = gate::first_difference(known.as_ref().unwrap_or(&there), &buckets, &kept) {
        return Err(Error::failed(format!(
            "the bucket of `{target}` from {from} does not add up to its source `{source}`"
        ))
        .with_hint("rows may have come meanwhile: a further run makes the bucket again"));
    }
    let extras = Extras::of(lifecycle.policy.extras_of(rollup));
    if !extras.is_empty() {
        let statements = RollupSql { source: &source_sql, target, by, sums, extras };
        verify_states(&mut *session, &statements, span, rollup.coverage.is_some()).await?;
    }
    apply.recorded.write().await.remove(target);
    let what = Recorded { target, source, cut: &lifecycle.cut(rollup) };
    let records = apply.retention.records();
    let now = apply.retention.now();
    if records.share_transactions_with(&apply.retention.db) {
        records.replace(&mut *session, &what, span, &there, now).await?;
        session.commit().await
    } else {
        drop(session);
        let mut state = records.begin().await?;
        records.replace(&mut *state, &what, span, &there, now).await?;
        records.commit(state).await
    }
}

/// Looks whether each state that is kept beside the sums can be read, and is of as many values as were counted.
async fn verify_states(
    session: &mut dyn Session,
    statements: &RollupSql<'_>,
    span: Span,
    may_be_unknown: bool,
) -> Result<()> {
    let (extras, by) = (statements.extras, statements.by.len());
    let select = statements.states(span.0, span.1);
    let mut rows = session.stream(&select).await?;
    while let Some(row) = rows.next().await.transpose()? {
        for values in row.values().get(1 + by..).unwrap_or_default().chunks(Series::width(extras)) {
            // Of what is not known nothing but the count is kept.
            if may_be_unknown && values.iter().skip(1).all(Value::is_null) {
                continue;
            }
            Accumulator::read(extras, values)?;
        }
    }
    Ok(())
}
