//! What a source adds up to: enough to notice a row that came, went or changed since a rollup was verified.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use clusterkeep_core::sql::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The sums over a piece of a source, series by series: a row that moves from one series to another shows, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// By the values of the columns that tell series apart, as a JSON array; one entry per rolled-up column, in the
    /// rollup's order.
    pub series: BTreeMap<String, Vec<ColumnFacts>>,
}

/// The sums over one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// How many values that are not NULL.
    pub count: u64,
    /// Their sum.
    pub sum: Number,
    /// The smallest.
    pub min: Number,
    /// The largest.
    pub max: Number,
}

/// The last digits of a sum of floating-point numbers depend on the order of summation, on every server.
const SUM_TOLERANCE: f64 = 1e-9;

impl Facts {
    /// The sums over two pieces together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (series, columns) in &other.series {
            match self.series.get_mut(series) {
                Some(mine) => {
                    for (a, b) in mine.iter_mut().zip(columns) {
                        *a = a.plus(b);
                    }
                }
                None => {
                    self.series.insert(series.clone(), columns.clone());
                }
            }
        }
        self
    }

    /// Whether both add up to the same; sums of floating-point numbers may differ in their last digits.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.series.len() == other.series.len()
            && self.series.iter().zip(&other.series).all(|((series, a), (other_series, b))| {
                series == other_series && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees_with(b))
            })
    }

    /// The first count of `other` that is larger here: what would be lost if `other` took this one's place.
    #[must_use]
    pub fn lost_in(&self, other: &Self) -> Option<(u64, u64)> {
        self.series.iter().find_map(|(series, columns)| {
            let others = other.series.get(series);
            columns.iter().enumerate().find_map(|(nth, column)| {
                let count = others.and_then(|others| others.get(nth)).map_or(0, |other| other.count);
                (count < column.count).then_some((column.count, count))
            })
        })
    }
}

impl ColumnFacts {
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
            && self.sum.close_to(&other.sum, self)
    }
}

/// A number as a database gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// NULL: there was nothing to add.
    Null,
    /// A whole number.
    Int(i64),
    /// A binary floating-point number.
    Float(f64),
    /// An exact decimal number.
    Decimal(BigDecimal),
}

impl Number {
    /// A value of a column as a number; `None` where it is none.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Int(n) => Some(Self::Int(*n)),
            Value::UInt(n) => Some(Self::Decimal(BigDecimal::from(*n))),
            Value::Float(x) => Some(Self::Float(*x)),
            Value::Decimal(d) => Some(Self::of_decimal(d)),
            _ => None,
        }
    }

    /// PostgreSQL sums `bigint` to `numeric`: a whole number is the same in either.
    fn of_decimal(decimal: &BigDecimal) -> Self {
        let whole = decimal.is_integer().then(|| decimal.with_scale(0).to_string().parse().ok()).flatten();
        whole.map_or_else(|| Self::Decimal(decimal.normalized()), Self::Int)
    }

    /// The sum of both; NULL adds nothing, and a whole number that grows too large becomes a decimal.
    fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Null, some) | (some, Self::Null) => some.clone(),
            (Self::Int(a), Self::Int(b)) => {
                a.checked_add(*b).map_or_else(|| Self::Decimal(BigDecimal::from(*a) + BigDecimal::from(*b)), Self::Int)
            }
            (Self::Float(_), _) | (_, Self::Float(_)) => {
                Self::Float(self.as_f64().unwrap_or(0.0) + other.as_f64().unwrap_or(0.0))
            }
            (Self::Int(a), Self::Decimal(b)) | (Self::Decimal(b), Self::Int(a)) => {
                Self::of_decimal(&(BigDecimal::from(*a) + b))
            }
            (Self::Decimal(a), Self::Decimal(b)) => Self::of_decimal(&(a + b)),
        }
    }

    /// The one that `better` prefers; NULL loses against everything, and NaN is the largest, as databases order it.
    fn pick(&self, other: &Self, better: impl Fn(Ordering, Ordering) -> bool) -> Self {
        match (self.as_f64(), other.as_f64()) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(a), Some(b)) => {
                let order = match (a.is_nan(), b.is_nan()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                };
                if better(order, Ordering::Equal) { self.clone() } else { other.clone() }
            }
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            #[expect(clippy::cast_precision_loss, reason = "only compared with a tolerance far above the loss")]
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            Self::Decimal(d) => d.to_string().parse().ok(),
        }
    }

    /// Equal, where NaN equals NaN: a database that stores it gives it back.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Float(_), Self::Int(_)) | (Self::Int(_), Self::Float(_)) => self.as_f64() == other.as_f64(),
            _ => self == other,
        }
    }

    /// Equal, or floating-point numbers that differ by no more than the order of summation explains.
    fn close_to(&self, other: &Self, scale: &ColumnFacts) -> bool {
        if self.same(other) {
            return true;
        }
        if !matches!((self, other), (Self::Float(_), _) | (_, Self::Float(_))) {
            return false;
        }
        let (Some(a), Some(b)) = (self.as_f64(), other.as_f64()) else { return false };
        // Values of either sign may cancel out: the bound goes by the largest magnitude that was added.
        let largest = [&scale.min, &scale.max].iter().filter_map(|n| n.as_f64()).fold(0.0_f64, |m, x| m.max(x.abs()));
        #[expect(clippy::cast_precision_loss, reason = "a bound, not a result")]
        let magnitude = (largest * scale.count as f64).max(a.abs()).max(b.abs());
        (a - b).abs() <= SUM_TOLERANCE * magnitude
    }
}

/// A letter for the type, then the number as text; nothing is lost on the way to JSON and back.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("-"),
            Self::Int(n) => write!(f, "i{n}"),
            Self::Float(x) => write!(f, "f{x:?}"),
            Self::Decimal(d) => write!(f, "d{d}"),
        }
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let broken = || format!("`{text}` is no number of a rollup's record");
        let rest = text.get(1..).ok_or_else(broken)?;
        match text.chars().next() {
            Some('-') if rest.is_empty() => Ok(Self::Null),
            Some('i') => rest.parse().map(Self::Int).map_err(|_| broken()),
            Some('f') => rest.parse().map(Self::Float).map_err(|_| broken()),
            Some('d') => rest.parse().map(Self::Decimal).map_err(|_| broken()),
            _ => Err(broken()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(column: ColumnFacts) -> Facts {
        Facts { series: [("[\"a\"]".to_owned(), vec![column])].into() }
    }

    fn facts(count: u64, sum: f64, min: f64, max: f64) -> Facts {
        let number = Number::Float;
        of(ColumnFacts { count, sum: number(sum), min: number(min), max: number(max) })
    }

    #[test]
    fn nothing_plus_something_is_something() {
        let some = ColumnFacts { count: 1, sum: Number::Int(4), min: Number::Int(4), max: Number::Int(4) };
        let none = ColumnFacts { count: 0, sum: Number::Null, min: Number::Null, max: Number::Null };
        let less = ColumnFacts { count: 2, sum: Number::Int(-3), min: Number::Int(-2), max: Number::Int(-1) };
        let sum = of(none).plus(&of(some.clone()));
        assert_eq!(sum, of(some));
        let sum = sum.plus(&of(less));
        let wanted = ColumnFacts { count: 3, sum: Number::Int(1), min: Number::Int(-2), max: Number::Int(4) };
        assert_eq!(sum, of(wanted));
        let other = Facts { series: [("[\"b\"]".to_owned(), Vec::new())].into() };
        assert_eq!(sum.plus(&other).series.len(), 2);
    }

    #[test]
    fn a_row_that_changed_its_series_shows() {
        let column = |count| ColumnFacts { count, sum: Number::Int(0), min: Number::Int(0), max: Number::Int(0) };
        let series = |a, b| Facts { series: [("a".into(), vec![column(a)]), ("b".into(), vec![column(b)])].into() };
        assert!(!series(2, 3).agrees_with(&series(3, 2)));
        assert_eq!(series(2, 3).lost_in(&series(9, 2)), Some((3, 2)), "more of the one is no less of the other");
        assert_eq!(series(2, 3).lost_in(&series(2, 3)), None);
    }

    #[test]
    fn a_changed_row_shows() {
        let before = facts(3, 6.0, 1.0, 3.0);
        assert!(before.agrees_with(&facts(3, 6.0 + 1e-12, 1.0, 3.0)), "the order of summation");
        assert!(!before.agrees_with(&facts(3, 6.001, 1.0, 3.0)), "an update in place");
        assert!(!before.agrees_with(&facts(4, 6.0, 1.0, 3.0)), "a row more");
        assert!(!before.agrees_with(&facts(3, 6.0, 0.0, 3.0)));
    }

    #[test]
    fn nothing_is_lost_in_the_record() {
        let numbers = ["-", "i-9223372036854775808", "f0.1", "fNaN", "finf", "d1.50"];
        for text in numbers {
            let number: Number = text.parse().unwrap();
            let again: Number = number.to_string().parse().unwrap();
            assert!(number.same(&again), "{text}");
        }
        assert!("x1".parse::<Number>().is_err());
    }

    #[test]
    fn integers_and_decimals_must_be_equal() {
        let sum =
            |n| of(ColumnFacts { count: 1_000_000, sum: Number::Int(n), min: Number::Int(0), max: Number::Int(9) });
        assert!(!sum(4_000_000).agrees_with(&sum(4_000_001)));
    }
}
