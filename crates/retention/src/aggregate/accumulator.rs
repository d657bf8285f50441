//! All that a rollup keeps of one column in one bucket of one series.

use std::cmp::Ordering;

use clusterkeep_core::sql::{Engine, Value};
use clusterkeep_core::{Error, Result};

use super::distinct::Distinct;
use super::moments::Moments;
use super::quantiles::Quantiles;
use super::sum::Sum;
use crate::model::Extra;
use crate::observe::{Number, Sums};

/// What is kept beside count, sum, minimum and maximum, in the order of [`Extra`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extras(u8);

impl Extras {
    pub(crate) fn of(extras: &[Extra]) -> Self {
        Self(extras.iter().fold(0, |all, extra| all | (1 << *extra as u8)))
    }

    pub(crate) const fn has(self, extra: Extra) -> bool {
        self.0 & (1 << extra as u8) != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Extra> {
        Extra::ALL.into_iter().filter(move |extra| self.has(*extra))
    }
}

/// A value with its instant, as the column of time has it.
type Dated = Option<(Value, Number)>;

/// The state of one column.
#[derive(Debug, Default)]
pub(crate) struct Accumulator {
    extras: Extras,
    count: u64,
    sum: Sum,
    min: Number,
    max: Number,
    first: Dated,
    last: Dated,
    moments: Moments,
    distinct: Option<Box<Distinct>>,
    quantiles: Option<Box<Quantiles>>,
}

impl Accumulator {
    pub(crate) fn new(extras: Extras) -> Self {
        Self { extras, ..Self::default() }
    }

    /// Adds a value of the column, with the instant of its row; NULL is none.
    ///
    /// # Errors
    ///
    /// It is no number.
    pub(crate) fn add(&mut self, at: &Value, value: &Value) -> Result<()> {
        let number = Number::from_value(value).ok_or_else(|| not_a_number(value))?;
        if number == Number::Null {
            return Ok(());
        }
        self.count += 1;
        self.sum.add(&number);
        if self.min == Number::Null || number.order(&self.min) == Ordering::Less {
            self.min = number.clone();
        }
        if self.max == Number::Null || number.order(&self.max) == Ordering::Greater {
            self.max = number.clone();
        }
        if self.extras.is_empty() {
            return Ok(());
        }
        if self.extras.has(Extra::Variance)
            && let Some(x) = number.as_f64()
        {
            self.moments.add(x);
        }
        if self.extras.has(Extra::Distinct) {
            self.distinct()?.add(&number);
        }
        if self.extras.has(Extra::Quantiles)
            && let Some(x) = number.as_f64()
        {
            self.quantiles.get_or_insert_default().add(x);
        }
        if self.extras.has(Extra::Last) && wins(&self.last, at, &number, Ordering::Greater) {
            self.last = Some((at.clone(), number.clone()));
        }
        if self.extras.has(Extra::First) && wins(&self.first, at, &number, Ordering::Less) {
            self.first = Some((at.clone(), number));
        }
        Ok(())
    }

    fn distinct(&mut self) -> Result<&mut Distinct> {
        if self.distinct.is_none() {
            self.distinct = Some(Box::new(Distinct::new()?));
        }
        self.distinct.as_deref_mut().ok_or_else(|| Error::failed("a sketch was made and is not there"))
    }

    /// Takes in the state of other values of the column.
    ///
    /// # Errors
    ///
    /// Sketches that were made in different ways.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.count += other.count;
        self.sum.merge(&other.sum);
        if other.min != Number::Null && (self.min == Number::Null || other.min.order(&self.min) == Ordering::Less) {
            self.min = other.min.clone();
        }
        if other.max != Number::Null && (self.max == Number::Null || other.max.order(&self.max) == Ordering::Greater) {
            self.max = other.max.clone();
        }
        if let Some((at, number)) = &other.first
            && wins(&self.first, at, number, Ordering::Less)
        {
            self.first = other.first.clone();
        }
        if let Some((at, number)) = &other.last
            && wins(&self.last, at, number, Ordering::Greater)
        {
            self.last = other.last.clone();
        }
        self.moments.merge(&other.moments);
        if let Some(theirs) = &other.distinct {
            self.distinct()?.merge(theirs);
        }
        if let Some(theirs) = &other.quantiles {
            self.quantiles.get_or_insert_default().merge(theirs)?;
        }
        Ok(())
    }

    /// What every rollup keeps.
    pub(crate) fn sums(&self) -> Sums {
        Sums { count: self.count, sum: self.sum.number(), min: self.min.clone(), max: self.max.clone() }
    }

    /// Appends what the columns of the rollup hold, in their order.
    pub(crate) fn write(&self, engine: Engine, row: &mut Vec<Value>) -> Result<()> {
        row.extend([
            Value::from(self.count),
            value(engine, &self.sum.number()),
            value(engine, &self.min),
            value(engine, &self.max),
        ]);
        for extra in self.extras.iter() {
            match extra {
                Extra::First => push_dated(engine, &self.first, row),
                Extra::Last => push_dated(engine, &self.last, row),
                Extra::Variance if self.count == 0 => row.extend([Value::Null, Value::Null]),
                Extra::Variance => {
                    row.push(float(engine, self.moments.m2()));
                    let low = if let Sum::Float(sum) = self.sum { sum.rounded().low } else { 0.0 };
                    row.push(float(engine, low));
                }
                Extra::Distinct => row.push(match &self.distinct {
                    Some(sketch) => sketch.encode(engine),
                    None => Distinct::new()?.encode(engine),
                }),
                Extra::Quantiles => row.push(match &self.quantiles {
                    Some(sketch) => sketch.encode(engine),
                    None => Quantiles::default().encode(engine),
                }),
            }
        }
        Ok(())
    }

    /// Reads what [`write`](Self::write) has written.
    ///
    /// # Errors
    ///
    /// A value that is no number, a state that can't be read, or one whose count is not that of its bucket.
    pub(crate) fn read(extras: Extras, values: &[Value]) -> Result<Self> {
        let mut values = values.iter();
        let mut next = || values.next().unwrap_or(&Value::Null);
        let number = |value: &Value| Number::from_value(value).ok_or_else(|| not_a_number(value));
        let mut read = Self::new(extras);
        read.count = next().as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let sum = number(next())?;
        read.min = number(next())?;
        read.max = number(next())?;
        read.sum = Sum::of(&sum);
        for extra in extras.iter() {
            match extra {
                Extra::First => read.first = dated(number(next())?, next()),
                Extra::Last => read.last = dated(number(next())?, next()),
                Extra::Variance => {
                    let (m2, low) = (number(next())?.as_f64(), number(next())?.as_f64().unwrap_or(0.0));
                    read.sum = Sum::stored(&sum, low);
                    if read.count > 0 {
                        let m2 = m2.unwrap_or(f64::NAN);
                        read.moments = Moments::stored(read.count, read.sum.precise(), m2);
                    }
                }
                Extra::Distinct => {
                    let sketch = Distinct::decode(next())?;
                    agrees(read.count, sketch.as_ref().map(Distinct::count))?;
                    read.distinct = sketch.map(Box::new);
                }
                Extra::Quantiles => {
                    let sketch = Quantiles::decode(next())?;
                    agrees(read.count, sketch.as_ref().map(Quantiles::count))?;
                    read.quantiles = sketch.map(Box::new);
                }
            }
        }
        Ok(read)
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.distinct.as_ref().map_or(0, |sketch| sketch.bytes())
            + self.quantiles.as_ref().map_or(0, |sketch| sketch.bytes())
    }
}

fn not_a_number(value: &Value) -> Error {
    Error::input(format!("`{value}` is no number")).with_hint("only columns of numbers can be rolled up")
}

fn agrees(count: u64, sketch: Option<u64>) -> Result<()> {
    match sketch {
        Some(other) if other != count => {
            Err(Error::failed(format!("a sketch of {other} values is stored beside a count of {count}")))
        }
        None if count > 0 => Err(Error::failed(format!("no sketch is stored beside a count of {count}"))),
        _ => Ok(()),
    }
}

/// Whether a value comes before (or after) the one that is known, by its instant, and among those of one instant by itself.
fn wins(known: &Dated, at: &Value, number: &Number, wanted: Ordering) -> bool {
    known.as_ref().is_none_or(|(known_at, known)| {
        let order = order(at, known_at);
        order == wanted || (order == Ordering::Equal && number.order(known) == wanted)
    })
}

/// The order of two instants as one column keeps them.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => a.as_i64().cmp(&b.as_i64()),
    }
}

fn dated(number: Number, at: &Value) -> Dated {
    (number != Number::Null && !at.is_null()).then(|| (at.clone(), number))
}

fn push_dated(engine: Engine, dated: &Dated, row: &mut Vec<Value>) {
    match dated {
        Some((at, number)) => row.extend([value(engine, number), at.clone()]),
        None => row.extend([Value::Null, Value::Null]),
    }
}

fn value(engine: Engine, number: &Number) -> Value {
    match number {
        Number::Null => Value::Null,
        Number::Int(n) => Value::Int(*n),
        Number::Float(x) => float(engine, *x),
        Number::Decimal(d) => Value::Decimal(d.clone()),
    }
}

/// What an engine has no number for is not known to it: NULL, and never zero.
fn float(engine: Engine, x: f64) -> Value {
    let holds = match engine {
        Engine::Sqlite => !x.is_nan(),
        Engine::Mysql => x.is_finite(),
        _ => true,
    };
    if holds { Value::Float(x) } else { Value::Null }
}
