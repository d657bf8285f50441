//! Reads a [`Value`] as a Rust type, losing nothing.

use std::fmt::Display;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use uuid::Uuid;

use super::value::Value;

/// A type that a [`Value`] can be read as.
///
/// Numbers convert where nothing is lost. Text is read as an instant, decimal, UUID and so on, because some engines have
/// no other form for these; it is never read as an integer, a float or a boolean.
pub trait FromValue: Sized {
    /// The value as this type.
    ///
    /// # Errors
    ///
    /// Why it is none, as a lowercase fragment.
    fn from_value(value: &Value) -> Result<Self, String>;
}

fn mismatch<T>(value: &Value, wanted: &str) -> Result<T, String> {
    Err(format!("{} is no {wanted}", kind(value)))
}

/// What a value is, for messages; never the value itself, which may be private.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::UInt(_) => "an unsigned integer",
        Value::Float(_) => "a floating-point number",
        Value::Decimal(_) => "a decimal",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Timestamp(_) => "an instant",
        Value::DateTime(_) => "a date and time",
        Value::Date(_) => "a date",
        Value::Time(_) => "a time of day",
        Value::Uuid(_) => "a UUID",
        Value::Json(_) => "a JSON document",
        Value::Array(_) => "an array",
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str, wanted: &str) -> Result<T, String> {
    text.parse().map_err(|cause| format!("text is no {wanted}: {cause}"))
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Result<Self, String> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.iter().map(T::from_value).collect(),
            Value::Bytes(bytes) => bytes.iter().map(|byte| T::from_value(&Value::from(*byte))).collect(),
            other => mismatch(other, "array"),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(b) => Ok(*b),
            // SQLite and MariaDB/MySQL have no other booleans than these two numbers.
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => mismatch(other, "boolean"),
        }
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Result<Self, String> {
                let wide = match value {
                    Value::Int(n) => i128::from(*n),
                    Value::UInt(n) => i128::from(*n),
                    Value::Decimal(d) if d.is_integer() => parsed(&d.with_scale(0).to_plain_string(), "integer of 128 bits")?,
                    other => return mismatch(other, "integer"),
                };
                <$type>::try_from(wide).map_err(|_| format!("{wide} does not fit {}", stringify!($type)))
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64, usize);

impl FromValue for f64 {
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_f64().map_or_else(|| mismatch(value, "number"), Ok)
    }
}

impl FromValue for BigDecimal {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Decimal(d) => Ok(d.clone()),
            Value::Int(n) => Ok(Self::from(*n)),
            Value::UInt(n) => Ok(Self::from(*n)),
            Value::Text(text) => parsed(text, "decimal"),
            other => mismatch(other, "decimal"),
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => mismatch(other, "text"),
        }
    }
}

impl FromValue for DateTime<Utc> {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Timestamp(at) => Ok(*at),
            Value::Text(text) => parsed(text, "instant"),
            other => mismatch(other, "instant"),
        }
    }
}

impl FromValue for NaiveDateTime {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::DateTime(at) => Ok(*at),
            Value::Text(text) => parsed(text, "date and time"),
            other => mismatch(other, "date and time"),
        }
    }
}

impl FromValue for NaiveDate {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Date(date) => Ok(*date),
            Value::Text(text) => parsed(text, "date"),
            other => mismatch(other, "date"),
        }
    }
}

impl FromValue for NaiveTime {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Time(time) => Ok(*time),
            Value::Text(text) => parsed(text, "time of day"),
            other => mismatch(other, "time of day"),
        }
    }
}

impl FromValue for Uuid {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Uuid(id) => Ok(*id),
            Value::Text(text) => parsed(text, "UUID"),
            other => mismatch(other, "UUID"),
        }
    }
}

impl FromValue for serde_json::Value {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Json(json) => Ok(json.clone()),
            Value::Text(text) => parsed(text, "JSON document"),
            other => mismatch(other, "JSON document"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_convert_only_where_nothing_is_lost() {
        assert_eq!(i64::from_value(&Value::Int(i64::MIN)), Ok(i64::MIN));
        assert_eq!(u64::from_value(&Value::UInt(u64::MAX)), Ok(u64::MAX));
        assert_eq!(i16::from_value(&Value::Decimal("12.00".parse().unwrap())), Ok(12));
        assert!(i16::from_value(&Value::Int(40_000)).is_err());
        assert!(u32::from_value(&Value::Int(-1)).is_err());
        assert!(i64::from_value(&Value::Float(1.0)).is_err());
        assert!(i64::from_value(&Value::Text("1".into())).is_err());
    }

    #[test]
    fn null_needs_an_option() {
        assert_eq!(Option::<i64>::from_value(&Value::Null), Ok(None));
        assert_eq!(i64::from_value(&Value::Null), Err("NULL is no integer".into()));
    }

    #[test]
    fn text_stands_for_the_types_that_an_engine_keeps_as_text() {
        let at: DateTime<Utc> = FromValue::from_value(&Value::Text("2013-01-01T00:00:00.000001Z".into())).unwrap();
        assert_eq!(at.timestamp_micros(), 1_356_998_400_000_001);
        assert!(DateTime::<Utc>::from_value(&Value::Text("2013-01-01".into())).is_err());
        assert_eq!(bool::from_value(&Value::Int(1)), Ok(true));
        assert!(bool::from_value(&Value::Int(2)).is_err());
    }
}
