//! The same without transactions: each statement stands by itself, and the order of them keeps what is recorded true.
//!
//! - What a rollup would be made of is looked at before anything is written: an aggregate is never replaced by one of
//!   what is left of its source.
//! - The record of a span goes before its buckets are written, and comes back after they were verified. A crash in
//!   between leaves buckets without a record, which the next run makes again.
//! - Slices are counted again right before they go. There is nothing to roll back: a row that is written
//!   into an expired slice between the count and the statement goes with it, and is told. A server that dies within the
//!   statement leaves part of a slice, which the next run removes; where rollups are made from it, it can't be held
//!   against what was verified any more, and stays and is reported.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Ran, Recorder};
use clusterkeep_core::sql::Session;
use clusterkeep_core::{Error, Result};

use super::{Apply, Span, gate, lost, remove, span, stream};
use crate::aggregate::Extras;
use crate::model::Rollup;
use crate::plan::{Domain, Lifecycle};
use crate::retention::not_observed;
use crate::sql::{RollupSql, Runs, SourceSql, Sums, catalogue};

/// Makes the buckets between `boundaries` again from their source.
pub(super) async fn build(
    apply: &Apply<'_>,
    lifecycle: &Lifecycle<'_>,
    rollup: &Rollup,
    statements: &RollupSql<'_>,
    boundaries: &[DateTime<Utc>],
    finer: Extras,
) -> Result<u64> {
    let RollupSql { source, target, .. } = *statements;
    let runs = Runs::of(boundaries).ok_or_else(|| Error::failed(format!("no bucket of `{target}` to make")))?;
    let span = (runs.from(), runs.until());
    let mut session = apply.retention.db.session().await?;
    if catalogue::describe(&mut *session, target, None).await?.is_none() {
        let described = catalogue::describe(&mut *session, &source.table, None).await?;
        let described = described.ok_or_else(|| not_observed(&source.table))?;
        session.execute(&statements.create_keyed(&described.columns)?).await?;
    }
    let target_sql = source.rolled_into(target);
    source.refresh(&mut *session).await?;
    target_sql.refresh(&mut *session).await?;
    lost::nothing_lost(apply, &mut *session, lifecycle, rollup, source, boundaries).await?;

    apply.retention.records().forget_span(target, span).await?;
    apply.recorded.write().await.remove(target);
    let last: Option<i64> = session.query(&statements.last_made()).await?.scalar()?;
    let making = last.unwrap_or_default() + 1;
    let rows = if statements.extras.is_empty() {
        session.execute(&statements.fill_keyed(&runs, making)).await?
    } else {
        stream::fill_keyed(&mut *session, statements, boundaries, finer, making).await?
    };
    target_sql.refresh(&mut *session).await?;
    session.execute(&statements.clear_earlier(span.0, span.1, making)).await?;
    for unknown in rollup.coverage.map(|coverage| statements.unknown(boundaries, coverage)).unwrap_or_default() {
        session.execute(&unknown).await?;
    }
    target_sql.refresh(&mut *session).await?;
    Ok(rows)
}

/// Deletes the rows of slices, those that touch one another with one statement, right after they were counted again.
pub(super) async fn slices(
    apply: &Apply<'_>,
    source: &SourceSql,
    spans: &[(Span, u64)],
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let mut session = apply.retention.db.session().await?;
    source.refresh(&mut *session).await?;
    let mut runs = span::joined(spans.iter().map(|(span, _)| *span));
    // All of them first: a step that can't be done as planned is not begun.
    for run in &runs {
        check(apply, &mut *session, source, *run, spans).await?;
    }
    let planned_of = |run: &Span| within(spans, *run).map(|(_, rows)| rows).sum::<u64>();
    let (mut deleted, mut gone) = (0, 0);
    let mut went = Vec::with_capacity(runs.len());
    for run in runs.drain(..) {
        source.refresh(&mut *session).await?;
        let planned = planned_of(&run);
        if source.count(&mut *session, run.0, run.1).await? != planned {
            tracing::warn!(table = %source.table, from = %run.0, "rows came into slices that were about to go: they stay");
            continue;
        }
        let rows = session.execute(&source.deletion(run.0, run.1).build()).await?;
        if rows != planned {
            tracing::error!(table = %source.table, from = %run.0, rows, planned, "other rows went than were counted");
        }
        deleted += rows;
        gone += within(spans, run).count() as u64;
        recorder.progress(gone, Some(spans.len() as u64));
        went.push(run);
    }
    drop(session);
    remove::mark_dropped(apply, &source.table, &went).await?;
    Ok(Ran::Done(serde_json::json!({ "removed_from": source.table.to_string(), "rows": deleted, "partitions": gone })))
}

fn within(spans: &[(Span, u64)], run: Span) -> impl Iterator<Item = (Span, u64)> {
    spans.iter().copied().filter(move |((start, end), _)| run.0 <= *start && *end <= run.1)
}

/// Holds slices against the plan, and against what their rollups were verified against.
async fn check(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    source: &SourceSql,
    run: Span,
    spans: &[(Span, u64)],
) -> Result<()> {
    let lifecycle = apply.lifecycle(&source.table)?;
    apply.kept_elsewhere(session, &lifecycle, source, run).await?;
    let recorded = apply.recorded(&lifecycle, run).await?;
    let columns = gate::columns(&recorded);
    let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
    let slices = within(spans, run).flat_map(|((start, end), _)| [start, end]);
    let bounds: BTreeSet<_> = gate::bounds(&recorded, run).into_iter().chain(slices).collect();
    let bounds: Vec<_> = bounds.into_iter().collect();
    let there = source.sums(session, &bounds, sums).await?;
    for ((start, end), planned) in within(spans, run) {
        let pieces = there.iter().filter(|piece| start <= piece.start && piece.start < end);
        let rows: u64 = pieces.map(|piece| piece.rows).sum();
        if rows != planned {
            return Err(remove::drifted(source, start, planned, rows));
        }
    }
    gate::check(&source.table, &recorded, &there, &columns)
}
