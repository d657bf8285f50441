//! Tolerant reading: null and empty text are nothing, and a time may lack its offset.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A value that may be absent, null or empty; one of another shape than expected counts as absent.
///
/// What only informs must not keep a whole list from being read because the service changed a detail of it.
pub(crate) fn option<'de, D: Deserializer<'de>, T: DeserializeOwned>(input: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(input)?;
    Ok(match &value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        _ => T::deserialize(&value).or_else(|error| whole(&value).ok_or(error).and_then(T::deserialize)).map_or_else(
            |error| {
                tracing::debug!(%error, "CrateDB Cloud sent a value of an unexpected shape");
                None
            },
            Some,
        ),
    })
}

/// A number without a fraction, such as `2.0`, as a whole number.
fn whole(value: &Value) -> Option<Value> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
    format!("{number:.0}").parse::<i64>().ok().map(Value::from)
}

/// A list that may be absent or null; each item has to be readable.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(input: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(input)?.unwrap_or_default())
}

/// An instant that may be absent, null, empty or unreadable.
pub(crate) fn time<'de, D: Deserializer<'de>>(input: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Value::deserialize(input)?.as_str().and_then(instant))
}

/// An instant with an offset, or without one, which means UTC.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    // Python writes an offset without its colon, and a blank for the `T`, where nobody asks it for something else.
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(instant) = DateTime::parse_from_str(text, format) {
            return Some(instant.to_utc());
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(naive) = NaiveDateTime::parse_from_str(text, format) {
            return Some(naive.and_utc());
        }
    }
    let midnight = text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?;
    Some(midnight.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_many_shapes() {
        let expected = "2026-07-10T10:41:02.983Z".parse::<DateTime<Utc>>().unwrap();
        for text in [
            "2026-07-10T10:41:02.983000",
            "2026-07-10T10:41:02.983Z",
            "2026-07-10T10:41:02.983+00:00",
            "2026-07-10T12:41:02.983+0200",
            "2026-07-10 10:41:02.983",
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        assert_eq!(instant("2026-07-10").unwrap().to_rfc3339(), "2026-07-10T00:00:00+00:00");
        for text in ["", "never", "2026-13-01T00:00:00"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
