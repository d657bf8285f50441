//! Values in PostgreSQL's binary form.

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sqlx::encode::{Encode, IsNull};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::{Type, postgres};

use super::super::super::value::Value;
use super::types;
use crate::error::BoxError;

/// Seconds from 1970 to 2000, from which PostgreSQL counts.
pub(super) const EPOCH_SECONDS: i64 = 946_684_800;

/// One value, in a type that is told.
pub(super) struct Param<'a> {
    pub(super) value: &'a Value,
    pub(super) oid: u32,
}

impl Type<Postgres> for Param<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(types::UNKNOWN))
    }
}

impl<'q> Encode<'q, Postgres> for Param<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxError> {
        Ok(if encode(self.value, self.oid, buffer)? { IsNull::No } else { IsNull::Yes })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.oid)))
    }
}

/// One column of many rows, as an array.
pub(super) struct ColumnParam<'a> {
    pub(super) rows: &'a [Vec<Value>],
    pub(super) column: usize,
    /// The element type; `None` sends the values as text, which the statement casts.
    pub(super) element: Option<u32>,
}

/// The array type that a column of such elements travels as.
pub(super) fn array_type(element: Option<u32>) -> u32 {
    element.and_then(types::array_of).unwrap_or(types::TEXT_ARRAY)
}

impl Type<Postgres> for ColumnParam<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(types::UNKNOWN))
    }
}

impl<'q> Encode<'q, Postgres> for ColumnParam<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxError> {
        let values = self.rows.iter().map(|row| row.get(self.column).unwrap_or(&Value::Null));
        match self.element {
            Some(element) => array(values, element, buffer, |value, buffer| encode(value, element, buffer))?,
            None => array(values, types::TEXT, buffer, as_text)?,
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(array_type(self.element))))
    }
}

/// Writes a value in the form of type `oid`; `false` for NULL.
fn encode(value: &Value, oid: u32, buffer: &mut PgArgumentBuffer) -> Result<bool, BoxError> {
    match (oid, value) {
        (_, Value::Null) => return Ok(false),
        (types::BOOL, Value::Bool(b)) => buffer.push(u8::from(*b)),
        (types::INT8, Value::Int(n)) => buffer.extend_from_slice(&n.to_be_bytes()),
        (types::INT4, Value::Int(n)) => buffer.extend_from_slice(&i32::try_from(*n)?.to_be_bytes()),
        (types::INT2, Value::Int(n)) => buffer.extend_from_slice(&i16::try_from(*n)?.to_be_bytes()),
        (types::FLOAT8, Value::Float(x)) => buffer.extend_from_slice(&x.to_be_bytes()),
        (types::NUMERIC, Value::Decimal(d)) => decimal(d, buffer)?,
        (types::NUMERIC, Value::Int(n)) => decimal(&BigDecimal::from(*n), buffer)?,
        (types::NUMERIC, Value::UInt(n)) => decimal(&BigDecimal::from(*n), buffer)?,
        (types::TEXT | types::VARCHAR | types::BPCHAR | types::NAME, Value::Text(text)) => {
            buffer.extend_from_slice(text.as_bytes());
        }
        (types::BYTEA, Value::Bytes(bytes)) => buffer.extend_from_slice(bytes),
        (types::TIMESTAMPTZ, Value::Timestamp(at)) => buffer.extend_from_slice(&instant(*at)?.to_be_bytes()),
        (types::TIMESTAMP, Value::DateTime(at)) => buffer.extend_from_slice(&instant(at.and_utc())?.to_be_bytes()),
        (types::DATE, Value::Date(date)) => buffer.extend_from_slice(&days(*date)?.to_be_bytes()),
        (types::TIME, Value::Time(time)) => buffer.extend_from_slice(&microseconds(*time)?.to_be_bytes()),
        (types::UUID, Value::Uuid(id)) => buffer.extend_from_slice(id.as_bytes()),
        (types::JSON, Value::Json(json)) => buffer.extend_from_slice(json.to_string().as_bytes()),
        (types::JSONB, Value::Json(json)) => {
            // The version of the form.
            buffer.push(1);
            buffer.extend_from_slice(json.to_string().as_bytes());
        }
        (array_type, Value::Array(items)) => {
            let element = types::element_of(array_type).ok_or_else(|| format!("type {array_type} is no array"))?;
            array(items.iter(), element, buffer, |item, buffer| encode(item, element, buffer))?;
        }
        (oid, value) => {
            let kind = super::super::super::from_value::kind(value);
            return Err(format!("{kind} has no binary form as the type with number {oid}").into());
        }
    }
    Ok(true)
}

/// Writes a value as text.
fn as_text(value: &Value, buffer: &mut PgArgumentBuffer) -> Result<bool, BoxError> {
    match value {
        Value::Null => return Ok(false),
        Value::Array(_) => return Err("an array has no text form".into()),
        other => buffer.extend_from_slice(other.to_string().as_bytes()),
    }
    Ok(true)
}

/// Writes an array of one dimension.
fn array<'v>(
    values: impl ExactSizeIterator<Item = &'v Value>,
    element: u32,
    buffer: &mut PgArgumentBuffer,
    write: impl Fn(&Value, &mut PgArgumentBuffer) -> Result<bool, BoxError>,
) -> Result<(), BoxError> {
    let length = i32::try_from(values.len())?;
    buffer.extend_from_slice(&i32::from(length > 0).to_be_bytes());
    // Says that NULL may be among them, which is always allowed.
    buffer.extend_from_slice(&1_i32.to_be_bytes());
    buffer.extend_from_slice(&element.to_be_bytes());
    if length == 0 {
        return Ok(());
    }
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(&1_i32.to_be_bytes());
    for value in values {
        let at = buffer.len();
        buffer.extend_from_slice(&(-1_i32).to_be_bytes());
        if write(value, buffer)? {
            let size = i32::try_from(buffer.len() - at - 4)?;
            buffer[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
    }
    Ok(())
}

fn decimal(value: &BigDecimal, buffer: &mut PgArgumentBuffer) -> Result<(), BoxError> {
    <BigDecimal as Encode<'_, postgres::Postgres>>::encode_by_ref(value, buffer).map(drop)
}

/// Microseconds since 2000.
fn instant(at: DateTime<Utc>) -> Result<i64, BoxError> {
    at.timestamp_micros()
        .checked_sub(EPOCH_SECONDS * 1_000_000)
        .ok_or_else(|| format!("{at} is out of PostgreSQL's range").into())
}

fn days(date: NaiveDate) -> Result<i32, BoxError> {
    let since_2000 = NaiveDateTime::from(date).and_utc().timestamp() - EPOCH_SECONDS;
    Ok(i32::try_from(since_2000 / 86_400)?)
}

fn microseconds(time: NaiveTime) -> Result<i64, BoxError> {
    (time - NaiveTime::MIN).num_microseconds().ok_or_else(|| "a time of day has microseconds".into())
}
