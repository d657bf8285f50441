//! Rows as Rust structs, through serde.

use std::cell::Cell;

use serde::de::value::{Error as Cause, SeqDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::records::{Column, Row};
use super::value::Value;
use crate::error::{Error, Result};

/// The row as a `T`; an error names the column that was being read.
pub(super) fn row<T: DeserializeOwned>(row: &Row) -> Result<T> {
    let at = Cell::new(None);
    T::deserialize(Fields { row, at: &at }).map_err(|cause| match at.get().and_then(|i| row.columns().get(i)) {
        Some(Column { name, type_name }) => {
            Error::Decode { column: name.clone(), type_name: type_name.clone(), source: cause.into() }
        }
        None => Error::caused(format!("read a row as {}", std::any::type_name::<T>()), cause),
    })
}

/// A row; `at` is the column that is being read.
struct Fields<'a> {
    row: &'a Row,
    at: &'a Cell<Option<usize>>,
}

impl<'a> Fields<'a> {
    /// The only column, for types that are neither struct nor tuple.
    fn only(&self) -> Result<Scalar<'a>, Cause> {
        match self.row.values() {
            [value] => {
                self.at.set(Some(0));
                Ok(Scalar(value))
            }
            values => Err(Cause::custom(format!("one column was expected and {} came", values.len()))),
        }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
            self.only()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Cause;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_map(ByName { fields: self, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        let at = self.at;
        let values = self.row.values().iter().enumerate().map(|(i, value)| {
            at.set(Some(i));
            Scalar(value)
        });
        visitor.visit_seq(SeqDeserializer::new(values))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Cause> {
        let columns = self.row.columns().len();
        if columns != len {
            return Err(Cause::custom(format!("{len} columns were expected and {columns} came")));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Cause> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_unit()
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_identifier deserialize_ignored_any
    }
}

struct ByName<'a> {
    fields: Fields<'a>,
    next: usize,
}

impl<'de> MapAccess<'de> for ByName<'de> {
    type Error = Cause;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Cause> {
        let Some(column) = self.fields.row.columns().get(self.next) else {
            self.fields.at.set(None);
            return Ok(None);
        };
        seed.deserialize(column.name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Cause> {
        let index = self.next;
        self.next += 1;
        self.fields.at.set(Some(index));
        let value = self.fields.row.values().get(index).unwrap_or(&Value::Null);
        let read = seed.deserialize(Scalar(value))?;
        self.fields.at.set(None);
        Ok(read)
    }
}

/// One value.
#[derive(Clone, Copy)]
struct Scalar<'a>(&'a Value);

impl<'de> IntoDeserializer<'de, Cause> for Scalar<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
            // Decimals are read as the number that is asked for, and as text where none is.
            match self.0 {
                Value::Decimal(_) => match (self.0.as_i64(), self.0.as_f64()) {
                    (Some(whole), _) => visitor.visit_i64(whole),
                    (None, Some(float)) => visitor.visit_f64(float),
                    (None, None) => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Scalar<'de> {
    type Error = Cause;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Int(n) => visitor.visit_i64(*n),
            Value::UInt(n) => visitor.visit_u64(*n),
            Value::Float(x) => visitor.visit_f64(*x),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Json(json) => json.deserialize_any(visitor).map_err(Cause::custom),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Scalar))),
            Value::DateTime(_)
            | Value::Decimal(_)
            | Value::Timestamp(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Uuid(_) => visitor.visit_string(self.0.to_string()),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        match self.0 {
            // SQLite and MariaDB/MySQL have no other booleans than these two numbers.
            Value::Int(0) => visitor.visit_bool(false),
            Value::Int(1) => visitor.visit_bool(true),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        match self.0 {
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Json(json) => json.deserialize_enum(name, variants, visitor).map_err(Cause::custom),
            other => Err(Cause::custom(format!("{} names no variant", super::from_value::kind(other)))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        self.deserialize_any(visitor)
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use chrono::{DateTime, Utc};
    use serde::Deserialize;

    use super::super::Records;
    use super::*;

    fn records(columns: &[&str], values: Vec<Value>) -> Records {
        let columns: Vec<_> =
            columns.iter().map(|name| Column { name: (*name).into(), type_name: "any".into() }).collect();
        Records::new(columns, vec![values]).unwrap()
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Running,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Everything {
        flag: bool,
        count: u32,
        mean: f64,
        price: BigDecimal,
        at: DateTime<Utc>,
        state: State,
        missing: Option<i64>,
        tags: Vec<String>,
        #[serde(default)]
        extra: serde_json::Value,
    }

    #[test]
    fn struct_reads_every_type() {
        let names = ["flag", "count", "mean", "price", "at", "state", "missing", "tags", "extra", "unread"];
        let values = vec![
            Value::Int(1),
            Value::Int(7),
            Value::Decimal("1.25".parse().unwrap()),
            Value::Decimal("19.90".parse().unwrap()),
            Value::Timestamp(DateTime::UNIX_EPOCH),
            "running".into(),
            Value::Null,
            Value::Array(vec!["a".into(), "b".into()]),
            Value::Json(serde_json::json!({"k": [1, null]})),
            Value::Bytes(vec![1]),
        ];
        let read: Vec<Everything> = records(&names, values).deserialize().unwrap();
        let expected = Everything {
            flag: true,
            count: 7,
            mean: 1.25,
            price: "19.90".parse().unwrap(),
            at: DateTime::UNIX_EPOCH,
            state: State::Running,
            missing: None,
            tags: vec!["a".into(), "b".into()],
            extra: serde_json::json!({"k": [1, null]}),
        };
        assert_eq!(read, [expected]);
    }

    #[test]
    fn tuples_and_single_columns() {
        let pair: Vec<(String, i64)> = records(&["a", "b"], vec!["x".into(), 2.into()]).deserialize().unwrap();
        assert_eq!(pair, [("x".to_owned(), 2)]);
        assert_eq!(records(&["n"], vec![5.into()]).deserialize::<i64>().unwrap(), [5]);
        assert!(records(&["a", "b"], vec!["x".into(), 2.into()]).deserialize::<(String,)>().is_err());
        assert!(records(&["a", "b"], vec![1.into(), 2.into()]).deserialize::<i64>().is_err());
    }

    #[test]
    fn error_names_the_column_and_a_missing_one() {
        let error = records(&["count"], vec!["many".into()]).deserialize::<Counted>().unwrap_err();
        assert_eq!(error.to_string(), "column `count` of type any can't be decoded");
        let error = records(&["amount"], vec![1.into()]).deserialize::<Counted>().unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("missing field `count`"), "{error:?}");
    }

    #[derive(Debug, Deserialize)]
    struct Counted {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        count: i64,
    }
}
