//! The report's own proof: the raw values that went, summed up again, next to what the rollups keep of them.
//!
//! It compares only buckets that lie wholly in what went, because of the others the raw rows are still there to ask.

use chrono::{DateTime, TimeDelta, Utc};

use super::removed::Span;
use super::{Bucket, Series};

/// One rollup of one series next to the raw values that it was made from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison<'a> {
    pub(super) series: &'a str,
    pub(super) rollup: &'static str,
    /// How many buckets were compared.
    pub(super) buckets: usize,
    /// How many of them say the same as the raw values.
    pub(super) equal: usize,
    /// All raw values of these buckets together.
    pub(super) raw: Bucket,
    /// All that is kept of them.
    pub(super) kept: Bucket,
}

/// Compares both rollups of every series.
pub(super) fn compare<'a>(series: &'a [Series], removed: &[Span]) -> Vec<Comparison<'a>> {
    let is_rolled = series.iter().any(|one| !one.daily.is_empty());
    let mut all = Vec::new();
    for one in series {
        let mut daily = pairs(one, &one.daily, removed);
        // A month may be built later than its days, but every value that went must be in a day.
        daily.extend(in_no_bucket(one, removed).filter(|_| is_rolled));
        all.extend(comparison("daily", one, &daily));
        all.extend(comparison("monthly", one, &pairs(one, &one.monthly, removed)));
    }
    all
}

/// The buckets that lie in what went: by the raw values, and as they are kept.
fn pairs(series: &Series, buckets: &[Bucket], removed: &[Span]) -> Vec<(Bucket, Bucket)> {
    let inside = |bucket: &&Bucket| removed.iter().any(|span| span.covers(bucket.start, bucket.end));
    buckets.iter().filter(inside).map(|kept| (of_raw(&series.raw, kept.start, kept.end), *kept)).collect()
}

/// The values that went and that no day holds, next to the nothing that is kept of them.
fn in_no_bucket(series: &Series, removed: &[Span]) -> impl Iterator<Item = (Bucket, Bucket)> {
    let is_kept = |at: DateTime<Utc>| {
        let next = series.daily.partition_point(|bucket| bucket.start <= at);
        next.checked_sub(1).and_then(|nth| series.daily.get(nth)).is_some_and(|bucket| at < bucket.end)
    };
    let went = |at: DateTime<Utc>| removed.iter().any(|span| span.contains(at));
    let lost = series.raw.iter().filter(|(at, _)| went(*at) && !is_kept(*at));
    let one = |(at, value): &(DateTime<Utc>, f64)| Bucket {
        count: 1,
        sum: *value,
        min: *value,
        max: *value,
        ..nothing(*at, *at + TimeDelta::seconds(1))
    };
    let lost = lost.map(one).reduce(|all, one| merge(&all, &one));
    lost.map(|lost| (lost, nothing(lost.start, lost.end))).into_iter()
}

fn comparison<'a>(rollup: &'static str, series: &'a Series, pairs: &[(Bucket, Bucket)]) -> Option<Comparison<'a>> {
    let (raw, kept) = pairs.iter().copied().reduce(|all, one| (merge(&all.0, &one.0), merge(&all.1, &one.1)))?;
    let equal = pairs.iter().filter(|(raw, kept)| agree(raw, kept)).count();
    Some(Comparison { series: &series.name, rollup, buckets: pairs.len(), equal, raw, kept })
}

/// A bucket of no values.
const fn nothing(start: DateTime<Utc>, end: DateTime<Utc>) -> Bucket {
    Bucket { start, end, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
}

/// The raw values of `start..end` as a bucket.
fn of_raw(raw: &[(DateTime<Utc>, f64)], start: DateTime<Utc>, end: DateTime<Utc>) -> Bucket {
    let from = raw.partition_point(|(at, _)| *at < start);
    let until = raw.partition_point(|(at, _)| *at < end);
    let values = raw.get(from..until).unwrap_or_default().iter().map(|(_, value)| *value);
    values.fold(nothing(start, end), |all, value| Bucket {
        count: all.count + 1,
        sum: all.sum + value,
        min: all.min.min(value),
        max: all.max.max(value),
        ..all
    })
}

/// Two buckets as one; nothing is lost by it, which is why rollups keep these four numbers.
pub(super) fn merge(one: &Bucket, other: &Bucket) -> Bucket {
    Bucket {
        start: one.start.min(other.start),
        end: one.end.max(other.end),
        count: one.count + other.count,
        sum: one.sum + other.sum,
        min: one.min.min(other.min),
        max: one.max.max(other.max),
    }
}

/// Whether both say the same; the last digits of a sum depend on the order of adding.
#[expect(clippy::float_cmp, reason = "the smallest and the largest are values themselves, and not computed")]
fn agree(raw: &Bucket, kept: &Bucket) -> bool {
    if raw.count != kept.count {
        return false;
    }
    let magnitude = raw.sum.abs().max(raw.min.abs()).max(raw.max.abs());
    raw.count == 0
        || (raw.min == kept.min && raw.max == kept.max && (raw.sum - kept.sum).abs() <= 1e-9 * magnitude.max(1e-300))
}
