//! PostgreSQL's binary form as values.

use std::str::from_utf8;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::{BigInt, Sign};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use sqlx::postgres::{PgTypeInfo, PgTypeKind};
use sqlx::{TypeInfo as _, postgres::types::Oid};
use uuid::Uuid;

use super::super::super::value::Value;
use super::encode::EPOCH_SECONDS;
use super::types;
use crate::error::BoxError;

/// The value of type `info` that `bytes` hold.
pub(super) fn decode(info: &PgTypeInfo, bytes: &[u8]) -> Result<Value, BoxError> {
    match info.oid() {
        Some(Oid(oid)) if oid < FIRST_CUSTOM => builtin(oid, bytes).unwrap_or_else(|| by_kind(info, bytes)),
        _ => by_kind(info, bytes),
    }
}

/// Types that a server defines for itself have numbers from here on.
const FIRST_CUSTOM: u32 = 16_384;

fn by_kind(info: &PgTypeInfo, bytes: &[u8]) -> Result<Value, BoxError> {
    match info.kind() {
        PgTypeKind::Enum(_) => Ok(Value::Text(from_utf8(bytes)?.into())),
        PgTypeKind::Domain(base) => decode(base, bytes),
        PgTypeKind::Array(element) => array(bytes, |item| decode(element, item)),
        _ if matches!(info.name().to_ascii_lowercase().as_str(), "citext" | "xml") => {
            Ok(Value::Text(from_utf8(bytes)?.into()))
        }
        _ => Err("it has no form here; select it as text, with `column::text`".into()),
    }
}

/// `None` where the type is not one of these.
fn builtin(oid: u32, bytes: &[u8]) -> Option<Result<Value, BoxError>> {
    Some(match oid {
        types::BOOL => fixed(bytes).map(|[b]: [u8; 1]| Value::Bool(b != 0)),
        types::INT2 => fixed(bytes).map(|b| Value::Int(i16::from_be_bytes(b).into())),
        types::INT4 => fixed(bytes).map(|b| Value::Int(i32::from_be_bytes(b).into())),
        types::INT8 => fixed(bytes).map(|b| Value::Int(i64::from_be_bytes(b))),
        types::OID | types::XID => fixed(bytes).map(|b| Value::Int(u32::from_be_bytes(b).into())),
        types::FLOAT4 => fixed(bytes).map(|b| Value::Float(f32::from_be_bytes(b).into())),
        types::FLOAT8 => fixed(bytes).map(|b| Value::Float(f64::from_be_bytes(b))),
        types::NUMERIC => numeric(bytes).map(Value::Decimal),
        types::TEXT | types::VARCHAR | types::BPCHAR | types::NAME | types::LITERAL | types::CHAR => {
            from_utf8(bytes).map(|text| Value::Text(text.into())).map_err(Into::into)
        }
        types::BYTEA => Ok(Value::Bytes(bytes.into())),
        types::TIMESTAMPTZ => instant(bytes).map(Value::Timestamp),
        types::TIMESTAMP => instant(bytes).map(|at| Value::DateTime(at.naive_utc())),
        types::DATE => date(bytes).map(Value::Date),
        types::TIME => time(bytes).map(Value::Time),
        types::INTERVAL => interval(bytes).map(Value::Text),
        types::UUID => fixed(bytes).map(|b| Value::Uuid(Uuid::from_bytes(b))),
        types::JSON => serde_json::from_slice(bytes).map(Value::Json).map_err(Into::into),
        types::JSONB => match bytes.split_first() {
            Some((1, text)) => serde_json::from_slice(text).map(Value::Json).map_err(Into::into),
            _ => Err("its form is of another version".into()),
        },
        // What a function such as `pg_sleep` returns.
        types::VOID => Ok(Value::Null),
        array_type => {
            let element = types::element_of(array_type)?;
            array(bytes, |item| builtin(element, item).unwrap_or_else(|| Err("its elements have no form here".into())))
        }
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BoxError> {
    bytes.try_into().map_err(|_| format!("{} bytes came for {N}", bytes.len()).into())
}

/// Takes the first `N` bytes off.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], BoxError> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or("it ends too early")?;
    *bytes = rest;
    Ok(*first)
}

fn numeric(mut bytes: &[u8]) -> Result<BigDecimal, BoxError> {
    let count = u16::from_be_bytes(take(&mut bytes)?);
    let weight = i64::from(i16::from_be_bytes(take(&mut bytes)?));
    let sign = match u16::from_be_bytes(take(&mut bytes)?) {
        0x0000 => Sign::Plus,
        0x4000 => Sign::Minus,
        0xC000 => return Err("NaN is no decimal".into()),
        0xD000 | 0xF000 => return Err("infinity is no decimal".into()),
        other => return Err(format!("its sign is {other:#06x}").into()),
    };
    let scale = i64::from(u16::from_be_bytes(take(&mut bytes)?));
    // Digits of base 10,000, each as two of base 100.
    let mut digits = Vec::with_capacity(2 * usize::from(count));
    for _ in 0..count {
        let digit = u16::from_be_bytes(take(&mut bytes)?);
        digits.extend([u8::try_from(digit / 100)?, u8::try_from(digit % 100)?]);
    }
    if digits.is_empty() {
        return Ok(BigDecimal::new(BigInt::ZERO, scale));
    }
    let whole = BigInt::from_radix_be(sign, &digits, 100).ok_or("a digit is above 9,999")?;
    // As many digits after the point as the server shows.
    Ok(BigDecimal::new(whole, (i64::from(count) - weight - 1) * 4).with_scale(scale))
}

fn instant(bytes: &[u8]) -> Result<DateTime<Utc>, BoxError> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    if micros == i64::MAX || micros == i64::MIN {
        return Err("infinity is no instant".into());
    }
    micros
        .checked_add(EPOCH_SECONDS * 1_000_000)
        .and_then(DateTime::from_timestamp_micros)
        .ok_or_else(|| "it is out of range".into())
}

fn date(bytes: &[u8]) -> Result<NaiveDate, BoxError> {
    let days = i32::from_be_bytes(fixed(bytes)?);
    if days == i32::MAX || days == i32::MIN {
        return Err("infinity is no date".into());
    }
    NaiveDate::from_ymd_opt(2000, 1, 1)
        .and_then(|first| first.checked_add_signed(Duration::days(days.into())))
        .ok_or_else(|| "it is out of range".into())
}

fn time(bytes: &[u8]) -> Result<NaiveTime, BoxError> {
    let micros = u64::from_be_bytes(fixed(bytes)?);
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::try_from(seconds)?, u32::try_from(rest)? * 1000);
    time.ok_or_else(|| "24:00 is no time of day".into())
}

/// As an ISO 8601 duration, which keeps months, days and time apart as PostgreSQL does.
fn interval(mut bytes: &[u8]) -> Result<String, BoxError> {
    let micros = i64::from_be_bytes(take(&mut bytes)?);
    let days = i32::from_be_bytes(take(&mut bytes)?);
    let months = i32::from_be_bytes(take(&mut bytes)?);
    if micros == 0 && days == 0 && months == 0 {
        return Ok("PT0S".into());
    }
    let mut text = "P".to_owned();
    let mut part = |number: i64, unit: &str| {
        if number != 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    };
    part(i64::from(months / 12), "Y");
    part(i64::from(months % 12), "M");
    part(days.into(), "D");
    if micros != 0 {
        let (minutes, rest) = (micros / 60_000_000, micros % 60_000_000);
        text.push('T');
        for (number, unit) in [(minutes / 60, 'H'), (minutes % 60, 'M')] {
            if number != 0 {
                text.push_str(&format!("{number}{unit}"));
            }
        }
        if rest != 0 {
            let sign = if rest < 0 { "-" } else { "" };
            let (seconds, fraction) = (rest.abs() / 1_000_000, rest.abs() % 1_000_000);
            let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
            text.push_str(&format!("{sign}{seconds}{}S", fraction.trim_end_matches('0')));
        }
    }
    Ok(text)
}

/// An array of any number of dimensions, as arrays in arrays.
fn array(mut bytes: &[u8], item: impl Fn(&[u8]) -> Result<Value, BoxError>) -> Result<Value, BoxError> {
    let dimensions = i32::from_be_bytes(take(&mut bytes)?);
    let _has_null: [u8; 4] = take(&mut bytes)?;
    let _element: [u8; 4] = take(&mut bytes)?;
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(i32::from_be_bytes(take(&mut bytes)?))?);
        let _lower_bound: [u8; 4] = take(&mut bytes)?;
    }
    if lengths.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    level(&mut bytes, &lengths, &item)
}

fn level(
    bytes: &mut &[u8],
    lengths: &[usize],
    item: &impl Fn(&[u8]) -> Result<Value, BoxError>,
) -> Result<Value, BoxError> {
    let Some((length, deeper)) = lengths.split_first() else {
        let size = i32::from_be_bytes(take(bytes)?);
        if size < 0 {
            return Ok(Value::Null);
        }
        let (own, rest) = bytes.split_at_checked(usize::try_from(size)?).ok_or("it ends too early")?;
        *bytes = rest;
        return item(own);
    };
    let items: Result<_, _> = (0..*length).map(|_| level(bytes, deeper, item)).collect();
    Ok(Value::Array(items?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_and_nan_are_never_another_value() {
        for micros in [i64::MAX, i64::MIN] {
            assert!(instant(&micros.to_be_bytes()).is_err());
        }
        assert!(date(&i32::MAX.to_be_bytes()).is_err());
        for sign in [0xC000_u16, 0xD000, 0xF000, 0x1234] {
            let bytes = [[0, 0], [0, 0], sign.to_be_bytes(), [0, 0]].concat();
            assert!(numeric(&bytes).is_err(), "{sign:#x}");
        }
        assert!(time(&86_400_000_000_u64.to_be_bytes()).is_err());
    }

    #[test]
    fn decimals_keep_the_digits_that_the_server_shows() {
        // 12345.60 is 1, 2345, 6000 with the point after the second.
        let bytes: Vec<u8> = [3_u16, 1, 0, 2, 1, 2345, 6000].iter().flat_map(|part| part.to_be_bytes()).collect();
        assert_eq!(numeric(&bytes).unwrap().to_plain_string(), "12345.60");
        assert_eq!(numeric(&[0, 0, 0, 0, 0, 0, 0, 2]).unwrap().to_plain_string(), "0.00");
    }

    #[test]
    fn intervals_keep_their_parts() {
        let text = |micros: i64, days: i32, months: i32| {
            interval(&[&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat()).unwrap()
        };
        assert_eq!(text(0, 0, 0), "PT0S");
        assert_eq!(text(3_723_500_000, 3, 14), "P1Y2M3DT1H2M3.5S");
        assert_eq!(text(-500_000, 0, 0), "PT-0.5S");
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        assert!(array(&[0, 0, 0, 1, 0], |_| Ok(Value::Null)).is_err());
        assert!(numeric(&[0, 3, 0, 0]).is_err());
        assert!(fixed::<8>(&[0; 4]).is_err());
    }
}
