//! Values to and from the JSON that CrateDB speaks.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::super::super::value::Value;
use crate::error::BoxError;

/// A type, by the number that CrateDB gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(u64),
    Array(Box<Self>),
}

impl Kind {
    /// From `10`, or `[100, 10]` for an array of it.
    pub(super) fn read(json: &Json) -> Option<Self> {
        match json {
            Json::Array(parts) => match parts.as_slice() {
                [Json::Number(_), inner] => Some(Self::Array(Box::new(Self::read(inner)?))),
                _ => None,
            },
            other => other.as_u64().map(Self::Scalar),
        }
    }

    pub(super) fn name(&self) -> String {
        let name = match self {
            Self::Array(inner) => return format!("ARRAY({})", inner.name()),
            Self::Scalar(number) => match number {
                0 => "NULL",
                2 => "CHAR",
                3 => "BOOLEAN",
                4 => "TEXT",
                5 => "IP",
                6 => "DOUBLE PRECISION",
                7 => "REAL",
                8 => "SMALLINT",
                9 => "INTEGER",
                10 => "BIGINT",
                11 => "TIMESTAMP WITH TIME ZONE",
                12 | 16 => "OBJECT",
                13 => "GEO_POINT",
                14 => "GEO_SHAPE",
                15 => "TIMESTAMP WITHOUT TIME ZONE",
                17 => "INTERVAL",
                18 => "RECORD",
                20 => "TIME WITH TIME ZONE",
                22 => "NUMERIC",
                23 => "REGCLASS",
                24 => "DATE",
                25 => "BIT",
                26 => "JSON",
                27 => "CHARACTER",
                28 => "FLOAT_VECTOR",
                29 => "UUID",
                other => return format!("type number {other}"),
            },
        };
        name.to_owned()
    }
}

/// The value of type `kind` that `raw` holds.
pub(super) fn decode(kind: &Kind, raw: &RawValue) -> Result<Value, BoxError> {
    let text = raw.get();
    if text == "null" {
        return Ok(Value::Null);
    }
    let number = match kind {
        Kind::Array(inner) => return items(inner, raw),
        Kind::Scalar(number) => number,
    };
    Ok(match number {
        3 => Value::Bool(serde_json::from_str(text)?),
        2 | 8 | 9 | 10 | 23 => Value::Int(serde_json::from_str(text)?),
        4 | 5 | 17 | 25 | 27 => Value::Text(serde_json::from_str(text)?),
        6 => Value::Float(float(text)?),
        // Written with the digits of a single-precision number, and nearer to another double.
        #[expect(clippy::cast_possible_truncation, reason = "it was of single precision")]
        7 => Value::Float(f64::from(float(text)? as f32)),
        11 => Value::Timestamp(instant(text)?),
        15 => Value::DateTime(instant(text)?.naive_utc()),
        24 => Value::Date(instant(text)?.date_naive()),
        12 | 13 | 14 | 16 | 18 | 20 => Value::Json(serde_json::from_str(text)?),
        // A number with all of its digits, or the same as text.
        22 => Value::Decimal(text.trim_matches('"').parse()?),
        26 => json(text)?,
        28 => return items(&Kind::Scalar(7), raw),
        29 => Value::Uuid(serde_json::from_str(text)?),
        _ => return Err("it has no form here; cast it to text in the query".into()),
    })
}

fn items(inner: &Kind, raw: &RawValue) -> Result<Value, BoxError> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())?;
    items.into_iter().map(|item| decode(inner, item)).collect::<Result<_, _>>().map(Value::Array)
}

/// JSON has no NaN and no infinities: these come as text.
fn float(text: &str) -> Result<f64, BoxError> {
    Ok(match text {
        "\"NaN\"" => f64::NAN,
        "\"Infinity\"" => f64::INFINITY,
        "\"-Infinity\"" => f64::NEG_INFINITY,
        number => serde_json::from_str(number)?,
    })
}

/// From milliseconds since 1970.
fn instant(text: &str) -> Result<DateTime<Utc>, BoxError> {
    let millis: i64 = serde_json::from_str(text)?;
    DateTime::from_timestamp_millis(millis).ok_or_else(|| format!("{millis} ms is out of range").into())
}

/// A document, or text that holds one.
fn json(text: &str) -> Result<Value, BoxError> {
    let document: Json = serde_json::from_str(text)?;
    Ok(Value::Json(match document {
        Json::String(inner) => serde_json::from_str(&inner)?,
        other => other,
    }))
}

/// The value as a parameter.
///
/// What CrateDB has no room for is an error: microseconds, unsigned 64-bit integers, bytes.
pub(super) fn encode(value: &Value) -> Result<Json, BoxError> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(n) => (*n).into(),
        Value::UInt(n) => return Err(format!("{n} is above the largest integer of CrateDB").into()),
        Value::Float(x) if x.is_nan() => "NaN".into(),
        Value::Float(x) if x.is_infinite() => if *x > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        Value::Float(x) => (*x).into(),
        Value::Decimal(d) => d.to_plain_string().into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(_) => return Err("CrateDB has no type for bytes".into()),
        Value::Timestamp(at) => millis(*at)?.into(),
        Value::DateTime(at) => millis(at.and_utc())?.into(),
        Value::Date(date) => millis(NaiveDate::and_time(date, chrono::NaiveTime::MIN).and_utc())?.into(),
        Value::Time(_) | Value::Uuid(_) => value.to_string().into(),
        Value::Json(json) => json.clone(),
        Value::Array(items) => Json::Array(items.iter().map(encode).collect::<Result<_, _>>()?),
    })
}

fn millis(at: DateTime<Utc>) -> Result<i64, BoxError> {
    if at.timestamp_subsec_nanos().is_multiple_of(1_000_000) {
        return Ok(at.timestamp_millis());
    }
    Err(format!("{at} has more digits than the milliseconds that CrateDB keeps; round it first").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u64, text: &str) -> Result<Value, BoxError> {
        decode(&Kind::Scalar(kind), &RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(read(10, "9223372036854775807").unwrap(), Value::Int(i64::MAX));
        assert_eq!(read(22, "12345678901234567890.1234567890").unwrap().to_string(), "12345678901234567890.1234567890");
        assert_eq!(read(7, "0.1").unwrap(), Value::Float(0.1_f32.into()));
        assert!(matches!(read(6, "\"NaN\"").unwrap(), Value::Float(x) if x.is_nan()));
        assert!(read(10, "1.5").is_err());
    }

    #[test]
    fn unknown_types_are_errors() {
        assert!(read(99, "1").is_err());
        assert_eq!(read(99, "null").unwrap(), Value::Null);
        assert_eq!(Kind::read(&serde_json::json!([100, [100, 4]])).unwrap().name(), "ARRAY(ARRAY(TEXT))");
        assert_eq!(Kind::read(&serde_json::json!("x")), None);
    }

    #[test]
    fn nothing_is_rounded_on_the_way_in() {
        let at = |text: &str| encode(&Value::Timestamp(text.parse().unwrap()));
        assert_eq!(at("1970-01-01T00:00:00.001Z").unwrap(), Json::from(1));
        assert!(at("1970-01-01T00:00:00.000001Z").is_err());
        assert!(encode(&Value::UInt(u64::MAX)).is_err());
        assert!(encode(&Value::Bytes(vec![1])).is_err());
    }
}
