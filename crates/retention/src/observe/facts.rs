//! What a source adds up to: enough to notice a row that came, went or changed since a rollup was verified.
//!
//! It has one size whatever the number of series: what tells them apart is folded into marks, so that a row that moves
//! from one series to another shows, too.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Number;

/// The sums over a piece of a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// A mark of which series it has; `None` where pieces were put together that may have the same.
    series: Option<u64>,
    /// One entry per rolled-up column, in the rollup's order; none where there is no row.
    columns: Vec<ColumnFacts>,
}

/// The sums over one column, all series together, and marks of how they are spread over the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ColumnFacts {
    sums: Sums,
    /// The sum of each series' mark times its count: linear, so that it is the same whatever the pieces.
    counts: u64,
    /// The sum of each series' weight times its sum: likewise.
    weighted: Number,
    /// A mark of the extremes of each series; `None` where pieces were put together that may have the same series.
    extremes: Option<u64>,
}

/// Count, sum, minimum and maximum of one column of one series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// How many values that are not NULL.
    pub count: u64,
    /// Their sum.
    pub sum: Number,
    /// The smallest.
    pub min: Number,
    /// The largest.
    pub max: Number,
}

/// Weights are whole numbers up to this one, so that weighted sums of whole numbers are exact.
const HEAVIEST: u64 = 1 << 16;

impl Facts {
    /// Takes the sums of a series in that is not in it yet: `key` names it, `columns` are its own.
    pub fn add_series(&mut self, key: &str, columns: Vec<Sums>) {
        let mark = mark(&[key]);
        self.series = Some(self.series.unwrap_or_default().wrapping_add(mark));
        let of_series = columns.into_iter().map(|sums| ColumnFacts::of_series(key, mark, sums));
        if self.columns.is_empty() {
            self.columns = of_series.collect();
        } else {
            for (mine, other) in self.columns.iter_mut().zip(of_series) {
                let extremes = mine.extremes.zip(other.extremes).map(|(a, b)| a.wrapping_add(b));
                *mine = ColumnFacts { extremes, ..mine.plus(&other) };
            }
        }
    }

    /// The sums over two pieces together.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        if self.columns.is_empty() {
            return other.clone();
        }
        if other.columns.is_empty() {
            return self;
        }
        let columns = self.columns.iter().zip(&other.columns).map(|(a, b)| a.plus(b)).collect();
        Self { series: None, columns }
    }

    /// Whether both add up to the same; sums of floating-point numbers may differ in their last digits.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        same_where_known(self.series, other.series)
            && self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(a, b)| a.agrees_with(b))
    }

    /// Whether both are of as many values in each column, spread over the series in the same way.
    #[must_use]
    pub(crate) fn counts_agree_with(&self, other: &Self) -> bool {
        same_where_known(self.series, other.series)
            && self.columns.len() == other.columns.len()
            && self
                .columns
                .iter()
                .zip(&other.columns)
                .all(|(a, b)| a.sums.count == b.sums.count && a.counts == b.counts)
    }

    /// The columns at these positions alone; `None` where there is no such column.
    #[must_use]
    pub fn project(&self, positions: &[usize]) -> Option<Self> {
        if self.columns.is_empty() {
            return Some(Self::default());
        }
        let columns = positions.iter().map(|at| self.columns.get(*at).cloned()).collect::<Option<_>>()?;
        Some(Self { series: self.series, columns })
    }
}

impl ColumnFacts {
    fn of_series(key: &str, mark_of_series: u64, sums: Sums) -> Self {
        let weight = i64::try_from(mark_of_series % HEAVIEST).unwrap_or_default() + 1;
        Self {
            counts: mark_of_series.wrapping_mul(sums.count),
            weighted: sums.sum.times(weight),
            extremes: Some(mark(&[key, &sums.min.canonical(), &sums.max.canonical()])),
            sums,
        }
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            sums: self.sums.plus(&other.sums),
            counts: self.counts.wrapping_add(other.counts),
            weighted: self.weighted.plus(&other.weighted),
            extremes: None,
        }
    }

    fn agrees_with(&self, other: &Self) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a small whole number")]
        let heaviest = HEAVIEST as f64;
        self.sums.agrees_with(&other.sums)
            && self.counts == other.counts
            && same_where_known(self.extremes, other.extremes)
            && self.weighted.close_to(&other.weighted, self.sums.magnitude() * heaviest)
    }
}

impl Sums {
    fn plus(&self, other: &Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum.plus(&other.sum),
            min: self.min.pick(&other.min, |a, b| a <= b),
            max: self.max.pick(&other.max, |a, b| a >= b),
        }
    }

    fn agrees_with(&self, other: &Self) -> bool {
        self.count == other.count
            && self.min.same(&other.min)
            && self.max.same(&other.max)
            && self.sum.close_to(&other.sum, self.magnitude())
    }

    /// The largest magnitude that may have been added up; values of either sign may cancel out in the sum itself.
    fn magnitude(&self) -> f64 {
        let largest = [&self.min, &self.max].iter().filter_map(|n| n.as_f64()).fold(0.0_f64, |m, x| m.max(x.abs()));
        #[expect(clippy::cast_precision_loss, reason = "a bound, not a result")]
        let magnitude = largest * self.count as f64;
        magnitude
    }
}

fn same_where_known(a: Option<u64>, b: Option<u64>) -> bool {
    a.zip(b).is_none_or(|(a, b)| a == b)
}

/// A number for texts, the same on every machine and in every version: it is kept in records.
fn mark(texts: &[&str]) -> u64 {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update((text.len() as u64).to_le_bytes());
        sha.update(text.as_bytes());
    }
    let digest = sha.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(sums: Vec<(&str, Sums)>) -> Facts {
        let mut facts = Facts::default();
        for (key, sums) in sums {
            facts.add_series(key, vec![sums]);
        }
        facts
    }

    fn of(sums: Sums) -> Facts {
        series(vec![("[\"a\"]", sums)])
    }

    fn float(count: u64, sum: f64, min: f64, max: f64) -> Sums {
        Sums { count, sum: Number::Float(sum), min: Number::Float(min), max: Number::Float(max) }
    }

    fn int(count: u64, sum: i64, min: i64, max: i64) -> Sums {
        Sums { count, sum: Number::Int(sum), min: Number::Int(min), max: Number::Int(max) }
    }

    #[test]
    fn nothing_plus_something_is_something() {
        let some = int(1, 4, 4, 4);
        assert_eq!(Facts::default().plus(&of(some.clone())), of(some.clone()));
        assert_eq!(of(some.clone()).plus(&Facts::default()), of(some.clone()));
        let none = Sums { count: 0, sum: Number::Null, min: Number::Null, max: Number::Null };
        let sum = of(none).plus(&of(some)).plus(&of(int(2, -3, -2, -1)));
        assert!(sum.agrees_with(&of(int(3, 1, -2, 4))));
        assert!(!sum.agrees_with(&of(int(3, 1, -2, 5))));
    }

    #[test]
    fn the_pieces_of_a_bucket_add_up_to_it() {
        let whole = series(vec![("a", int(3, 6, 1, 3)), ("b", int(2, 9, 4, 5))]);
        let first = series(vec![("a", int(1, 1, 1, 1)), ("b", int(1, 4, 4, 4))]);
        let second = series(vec![("a", int(2, 5, 2, 3)), ("b", int(1, 5, 5, 5))]);
        assert!(first.clone().plus(&second).agrees_with(&whole));
        let moved = series(vec![("b", int(2, 5, 2, 3)), ("a", int(1, 5, 5, 5))]);
        assert!(!first.plus(&moved).agrees_with(&whole));
    }

    #[test]
    fn a_row_that_changed_its_series_shows() {
        let two = |a, b| series(vec![("a", a), ("b", b)]);
        let before = two(int(2, 0, 0, 0), int(3, 0, 0, 0));
        assert!(before.agrees_with(&series(vec![("b", int(3, 0, 0, 0)), ("a", int(2, 0, 0, 0))])), "in any order");
        assert!(!before.agrees_with(&two(int(3, 0, 0, 0), int(2, 0, 0, 0))));
        // As many in each, and the same in all: only which is whose.
        let swapped = |a: f64, b: f64| two(float(2, a, 1.0, 9.0), float(2, b, 1.0, 9.0));
        assert!(!swapped(4.0, 6.0).agrees_with(&swapped(6.0, 4.0)));
        assert!(swapped(4.0, 6.0).agrees_with(&swapped(4.0 + 1e-12, 6.0)));
        let extremes = |a: i64, b: i64| two(int(2, 10, a, 9), int(2, 10, b, 9));
        assert!(!extremes(1, 2).agrees_with(&extremes(2, 1)));
        let unseen = Sums { count: 0, sum: Number::Null, min: Number::Null, max: Number::Null };
        assert!(!two(int(1, 1, 1, 1), unseen).agrees_with(&of(int(1, 1, 1, 1))), "a series of NULLs is a series");
    }

    #[test]
    fn a_changed_row_shows() {
        let before = of(float(3, 6.0, 1.0, 3.0));
        assert!(before.agrees_with(&of(float(3, 6.0 + 1e-12, 1.0, 3.0))), "the order of summation");
        assert!(!before.agrees_with(&of(float(3, 6.001, 1.0, 3.0))), "an update in place");
        assert!(!before.agrees_with(&of(float(4, 6.0, 1.0, 3.0))), "a row more");
        assert!(!before.agrees_with(&of(float(3, 6.0, 0.0, 3.0))));
        let million = |n| of(int(1_000_000, n, 0, 9));
        assert!(!million(4_000_000).agrees_with(&million(4_000_001)), "whole numbers must be equal");
    }

    #[test]
    fn what_is_recorded_reads_the_same() {
        let facts =
            series(vec![("a", float(3, 0.1 + 0.2, f64::NEG_INFINITY, f64::NAN)), ("b", int(1, i64::MIN, -1, 1))]);
        let text = serde_json::to_string(&facts).unwrap();
        let again: Facts = serde_json::from_str(&text).unwrap();
        assert!(facts.agrees_with(&again) && again.agrees_with(&facts), "{text}");
    }
}
