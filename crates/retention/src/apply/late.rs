//! Rows that came after their source was dropped: added to what is kept of their bucket, and deleted, in one transaction.
//!
//! The states of the rows are merged with those that are stored, in the rollup and in every coarser one that was made of
//! it already. An aggregate is never replaced by one of the leftover alone: a bucket that is gone is refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Session, TableName, Value};
use clusterkeep_core::{Error, Result};
use futures::StreamExt;

use super::{Apply, Span, gate};
use crate::aggregate::{Accumulator, Extras};
use crate::model::Rollup;
use crate::observe::{Facts, Piece, Recorded};
use crate::plan::{Domain, Lifecycle, Object};
use crate::sql::{RollupSql, SourceSql, Sums};

/// The most series and buckets that late rows of one slice may be spread over: they are held in memory.
const MOST: usize = 20_000;

/// What late rows add to one bucket of one series.
struct Delta {
    bucket: DateTime<Utc>,
    by: Vec<Value>,
    columns: Vec<Accumulator>,
}

/// By bucket, and by the values that tell series apart.
type Deltas = BTreeMap<(DateTime<Utc>, String), Delta>;

/// Merges the late rows of the objects of a step.
pub(super) async fn merge(
    apply: &Apply<'_>,
    table: &TableName,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let source = apply.source(table).await?;
    let lifecycle = apply.lifecycle(table)?;
    let mut session = apply.transaction().await?;
    let mut merged = 0;
    for object in &step.objects {
        let (span, planned) = apply.planned_span(object).await?;
        // Where anything is not as planned, dropping the session rolls back.
        merged += merge_span(apply, &mut *session, &lifecycle, &source, span, planned).await?;
    }
    let data = serde_json::json!({ "merged_from": table.to_string(), "rows": merged });
    recorder.done_within(&mut *session, data.clone()).await?;
    session.commit().await?;
    apply.recorded.write().await.clear();
    Ok(Ran::Done(data))
}

async fn merge_span(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    source: &SourceSql,
    span: Span,
    planned: u64,
) -> Result<u64> {
    let recorded = apply.recorded(lifecycle, span).await?;
    for rollup in &lifecycle.rollups {
        let deltas = read(session, lifecycle, source, rollup, span).await?;
        Merger { apply, lifecycle, source }.add(session, rollup, &deltas).await?;
    }
    let columns = gate::columns(&recorded);
    let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: false };
    let gone = source.remove(session, &gate::bounds(&recorded, span), sums).await?;
    let rows: u64 = gone.iter().map(|piece| piece.rows).sum();
    if rows != planned {
        let what = format!("`{}` has {rows} late rows from {}, the plan saw {planned}", source.table, span.0);
        return Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) });
    }
    for kept in &recorded {
        let rollup = super::downsample::rollup(lifecycle, kept.target)?;
        let what = Recorded { target: kept.target, source: &source.table, cut: &lifecycle.cut(rollup) };
        let positions: Option<Vec<usize>> =
            kept.columns.iter().map(|name| columns.iter().position(|column| column == name)).collect();
        for piece in &gone {
            let facts = piece.facts.as_ref().zip(positions.as_ref()).and_then(|(facts, at)| facts.project(at));
            let facts = facts.ok_or_else(|| Error::failed("late rows were summed without a column of the rollup"))?;
            let old = kept.pieces.iter().find(|old| old.start <= piece.start && piece.start < old.end);
            if let Some(old) = old.filter(|old| !old.dropped) {
                return Err(refused(kept.target, old.start, "its source was not dropped"));
            }
            let piece = Piece { dropped: true, facts: None, ..piece.clone() };
            apply
                .retention
                .records()
                .add(session, &what, old.unwrap_or(&piece), &facts, piece.rows, apply.retention.now())
                .await?;
        }
    }
    Ok(rows)
}

fn refused(target: &TableName, bucket: DateTime<Utc>, why: &str) -> Error {
    Error::refused(format!("late rows can't be added to the bucket of `{target}` from {bucket}: {why}"))
        .with_hint("they stay where they are; delete them, or say `late: { rows: reject }`")
}

/// The states of the late rows, by bucket of `rollup` and series.
async fn read(
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    source: &SourceSql,
    rollup: &Rollup,
    span: Span,
) -> Result<Deltas> {
    let policy = lifecycle.policy;
    let (columns, extras) = (policy.columns_of(rollup), Extras::of(policy.extras_of(rollup)));
    let sums = Sums { columns, by: &policy.by, rolled: false };
    let statements = RollupSql { source, target: &rollup.target, by: &policy.by, sums, extras };
    let select = statements.rows(span.0, span.1, Extras::default());
    let mut rows = session.stream(&select).await?;
    let mut deltas = Deltas::new();
    while let Some(row) = rows.next().await.transpose()? {
        let (by, rest) = row.values().split_at(policy.by.len());
        let Some((at, values)) = rest.split_first() else { continue };
        let instant = source.kind.instant(at).ok_or_else(|| Error::failed(format!("`{at}` is no point in time")))?;
        let bucket = rollup.every.start_of(lifecycle.zone_of(rollup), instant);
        let delta = delta(&mut deltas, rollup, bucket, by, columns.len(), extras)?;
        for (column, value) in delta.columns.iter_mut().zip(values) {
            column.add(at, value)?;
        }
    }
    Ok(deltas)
}

fn delta<'d>(
    deltas: &'d mut Deltas,
    rollup: &Rollup,
    bucket: DateTime<Utc>,
    by: &[Value],
    columns: usize,
    extras: Extras,
) -> Result<&'d mut Delta> {
    let key = serde_json::to_string(by).map_err(|e| Error::caused("name a series", e))?;
    if deltas.len() > MOST {
        return Err(refused(&rollup.target, bucket, &format!("they are of more than {MOST} series and buckets")));
    }
    Ok(deltas.entry((bucket, key)).or_insert_with(|| Delta {
        bucket,
        by: by.to_vec(),
        columns: (0..columns).map(|_| Accumulator::new(extras)).collect(),
    }))
}

struct Merger<'a> {
    apply: &'a Apply<'a>,
    lifecycle: &'a Lifecycle<'a>,
    source: &'a SourceSql,
}

impl Merger<'_> {
    /// Adds `deltas` to a rollup, and to the coarser ones that are made from it.
    async fn add(&self, session: &mut dyn Session, rollup: &Rollup, deltas: &Deltas) -> Result<()> {
        let mut left = vec![(rollup, self.coarser(rollup, rollup, deltas)?)];
        while let Some((rollup, deltas)) = left.pop() {
            let inserted = self.merge_rows(session, rollup, &deltas).await?;
            for coarser in self.lifecycle.policy.rollups().filter(|other| other.from.as_ref() == Some(&rollup.target)) {
                let made = self.record(session, rollup, coarser, &deltas, &inserted).await?;
                if !made.is_empty() {
                    left.push((coarser, self.coarser(rollup, coarser, made)?));
                }
            }
        }
        Ok(())
    }

    /// The same deltas, by the buckets, columns and extras of a coarser rollup.
    fn coarser<'d>(
        &self,
        finer: &Rollup,
        coarser: &Rollup,
        deltas: impl IntoIterator<Item = (&'d (DateTime<Utc>, String), &'d Delta)>,
    ) -> Result<Deltas> {
        let policy = self.lifecycle.policy;
        let (from, columns) = (policy.columns_of(finer), policy.columns_of(coarser));
        let extras = Extras::of(policy.extras_of(coarser));
        let zone = self.lifecycle.zone_of(coarser);
        let mut merged = Deltas::new();
        for (_, fine) in deltas {
            let bucket = coarser.every.start_of(zone, fine.bucket);
            let coarse = delta(&mut merged, coarser, bucket, &fine.by, columns.len(), extras)?;
            for (column, name) in coarse.columns.iter_mut().zip(columns) {
                if let Some(fine) = from.iter().position(|other| other == name).and_then(|at| fine.columns.get(at)) {
                    column.merge(fine)?;
                }
            }
        }
        Ok(merged)
    }

    /// Merges deltas into the rows of a rollup; returns those whose series had no row in their bucket.
    ///
    /// The buckets were made: one without any row is gone.
    async fn merge_rows(
        &self,
        session: &mut dyn Session,
        rollup: &Rollup,
        deltas: &Deltas,
    ) -> Result<Vec<(DateTime<Utc>, String)>> {
        let policy = self.lifecycle.policy;
        let (columns, extras) = (policy.columns_of(rollup), Extras::of(policy.extras_of(rollup)));
        let sums = Sums { columns, by: &policy.by, rolled: false };
        let statements = RollupSql { source: self.source, target: &rollup.target, by: &policy.by, sums, extras };
        let target = self.source.rolled_into(&rollup.target);
        let (mut rows, mut inserted) = (Vec::with_capacity(deltas.len()), Vec::new());
        for bucket in deltas.values().map(|delta| delta.bucket).collect::<BTreeSet<_>>() {
            let end = rollup.every.end_of(self.lifecycle.zone_of(rollup), bucket);
            if target.count(session, bucket, end).await? == 0 {
                return Err(refused(&rollup.target, bucket, "it is gone, and would hold nothing but them"));
            }
        }
        for (key, delta) in deltas {
            let bucket = self.source.kind.value(delta.bucket);
            let stored = session.query(&statements.state_of(&bucket, &delta.by)).await?;
            let mut row = delta.by.clone();
            row.push(bucket.clone());
            let width = crate::aggregate::Series::width(extras);
            match stored.rows().collect::<Vec<_>>().as_slice() {
                [] => {
                    for column in &delta.columns {
                        column.write(self.source.engine, &mut row)?;
                    }
                    inserted.push(key.clone());
                }
                [stored] => {
                    for (column, values) in delta.columns.iter().zip(stored.values().chunks(width)) {
                        let mut state = Accumulator::read(extras, values)?;
                        state.merge(column)?;
                        state.write(self.source.engine, &mut row)?;
                    }
                    session.execute(&statements.clear_one(&bucket, &delta.by)).await?;
                }
                _ => return Err(refused(&rollup.target, delta.bucket, "a series has several rows in it")),
            }
            rows.push(row);
        }
        session.execute_many(&statements.insert(), &rows).await?;
        Ok(inserted)
    }

    /// Takes what was added to `finer` into what `coarser` was verified against; returns what `coarser` has to be given.
    ///
    /// A bucket that was never made will be made of what is in `finer` by then.
    async fn record<'d>(
        &self,
        session: &mut dyn Session,
        finer: &Rollup,
        coarser: &Rollup,
        deltas: &'d Deltas,
        inserted: &[(DateTime<Utc>, String)],
    ) -> Result<Vec<(&'d (DateTime<Utc>, String), &'d Delta)>> {
        let policy = self.lifecycle.policy;
        let records = self.apply.retention.records();
        let cut = self.lifecycle.cut(coarser);
        let pieces = records.of_within(session, &coarser.target, &cut).await?;
        let (from, columns) = (policy.columns_of(finer), policy.columns_of(coarser));
        let mut made = Vec::new();
        let mut added: BTreeMap<DateTime<Utc>, (Piece, Facts, u64)> = BTreeMap::new();
        for (key, delta) in deltas {
            let bucket = coarser.every.start_of(self.lifecycle.zone_of(coarser), delta.bucket);
            let end = coarser.every.end_of(self.lifecycle.zone_of(coarser), bucket);
            if !pieces.iter().any(|piece| bucket <= piece.start && piece.start < end) {
                continue;
            }
            made.push((key, delta));
            let of = |name| from.iter().position(|other| other == name).and_then(|at| delta.columns.get(at));
            let sums: Vec<_> = columns.iter().filter_map(of).map(Accumulator::sums).collect();
            let own = pieces.iter().find(|piece| piece.start <= delta.bucket && delta.bucket < piece.end);
            let (start, width) = (delta.bucket, finer.every.end_of(self.lifecycle.zone_of(finer), delta.bucket));
            let fresh = Piece { start, end: width, rows: 0, facts: None, dropped: false };
            let piece = own.cloned().unwrap_or(fresh);
            let entry = added.entry(piece.start).or_insert_with(|| (piece, Facts::default(), 0));
            // One piece may have several buckets of the finer rollup, and so the same series more than once.
            let mut facts = Facts::default();
            facts.add_series(&key.1, sums);
            entry.1 = std::mem::take(&mut entry.1).plus(&facts);
            entry.2 += u64::from(inserted.contains(key));
        }
        let what = Recorded { target: &coarser.target, source: &finer.target, cut: &cut };
        for (piece, facts, rows) in added.into_values() {
            records.add(session, &what, &piece, &facts, rows, self.apply.retention.now()).await?;
        }
        Ok(made)
    }
}

/// Looks for late rows that are still there.
pub(super) async fn verify(apply: &Apply<'_>, table: &TableName, objects: &[Object]) -> Result<Vec<(Object, Outcome)>> {
    let source = apply.source(table).await?;
    let mut session = apply.retention.db.session().await?;
    let mut seen = Vec::with_capacity(objects.len());
    for object in objects {
        let (start, end, _) = apply.planned(object).await?;
        let left = source.count(&mut *session, start.unwrap_or(DateTime::<Utc>::MIN_UTC), end).await?;
        seen.push((object.clone(), if left == 0 { Outcome::Done } else { Outcome::StillPresent }));
    }
    Ok(seen)
}
