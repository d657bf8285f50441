//! The gate before anything goes: what is to go must be exactly what its rollups were verified against.
//!
//! Pure: it compares what was recorded with what is about to go, or has just gone in a transaction that is still open.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};

use super::Span;
use crate::observe::{Facts, Piece};

/// A rollup, and what its source was when it was verified.
#[derive(Debug, Clone)]
pub(super) struct Recorded<'a> {
    pub(super) target: &'a TableName,
    pub(super) columns: &'a [Ident],
    /// Whether buckets may be unknown: of those nothing but the number of their values is stored.
    pub(super) may_be_unknown: bool,
    /// The pieces that overlap what is to go; sorted.
    pub(super) pieces: Vec<Piece>,
}

/// What has to be summed so that every rollup can be held against it.
pub(super) fn bounds(recorded: &[Recorded<'_>], span: Span) -> Vec<DateTime<Utc>> {
    let pieces = recorded.iter().flat_map(|recorded| &recorded.pieces).flat_map(|piece| [piece.start, piece.end]);
    let mut bounds: Vec<_> = pieces.chain([span.0, span.1]).filter(|at| span.0 <= *at && *at <= span.1).collect();
    bounds.sort_unstable();
    bounds.dedup();
    bounds
}

/// The columns of all rollups, each once.
pub(super) fn columns(recorded: &[Recorded<'_>]) -> Vec<Ident> {
    let mut columns: Vec<Ident> = recorded.iter().flat_map(|recorded| recorded.columns).cloned().collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// Checks that `there`, summed over `columns`, is what every rollup was verified against.
///
/// # Errors
///
/// [`Error::Drifted`] where a piece has no record, or other rows or values than were recorded.
pub(super) fn check(source: &TableName, recorded: &[Recorded<'_>], there: &[Piece], columns: &[Ident]) -> Result<()> {
    for rollup in recorded {
        let mut covered = 0;
        for old in rollup.pieces.iter().filter(|piece| !piece.dropped) {
            let first = there.partition_point(|piece| piece.start < old.start);
            let last = there.partition_point(|piece| piece.start < old.end);
            let now = &there[first..last];
            covered += now.len();
            let rows: u64 = now.iter().map(|piece| piece.rows).sum();
            if rows != old.rows || !agrees(old, now, rollup.columns, columns) {
                return Err(drifted(source, rollup.target, old.start, "is not what it was when", rows, old.rows));
            }
        }
        if covered < there.len() {
            let start = there.first().map_or(DateTime::<Utc>::MIN_UTC, |piece| piece.start);
            return Err(drifted(source, rollup.target, start, "has rows that were not there when", 0, 0));
        }
    }
    Ok(())
}

/// Checks that the rollup still holds, bucket by bucket, what was recorded: `stored` is what it adds up to now.
///
/// # Errors
///
/// [`Error::Drifted`] where a bucket is gone or was changed: its source is all that is left of it then.
pub(super) fn kept(recorded: &Recorded<'_>, buckets: &[DateTime<Utc>], stored: &[Piece]) -> Result<()> {
    let agree = if recorded.may_be_unknown { Facts::counts_agree_with } else { Facts::agrees_with };
    match first_difference_by(&recorded.pieces, buckets, stored, agree) {
        Some(from) => Err(Error::Drifted {
            what: format!("the bucket of `{}` from {from} is not what was verified", recorded.target),
            hint: Some("was the rollup changed or emptied? its source stays until it is whole again".into()),
        }),
        None => Ok(()),
    }
}

/// The start of the first bucket that does not add up to the pieces of its source.
pub(super) fn first_difference(pieces: &[Piece], buckets: &[DateTime<Utc>], stored: &[Piece]) -> Option<DateTime<Utc>> {
    first_difference_by(pieces, buckets, stored, Facts::agrees_with)
}

fn first_difference_by(
    pieces: &[Piece],
    buckets: &[DateTime<Utc>],
    stored: &[Piece],
    agree: impl Fn(&Facts, &Facts) -> bool,
) -> Option<DateTime<Utc>> {
    let mut left = pieces.iter().skip_while(|piece| buckets.first().is_some_and(|from| piece.start < *from)).peekable();
    buckets.windows(2).map(|bucket| (bucket[0], bucket[1])).find_map(|(from, until)| {
        let mut wanted = Facts::default();
        while let Some(piece) = left.next_if(|piece| piece.start < until) {
            wanted = piece.facts.iter().fold(wanted, Facts::plus);
        }
        let found = stored.binary_search_by_key(&from, |piece| piece.start).ok();
        let found = found.and_then(|at| stored[at].facts.clone()).unwrap_or_default();
        (!agree(&wanted, &found)).then_some(from)
    })
}

fn agrees(old: &Piece, now: &[Piece], wanted: &[Ident], summed: &[Ident]) -> bool {
    let positions: Option<Vec<usize>> =
        wanted.iter().map(|name| summed.iter().position(|column| column == name)).collect();
    let project = |facts: &Facts| facts.project(positions.as_deref()?);
    let sum = now
        .iter()
        .map(|piece| piece.facts.as_ref().and_then(project))
        .try_fold(Facts::default(), |sum, facts| Some(sum.plus(&facts?)));
    match (sum, &old.facts) {
        (Some(sum), Some(old)) => old.agrees_with(&sum),
        (Some(_), None) => old.rows == 0 && now.is_empty(),
        (None, _) => false,
    }
}

fn drifted(source: &TableName, target: &TableName, from: DateTime<Utc>, how: &str, now: u64, then: u64) -> Error {
    let rows = if now == then { String::new() } else { format!(" ({now} rows, {then} then)") };
    Error::Drifted {
        what: format!("`{source}` from {from} {how} `{target}` was verified{rows}"),
        hint: Some("plan again: the rollup is made anew where that is possible".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Number, Sums};

    fn at(hour: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(i64::from(hour) * 3600, 0).unwrap()
    }

    fn piece(from: u32, until: u32, values: &[i64]) -> Piece {
        let number = |n: Option<&i64>| n.map_or(Number::Null, |n| Number::Int(*n));
        let sum = if values.is_empty() { Number::Null } else { Number::Int(values.iter().sum()) };
        let sums = Sums {
            count: values.len() as u64,
            sum,
            min: number(values.iter().min()),
            max: number(values.iter().max()),
        };
        let mut facts = Facts::default();
        facts.add_series("[]", vec![sums]);
        Piece { start: at(from), end: at(until), rows: values.len() as u64, facts: Some(facts), dropped: false }
    }

    fn gate(recorded: Vec<Piece>, there: &[Piece]) -> Result<()> {
        let (source, target, columns) =
            (TableName::bare(Ident::literal("raw")), TableName::bare(Ident::literal("daily")), [Ident::literal("v")]);
        check(
            &source,
            &[Recorded { target: &target, columns: &columns, may_be_unknown: false, pieces: recorded }],
            there,
            &columns,
        )
    }

    #[test]
    fn case_38_a_rollup_that_lost_its_buckets_holds_its_source() {
        let (target, columns) = (TableName::bare(Ident::literal("daily")), [Ident::literal("v")]);
        let dropped = Piece { dropped: true, ..piece(0, 5, &[1]) };
        let recorded = Recorded {
            target: &target,
            columns: &columns,
            may_be_unknown: false,
            pieces: vec![dropped, piece(5, 24, &[2, 3])],
        };
        let buckets = [at(0), at(24)];
        kept(&recorded, &buckets, &[piece(0, 24, &[1, 2, 3])]).unwrap();
        kept(&recorded, &buckets, &[]).unwrap_err();
        kept(&recorded, &buckets, &[piece(0, 24, &[2, 3])]).unwrap_err();
        kept(&Recorded { pieces: vec![], ..recorded }, &buckets, &[]).unwrap();
    }

    #[test]
    fn case_38_only_what_was_verified_may_go() {
        gate(vec![piece(0, 24, &[1, 2, 3])], &[piece(0, 24, &[1, 2, 3])]).unwrap();
        gate(vec![piece(0, 24, &[1, 2, 3])], &[piece(0, 5, &[1]), piece(5, 24, &[2, 3])]).unwrap();
        gate(vec![piece(0, 24, &[1, 2, 3])], &[piece(0, 24, &[1, 2])]).unwrap_err();
        gate(vec![piece(0, 24, &[1, 2, 3])], &[piece(0, 24, &[1, 2, 4])]).unwrap_err();
        gate(vec![piece(0, 24, &[1, 2, 3])], &[]).unwrap_err();
        gate(vec![], &[piece(0, 24, &[1])]).unwrap_err();
        gate(vec![piece(0, 24, &[1])], &[piece(0, 24, &[1]), piece(24, 48, &[1])]).unwrap_err();
        gate(vec![Piece { dropped: true, ..piece(0, 24, &[1]) }], &[piece(0, 24, &[1])]).unwrap_err();
        gate(vec![Piece { dropped: true, ..piece(0, 24, &[1]) }], &[]).unwrap();
    }
}
