//! A number as a database gives it, added up and compared without loss where that is possible.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use clusterkeep_core::sql::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The last digits of a sum of floating-point numbers depend on the order of summation, on every server.
const SUM_TOLERANCE: f64 = 1e-9;

/// A number as a database gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Number {
    /// NULL: there was nothing to add.
    #[default]
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
            // MariaDB's smallest integers, of which 0 and 1 are read as booleans.
            Value::Bool(b) => Some(Self::Int(i64::from(*b))),
            Value::Int(n) => Some(Self::Int(*n)),
            Value::UInt(n) => Some(Self::Decimal(BigDecimal::from(*n))),
            Value::Float(x) => Some(Self::Float(*x)),
            Value::Decimal(d) => Some(Self::of_decimal(d)),
            _ => None,
        }
    }

    /// PostgreSQL sums `bigint` to `numeric`: a whole number is the same in either.
    pub(crate) fn of_decimal(decimal: &BigDecimal) -> Self {
        let whole = decimal.is_integer().then(|| decimal.with_scale(0).to_string().parse().ok()).flatten();
        whole.map_or_else(|| Self::Decimal(decimal.normalized()), Self::Int)
    }

    /// The sum of both; NULL adds nothing, and a whole number that grows too large becomes a decimal.
    pub(super) fn plus(&self, other: &Self) -> Self {
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

    /// The one that `better` prefers; NULL loses against everything.
    pub(super) fn pick(&self, other: &Self, better: impl Fn(Ordering, Ordering) -> bool) -> Self {
        match (self, other) {
            (Self::Null, some) | (some, Self::Null) => some.clone(),
            _ if better(self.order(other), Ordering::Equal) => self.clone(),
            _ => other.clone(),
        }
    }

    /// Which is larger; NaN is the largest, as databases order it, and NULL the smallest.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => order_floats(*a, *b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Int(a), Self::Decimal(b)) => BigDecimal::from(*a).cmp(b),
            (Self::Decimal(a), Self::Int(b)) => a.cmp(&BigDecimal::from(*b)),
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(a), Some(b)) => order_floats(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            },
        }
    }

    /// The nearest floating-point number; `None` where it is NULL.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            #[expect(clippy::cast_precision_loss, reason = "only compared with a tolerance far above the loss")]
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            Self::Decimal(d) => d.to_string().parse().ok(),
        }
    }

    /// Equal, where NaN equals NaN: a database that stores it gives it back.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => order_floats(*a, *b).is_eq(),
            (Self::Float(_), Self::Int(_)) | (Self::Int(_), Self::Float(_)) => self.as_f64() == other.as_f64(),
            _ => self == other,
        }
    }

    /// This many times itself; a whole number that grows too large becomes a decimal.
    pub(super) fn times(&self, factor: i64) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Int(n) => n
                .checked_mul(factor)
                .map_or_else(|| Self::of_decimal(&(BigDecimal::from(*n) * BigDecimal::from(factor))), Self::Int),
            #[expect(clippy::cast_precision_loss, reason = "a small whole number")]
            Self::Float(x) => Self::Float(x * factor as f64),
            Self::Decimal(d) => Self::of_decimal(&(d * BigDecimal::from(factor))),
        }
    }

    /// The same text for what [`Number::same`] takes for the same.
    pub(super) fn canonical(&self) -> String {
        match self {
            // A whole number may come back as a floating-point one, and zero with a sign.
            Self::Float(x) if *x == 0.0 => "0".to_owned(),
            Self::Int(0) => "0".to_owned(),
            Self::Int(_) | Self::Float(_) => self.as_f64().map_or_else(String::new, |x| format!("{x:?}")),
            Self::Decimal(d) => d.normalized().to_string(),
            Self::Null => String::new(),
        }
    }

    /// Equal, or floating-point numbers that differ by no more than the order of summation of numbers of this
    /// magnitude explains.
    pub(super) fn close_to(&self, other: &Self, magnitude: f64) -> bool {
        if self.same(other) {
            return true;
        }
        if !matches!((self, other), (Self::Float(_), _) | (_, Self::Float(_))) {
            return false;
        }
        let (Some(a), Some(b)) = (self.as_f64(), other.as_f64()) else { return false };
        (a - b).abs() <= SUM_TOLERANCE * magnitude.max(a.abs()).max(b.abs())
    }
}

fn order_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
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
    fn what_is_the_same_has_the_same_text() {
        let same = [
            (Number::Int(3), Number::Float(3.0)),
            (Number::Float(0.0), Number::Float(-0.0)),
            (Number::Int(0), Number::Float(-0.0)),
        ];
        for (a, b) in same {
            assert!(a.same(&b) && a.canonical() == b.canonical(), "{a} {b}");
        }
        assert_ne!(Number::Int(3).canonical(), Number::Float(3.5).canonical());
        assert_ne!(Number::Null.canonical(), Number::Int(0).canonical());
    }
}
