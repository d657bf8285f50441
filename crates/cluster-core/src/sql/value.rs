//! One value of a column or parameter, in the types that the engines share.

use std::fmt;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A value with its type.
///
/// A number is never silently turned into another type: what a driver can't say in one of these is a decoding error
/// that names the column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// SQL NULL, of any type.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer of up to 64 bits.
    Int(i64),
    /// An unsigned integer above [`i64::MAX`] (MariaDB/MySQL `BIGINT UNSIGNED`).
    UInt(u64),
    /// A binary floating-point number, with NaN and the infinities.
    Float(f64),
    /// An exact decimal number.
    Decimal(BigDecimal),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An instant, to the microsecond.
    Timestamp(DateTime<Utc>),
    /// A date and time of day in a zone that the column does not name.
    DateTime(NaiveDateTime),
    /// A date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A UUID.
    Uuid(Uuid),
    /// A JSON document.
    Json(serde_json::Value),
    /// An array of values.
    Array(Vec<Value>),
}

impl Value {
    /// Whether this is NULL.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as an integer, where it is one or a decimal without a fraction.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::UInt(n) => i64::try_from(*n).ok(),
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Decimal(d) if d.is_integer() => d.with_scale(0).to_plain_string().parse().ok(),
            _ => None,
        }
    }

    /// The value as a floating-point number, where it is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(x) => Some(*x),
            // Above 2^53 the nearest double is what every engine's own cast gives, too.
            #[expect(clippy::cast_precision_loss, reason = "a cast to double rounds to nearest on every engine")]
            Self::Int(n) => Some(*n as f64),
            #[expect(clippy::cast_precision_loss, reason = "a cast to double rounds to nearest on every engine")]
            Self::UInt(n) => Some(*n as f64),
            Self::Decimal(d) => d.to_string().parse().ok(),
            _ => None,
        }
    }

    /// The value as text, where it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as an instant, where it is one.
    #[must_use]
    pub const fn as_timestamp(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Timestamp(at) => Some(*at),
            _ => None,
        }
    }

    /// Whether the value is a number, which tables align to the right.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::UInt(_) | Self::Float(_) | Self::Decimal(_))
    }
}

/// As text: NULL is empty, bytes are hexadecimal after `\x`, instants are RFC 3339 in UTC.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::UInt(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Decimal(d) => write!(f, "{}", d.to_plain_string()),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => {
                f.write_str("\\x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Timestamp(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Self::DateTime(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S%.f")),
            Self::Date(date) => write!(f, "{date}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Uuid(id) => write!(f, "{id}"),
            Self::Json(json) => write!(f, "{json}"),
            Self::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// As JSON: numbers stay numbers where JSON can hold them exactly, decimals and what JSON has no number for are strings.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::UInt(n) => serializer.serialize_u64(*n),
            Self::Float(x) if x.is_finite() => serializer.serialize_f64(*x),
            Self::Json(json) => json.serialize(serializer),
            Self::Array(items) => items.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool, i16 => Int, i32 => Int, i64 => Int, u8 => Int, u16 => Int, u32 => Int, f32 => Float, f64 => Float,
    BigDecimal => Decimal, String => Text, &str => Text, &String => Text, Vec<u8> => Bytes, DateTime<Utc> => Timestamp,
    NaiveDateTime => DateTime, NaiveDate => Date, NaiveTime => Time, Uuid => Uuid, serde_json::Value => Json,
    Vec<Value> => Array,
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
