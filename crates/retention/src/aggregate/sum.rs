//! Sums that lose nothing on the way: whole numbers and decimals exactly, floating-point numbers with what rounding cuts
//! off kept beside them.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

use crate::observe::Number;

/// A sum of numbers of one column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Sum {
    /// Nothing was added.
    #[default]
    Nothing,
    Int(i128),
    Float(Precise),
    Decimal(BigDecimal),
}

/// A floating-point number, and what rounding has cut off it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Precise {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

impl Precise {
    /// Adds a number; what the sum can't hold of it goes to the lower part (Neumaier).
    pub(crate) fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - sum) + x } else { (x - sum) + self.high };
        self.high = sum;
    }

    /// The nearest number, and the rest.
    ///
    /// Beyond the largest number there is no rest that means anything.
    pub(crate) fn rounded(self) -> Self {
        let high = self.high + self.low;
        if high.is_finite() {
            Self { high, low: self.low - (high - self.high) }
        } else {
            Self { high: self.high, low: 0.0 }
        }
    }

    /// The mean of `count` numbers that add up to this.
    pub(crate) fn mean(self, count: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 values")]
        let count = count as f64;
        let high = self.high / count;
        let low = ((-high).mul_add(count, self.high) + self.low) / count;
        if low.is_finite() { Self { high, low } } else { Self { high, low: 0.0 } }
    }
}

impl Sum {
    pub(crate) fn add(&mut self, number: &Number) {
        match (&mut *self, number) {
            (_, Number::Null) => {}
            (Self::Float(sum), Number::Float(x)) => sum.add(*x),
            (Self::Int(sum), Number::Int(n)) => *sum += i128::from(*n),
            _ => self.merge(&Self::of(number)),
        }
    }

    pub(crate) fn of(number: &Number) -> Self {
        match number {
            Number::Null => Self::Nothing,
            Number::Int(n) => Self::Int(i128::from(*n)),
            Number::Float(x) => Self::Float(Precise { high: *x, low: 0.0 }),
            Number::Decimal(d) => Self::Decimal(d.clone()),
        }
    }

    /// A stored sum with what rounding had cut off it.
    pub(crate) fn stored(sum: &Number, low: f64) -> Self {
        match sum {
            Number::Float(high) => Self::Float(Precise { high: *high, low }),
            exact => Self::of(exact),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Nothing, some) => some.clone(),
            (some, Self::Nothing) => some,
            (Self::Int(a), Self::Int(b)) => Self::Int(a + b),
            (a, b) if matches!(a, Self::Float(_)) || matches!(b, Self::Float(_)) => {
                let (mut sum, b) = (a.precise(), b.precise());
                sum.add(b.high);
                sum.add(b.low);
                Self::Float(sum)
            }
            (a, b) => Self::Decimal(a.decimal() + b.decimal()),
        };
    }

    fn decimal(&self) -> BigDecimal {
        match self {
            Self::Int(n) => BigDecimal::from(BigInt::from(*n)),
            Self::Decimal(d) => d.clone(),
            Self::Nothing | Self::Float(_) => BigDecimal::default(),
        }
    }

    /// The sum as the nearest floating-point number and the rest.
    pub(crate) fn precise(&self) -> Precise {
        match self {
            Self::Nothing => Precise::default(),
            Self::Float(sum) => *sum,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "what the first part loses is the second"
            )]
            Self::Int(n) => {
                let high = *n as f64;
                Precise { high, low: n.wrapping_sub(high as i128) as f64 }
            }
            Self::Decimal(d) => {
                let high: f64 = d.to_string().parse().unwrap_or(f64::NAN);
                let rest = BigDecimal::try_from(high).map(|high| d - high);
                Precise { high, low: rest.ok().and_then(|rest| rest.to_string().parse().ok()).unwrap_or(0.0) }
            }
        }
    }

    /// The sum as it is stored.
    pub(crate) fn number(&self) -> Number {
        match self {
            Self::Nothing => Number::Null,
            Self::Int(n) => {
                i64::try_from(*n).map_or_else(|_| Number::Decimal(BigDecimal::from(BigInt::from(*n))), Number::Int)
            }
            Self::Float(sum) => Number::Float(sum.rounded().high),
            Self::Decimal(d) => Number::of_decimal(d),
        }
    }
}
