//! Values to and from MariaDB and MySQL.

use sqlx::mysql::types::{MySqlTime, MySqlTimeSign};
use sqlx::mysql::{MySql, MySqlArguments, MySqlTypeInfo, MySqlValueRef};
use sqlx::{Arguments as _, Decode, Type, TypeInfo as _, ValueRef as _};

use super::super::super::value::Value;
use crate::error::BoxError;

pub(super) fn bind(arguments: &mut MySqlArguments, value: &Value) -> Result<(), BoxError> {
    match value {
        Value::Null => arguments.add(None::<String>),
        Value::Bool(b) => arguments.add(*b),
        Value::Int(n) => arguments.add(*n),
        Value::UInt(n) => arguments.add(*n),
        Value::Float(x) if !x.is_finite() => Err(format!("{x} can't be stored").into()),
        Value::Float(x) => arguments.add(*x),
        Value::Decimal(d) => arguments.add(d.clone()),
        Value::Text(text) => arguments.add(text.as_str()),
        Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
        Value::Timestamp(at) => arguments.add(*at),
        Value::DateTime(at) => arguments.add(*at),
        Value::Date(date) => arguments.add(*date),
        Value::Time(time) => arguments.add(*time),
        Value::Uuid(_) | Value::Json(_) => arguments.add(value.to_string()),
        Value::Array(_) => arguments.add(serde_json::to_string(value)?),
    }
}

/// The value; never NULL for one of the dates of zeros, which are something else.
pub(super) fn decode(raw: MySqlValueRef<'_>) -> Result<Value, BoxError> {
    let info = raw.type_info().into_owned();
    if raw.is_null() {
        // The driver takes dates of zeros for NULL; but bytes have come for them.
        return match <&[u8] as Decode<MySql>>::decode(raw) {
            Ok(_) => Err("a date of zeros is no date".into()),
            Err(_) => Ok(Value::Null),
        };
    }
    if is_text(&info) {
        return Ok(Value::Text(read(raw)?));
    }
    Ok(match info.name() {
        // A TINYINT(1), which holds other numbers, too.
        "BOOLEAN" => match read::<i64>(raw)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => Value::Int(other),
        },
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Value::Int(read(raw)?),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED"
        | "YEAR" | "BIT" => Value::from(read::<u64>(raw)?),
        "FLOAT" => Value::Float(read::<f32>(raw)?.into()),
        "DOUBLE" => Value::Float(read(raw)?),
        "DECIMAL" => Value::Decimal(read(raw)?),
        "TIMESTAMP" => Value::Timestamp(read(raw)?),
        "DATETIME" => Value::DateTime(read(raw)?),
        "DATE" => Value::Date(read(raw)?),
        "TIME" => time(&read(raw)?)?,
        "JSON" => Value::Json(serde_json::from_str(read(raw)?)?),
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Value::Bytes(read(raw)?),
        _ => return Err("it has no form here; select it through a function that makes text of it".into()),
    })
}

fn read<'r, T: Decode<'r, MySql>>(raw: MySqlValueRef<'r>) -> Result<T, BoxError> {
    T::decode(raw)
}

/// Text, whatever its collation; the names of types tell text with a binary collation and bytes not apart.
fn is_text(info: &MySqlTypeInfo) -> bool {
    <str as Type<MySql>>::compatible(info)
}

/// A `TIME` is a span from -838 to 838 hours; only a time of day has a form here.
fn time(time: &MySqlTime) -> Result<Value, BoxError> {
    let within_a_day = (time.sign() == MySqlTimeSign::Positive).then(|| {
        chrono::NaiveTime::from_hms_micro_opt(
            time.hours(),
            time.minutes().into(),
            time.seconds().into(),
            time.microseconds(),
        )
    });
    within_a_day.flatten().map(Value::Time).ok_or_else(|| "a span of time is no time of day".into())
}

/// The name of a type, with text called text.
pub(super) fn type_name(info: &MySqlTypeInfo) -> String {
    let name = info.name();
    if is_text(info) {
        name.replace("BLOB", "TEXT").replace("VARBINARY", "VARCHAR").replace("BINARY", "CHAR")
    } else {
        name.to_owned()
    }
}
