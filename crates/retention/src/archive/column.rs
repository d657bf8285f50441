//! The values of one column of some rows, as Parquet takes and gives them.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use bytes::Bytes;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use clusterkeep_core::sql::Value;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use uuid::Uuid;

use super::kind::Kind;

/// The days from the first of January of the year 1 to that of 1970.
const EPOCH_DAYS: i32 = 719_163;

/// The values of a column that are not NULL, in the form in which Parquet takes them.
#[derive(Debug)]
pub(super) enum Cells {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// A column of some rows.
#[derive(Debug)]
pub(super) struct Column {
    kind: Kind,
    /// For each row 1, or 0 where its value is NULL.
    levels: Vec<i16>,
    cells: Cells,
    /// About how many bytes it takes.
    bytes: usize,
}

impl Column {
    /// A column without rows.
    pub(super) fn new(kind: Kind) -> Self {
        let cells = match kind {
            Kind::Boolean => Cells::Bool(Vec::new()),
            Kind::Date => Cells::Int32(Vec::new()),
            Kind::Integer | Kind::Unsigned | Kind::Time | Kind::Datetime | Kind::Timestamp => Cells::Int64(Vec::new()),
            Kind::Float => Cells::Double(Vec::new()),
            Kind::Decimal { .. } | Kind::Uuid => Cells::Fixed(Vec::new()),
            Kind::Number | Kind::Text | Kind::Bytes | Kind::Json | Kind::Literal | Kind::Any => {
                Cells::Bytes(Vec::new())
            }
        };
        Self { kind, levels: Vec::new(), cells, bytes: 0 }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn rows(&self) -> usize {
        self.levels.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn levels(&self) -> &[i16] {
        &self.levels
    }

    pub(super) const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Both, for who reads values in.
    pub(super) const fn parts(&mut self) -> (&mut Vec<i16>, &mut Cells) {
        (&mut self.levels, &mut self.cells)
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.bytes = 0;
        match &mut self.cells {
            Cells::Bool(cells) => cells.clear(),
            Cells::Int32(cells) => cells.clear(),
            Cells::Int64(cells) => cells.clear(),
            Cells::Double(cells) => cells.clear(),
            Cells::Bytes(cells) => cells.clear(),
            Cells::Fixed(cells) => cells.clear(),
        }
    }

    pub(super) fn push_null(&mut self) {
        self.levels.push(0);
        self.bytes += 2;
    }

    pub(super) fn push_bool(&mut self, cell: bool) -> Option<()> {
        let Cells::Bool(cells) = &mut self.cells else { return None };
        cells.push(cell);
        self.pushed(1)
    }

    pub(super) fn push_i32(&mut self, cell: i32) -> Option<()> {
        let Cells::Int32(cells) = &mut self.cells else { return None };
        cells.push(cell);
        self.pushed(4)
    }

    pub(super) fn push_i64(&mut self, cell: i64) -> Option<()> {
        let Cells::Int64(cells) = &mut self.cells else { return None };
        cells.push(cell);
        self.pushed(8)
    }

    pub(super) fn push_f64(&mut self, cell: f64) -> Option<()> {
        let Cells::Double(cells) = &mut self.cells else { return None };
        cells.push(cell);
        self.pushed(8)
    }

    pub(super) fn push_bytes(&mut self, cell: Bytes) -> Option<()> {
        let Cells::Bytes(cells) = &mut self.cells else { return None };
        let length = cell.len();
        cells.push(cell.into());
        self.pushed(length + 32)
    }

    pub(super) fn push_fixed(&mut self, cell: [u8; 16]) -> Option<()> {
        let Cells::Fixed(cells) = &mut self.cells else { return None };
        cells.push(cell.to_vec().into());
        self.pushed(48)
    }

    /// Always something, so that the calls above end with it.
    fn pushed(&mut self, bytes: usize) -> Option<()> {
        self.levels.push(1);
        self.bytes += bytes + 2;
        Some(())
    }

    /// Adds a value; the reason where this column can't hold it exactly.
    pub(super) fn push(&mut self, value: &Value) -> Result<(), String> {
        let pushed = match (self.kind, value) {
            (_, Value::Null) => {
                self.push_null();
                Some(())
            }
            (Kind::Any, value) => any(value).and_then(|cell| self.push_bytes(cell.into())),
            (Kind::Boolean, Value::Bool(b)) => self.push_bool(*b),
            (Kind::Integer, Value::Int(n)) => self.push_i64(*n),
            // A TINYINT(1) of MariaDB is a number.
            (Kind::Integer, Value::Bool(b)) => self.push_i64(i64::from(*b)),
            (Kind::Unsigned, Value::Int(n)) if *n >= 0 => self.push_i64(*n),
            (Kind::Unsigned, Value::Bool(b)) => self.push_i64(i64::from(*b)),
            (Kind::Unsigned, Value::UInt(n)) => self.push_i64(n.cast_signed()),
            (Kind::Float, Value::Float(x)) => self.push_f64(*x),
            (Kind::Decimal { precision, scale }, Value::Decimal(d)) => {
                unscaled(d, precision, scale).and_then(|cell| self.push_fixed(cell))
            }
            (Kind::Number, Value::Decimal(d)) => self.push_bytes(d.to_plain_string().into()),
            (Kind::Text | Kind::Json | Kind::Literal, Value::Text(text)) => {
                self.push_bytes(Bytes::copy_from_slice(text.as_bytes()))
            }
            (Kind::Bytes, Value::Bytes(bytes)) => self.push_bytes(Bytes::copy_from_slice(bytes)),
            (Kind::Date, Value::Date(date)) => self.push_i32(date.num_days_from_ce() - EPOCH_DAYS),
            (Kind::Time, Value::Time(time)) => micros_of_day(*time).and_then(|micros| self.push_i64(micros)),
            (Kind::Datetime, Value::DateTime(at)) => {
                micros(at.and_utc().timestamp_micros(), at.nanosecond()).and_then(|micros| self.push_i64(micros))
            }
            (Kind::Timestamp, Value::Timestamp(at)) => {
                micros(at.timestamp_micros(), at.nanosecond()).and_then(|micros| self.push_i64(micros))
            }
            (Kind::Uuid, Value::Uuid(id)) => self.push_fixed(id.into_bytes()),
            _ => None,
        };
        pushed.ok_or_else(|| format!("a value of it has no exact form as {:?} in an archive", self.kind))
    }

    /// The rows' values, as they were pushed.
    pub(super) fn values(&self) -> Result<Vec<Value>, String> {
        let mut next = 0;
        let mut cell = |level: &i16| {
            if *level == 0 {
                return Ok(Value::Null);
            }
            let at = next;
            next += 1;
            self.value(at).ok_or_else(|| format!("value {at} is none of kind {:?}", self.kind))
        };
        self.levels.iter().map(&mut cell).collect()
    }

    fn value(&self, at: usize) -> Option<Value> {
        match &self.cells {
            Cells::Bool(cells) => cells.get(at).map(|b| Value::Bool(*b)),
            Cells::Int32(cells) => {
                NaiveDate::from_num_days_from_ce_opt(cells.get(at)?.checked_add(EPOCH_DAYS)?).map(Value::Date)
            }
            Cells::Double(cells) => cells.get(at).map(|x| Value::Float(*x)),
            Cells::Int64(cells) => {
                let number = *cells.get(at)?;
                match self.kind {
                    Kind::Integer => Some(Value::Int(number)),
                    Kind::Unsigned => Some(Value::from(number.cast_unsigned())),
                    Kind::Time => time_of_day(number).map(Value::Time),
                    Kind::Datetime => naive(number).map(Value::DateTime),
                    Kind::Timestamp => DateTime::from_timestamp_micros(number).map(Value::Timestamp),
                    _ => None,
                }
            }
            Cells::Fixed(cells) => {
                let bytes: [u8; 16] = cells.get(at)?.data().try_into().ok()?;
                match self.kind {
                    Kind::Uuid => Some(Value::Uuid(Uuid::from_bytes(bytes))),
                    Kind::Decimal { scale, .. } => {
                        Some(Value::Decimal(BigDecimal::new(i128::from_be_bytes(bytes).into(), scale.into())))
                    }
                    _ => None,
                }
            }
            Cells::Bytes(cells) => {
                let bytes = cells.get(at)?.data();
                match self.kind {
                    Kind::Bytes => Some(Value::Bytes(bytes.to_vec())),
                    Kind::Any => read_any(bytes),
                    _ => String::from_utf8(bytes.to_vec()).ok().map(Value::Text),
                }
            }
        }
    }
}

/// Microseconds, where there are no finer digits.
fn micros(micros: i64, nanosecond: u32) -> Option<i64> {
    nanosecond.is_multiple_of(1_000).then_some(micros)
}

fn micros_of_day(time: NaiveTime) -> Option<i64> {
    let nanos = time.signed_duration_since(NaiveTime::MIN).num_nanoseconds()?;
    (nanos % 1_000 == 0).then_some(nanos / 1_000)
}

/// The time of day that lies so many microseconds after midnight.
pub(super) fn time_of_day(micros: i64) -> Option<NaiveTime> {
    let (time, wrapped) = NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(micros));
    (wrapped == 0 && micros >= 0).then_some(time)
}

fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc())
}

/// A decimal without its point, in big-endian two's complement; nothing where digits would be lost.
fn unscaled(decimal: &BigDecimal, precision: u8, scale: u8) -> Option<[u8; 16]> {
    let (digits, has) = decimal.as_bigint_and_exponent();
    let shift = i64::from(scale) - has;
    let whole = if shift >= 0 {
        digits * BigInt::from(10).pow(u32::try_from(shift).ok()?)
    } else {
        let by = BigInt::from(10).pow(u32::try_from(-shift).ok()?);
        let whole = &digits / &by;
        (&whole * &by == digits).then_some(whole)?
    };
    let whole = i128::try_from(&whole).ok()?;
    (whole.unsigned_abs() < 10_u128.checked_pow(precision.into())?).then(|| whole.to_be_bytes())
}

/// The decimal that `text` is, without its point; nothing where it is none, or digits would be lost.
pub(super) fn unscaled_text(text: &str, precision: u8, scale: u8) -> Option<[u8; 16]> {
    let (sign, digits) = text.strip_prefix('-').map_or((1_i128, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > scale.into() || whole.is_empty() {
        return None;
    }
    let mut number = 0_i128;
    for digit in
        whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', usize::from(scale) - fraction.len()))
    {
        let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    (number.unsigned_abs() < 10_u128.checked_pow(precision.into())?).then(|| (sign * number).to_be_bytes())
}

/// A value of SQLite: a letter for its storage class, and the value.
fn any(value: &Value) -> Option<Vec<u8>> {
    let (letter, bytes): (u8, &[u8]) = match value {
        Value::Int(n) => return Some([&b"i"[..], n.to_string().as_bytes()].concat()),
        Value::Float(x) => return Some([&b"r"[..], &x.to_bits().to_be_bytes()].concat()),
        Value::Text(text) => (b't', text.as_bytes()),
        Value::Bytes(bytes) => (b'b', bytes),
        _ => return None,
    };
    Some([&[letter], bytes].concat())
}

fn read_any(cell: &[u8]) -> Option<Value> {
    let (letter, bytes) = cell.split_first()?;
    match letter {
        b'i' => std::str::from_utf8(bytes).ok()?.parse().ok().map(Value::Int),
        b'r' => Some(Value::Float(f64::from_bits(u64::from_be_bytes(bytes.try_into().ok()?)))),
        b't' => String::from_utf8(bytes.to_vec()).ok().map(Value::Text),
        b'b' => Some(Value::Bytes(bytes.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(kind: Kind, value: &Value) -> Value {
        let mut column = Column::new(kind);
        column.push(value).unwrap();
        column.values().unwrap().remove(0)
    }

    proptest! {
        #[test]
        fn integers_and_instants(n in proptest::arbitrary::any::<i64>(), micros in -60_000_000_000_000_000_i64..200_000_000_000_000_000) {
            prop_assert_eq!(there_and_back(Kind::Integer, &n.into()), Value::Int(n));
            prop_assert_eq!(there_and_back(Kind::Unsigned, &n.cast_unsigned().into()), Value::from(n.cast_unsigned()));
            let at = Value::Timestamp(DateTime::from_timestamp_micros(micros).unwrap());
            prop_assert_eq!(&there_and_back(Kind::Timestamp, &at), &at);
        }

        #[test]
        fn decimals_both_ways_are_the_same(digits in -10_i128.pow(30)..10_i128.pow(30), scale in 0_u8..12) {
            let decimal = BigDecimal::new(digits.into(), scale.into());
            let kind = Kind::Decimal { precision: 38, scale };
            let Value::Decimal(back) = there_and_back(kind, &Value::Decimal(decimal.clone())) else { unreachable!() };
            prop_assert_eq!(back.to_plain_string(), decimal.to_plain_string());
            prop_assert_eq!(unscaled_text(&decimal.to_plain_string(), 38, scale), unscaled(&decimal, 38, scale));
        }

        #[test]
        fn values_of_any_class(bytes in proptest::arbitrary::any::<Vec<u8>>(), bits in proptest::arbitrary::any::<u64>()) {
            prop_assert_eq!(there_and_back(Kind::Any, &Value::Bytes(bytes.clone())), Value::Bytes(bytes));
            let Value::Float(x) = there_and_back(Kind::Any, &Value::Float(f64::from_bits(bits))) else { unreachable!() };
            prop_assert_eq!(x.to_bits(), bits);
        }
    }

    #[test]
    fn what_has_no_exact_form_is_refused() {
        let refused = |kind, value: Value| assert!(Column::new(kind).push(&value).is_err(), "{value:?} as {kind:?}");
        refused(Kind::Integer, Value::UInt(u64::MAX));
        refused(Kind::Unsigned, Value::Int(-1));
        refused(Kind::Decimal { precision: 4, scale: 1 }, Value::Decimal("1.25".parse().unwrap()));
        refused(Kind::Decimal { precision: 4, scale: 1 }, Value::Decimal("1000".parse().unwrap()));
        refused(Kind::Text, Value::Int(1));
        assert!(unscaled_text("NaN", 4, 1).is_none());
        assert!(unscaled_text("", 4, 1).is_none());
        assert!(time_of_day(86_400_000_000).is_none());
        refused(Kind::Time, Value::Time(NaiveTime::from_hms_nano_opt(0, 0, 0, 1).unwrap()));
    }
}
