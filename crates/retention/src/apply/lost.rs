//! An aggregate is never replaced by one of what is left of its source.
//!
//! The plan rests on what was recorded of each bucket; where a record is missing, since the state was lost or another one
//! is used, the rollup itself still knows what it was made from.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::Session;
use clusterkeep_core::{Error, Result};

use super::Apply;
use crate::model::Rollup;
use crate::observe::Piece;
use crate::plan::Lifecycle;
use crate::sql::{Runs, SourceSql, Sums};

/// Checks that no bucket between `boundaries` that has no record holds more values than its source does now.
///
/// It goes bucket by bucket, and only through those that are there without a record, so that its memory is that of the
/// series of one bucket.
pub(super) async fn nothing_lost(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    rollup: &Rollup,
    source: &SourceSql,
    boundaries: &[DateTime<Utc>],
) -> Result<()> {
    let (Some(from), Some(until), Some(runs)) = (boundaries.first(), boundaries.last(), Runs::of(boundaries)) else {
        return Ok(());
    };
    let target = source.rolled_into(&rollup.target);
    // Of what is recorded and still there as a whole, the plan has decided by the record already.
    let recorded = apply.recorded(lifecycle, (*from, *until)).await?;
    let found = recorded.iter().find(|recorded| *recorded.target == rollup.target);
    let pieces = found.map_or(&[][..], |found| &found.pieces);
    let columns = lifecycle.policy.columns_of(rollup);
    let sums = Sums { columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
    for (start, _) in target.counts(session, &runs).await? {
        let Some(end) = boundaries.get(boundaries.partition_point(|at| *at <= start)) else { continue };
        if is_recorded(pieces, start, *end) {
            continue;
        }
        let kept = target.values_by_series(session, (start, *end), Sums { rolled: true, ..sums }).await?;
        let left = source.values_by_series(session, (start, *end), sums).await?;
        let lost = kept.iter().find_map(|(series, counts)| {
            let others = left.get(series);
            let now = |nth| others.and_then(|others| others.get(nth)).copied().unwrap_or(0);
            counts.iter().enumerate().map(|(nth, kept)| (*kept, now(nth))).find(|(kept, now)| now < kept)
        });
        if let Some((kept, now)) = lost {
            return Err(Error::Refused {
                what: format!(
                    "the bucket of `{}` from {start} holds {kept} values, its source only {now}: it is never made again \
                     from what is left",
                    rollup.target
                ),
                hint: Some("was the state lost, or is another one meant with --state?".into()),
            });
        }
    }
    Ok(())
}

/// Whether all of a bucket's source was there when it was recorded, and is still meant to be.
fn is_recorded(pieces: &[Piece], start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
    let mut own = pieces.iter().filter(|piece| start <= piece.start && piece.start < end).peekable();
    own.peek().is_some() && own.all(|piece| !piece.dropped)
}
