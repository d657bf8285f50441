//! Reading a type out of a tree, with the place of every mistake.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::super::message::{one_of, single_line};
use super::{Entry, Position, Tree, Value};
use crate::error::{Error, HINT_MARK, Place};

/// What is wrong, and where, as far as that is known yet.
#[derive(Debug)]
struct Wrong {
    what: String,
    hint: Option<String>,
    at: Option<Position>,
    /// The field that is not there.
    missing: Option<&'static str>,
}

impl Wrong {
    /// The same at this place, where none nearer is known.
    fn or_at(mut self, at: Position) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let (what, hint) = match text.split_once(HINT_MARK) {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self { what, hint, at: None, missing: None }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { hint: Some(one_of(field, expected)), ..Self::custom(format_args!("unknown field `{field}`")) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self { hint: Some(one_of(variant, expected)), ..Self::custom(format_args!("unknown value `{variant}`")) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::custom(format_args!("field `{field}` is missing")) }
    }
}

impl Tree {
    /// Reads a type of it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place in `file`: after a mistake it is read again without the key that
    /// this stands under.
    pub fn read<T: DeserializeOwned>(&self, file: &str) -> Result<T, Vec<Error>> {
        let (mut tree, mut wrong, mut left_out) = (self.clone(), Vec::new(), Vec::new());
        loop {
            let error = match T::deserialize(Reader(&tree)) {
                Ok(value) if wrong.is_empty() => return Ok(value),
                Ok(_) => return Err(wrong),
                Err(error) => error.or_at(tree.at),
            };
            // What is missing since it was left out was told already.
            if error.missing.is_none_or(|field| !left_out.iter().any(|key| key == field)) {
                wrong.push(told(&error, file));
            }
            let Value::Map(entries) = &mut tree.value else { return Err(wrong) };
            let place = entries.iter().rposition(|entry| error.at.is_some_and(|at| entry.at <= at));
            match place {
                Some(place) if error.missing.is_none() || error.at != Some(tree.at) => {
                    left_out.push(entries.remove(place).key);
                }
                _ => return Err(wrong),
            }
        }
    }
}

fn told(wrong: &Wrong, file: &str) -> Error {
    let error = Error::input(single_line(&wrong.what)).at(Place { file: file.to_owned(), position: wrong.at });
    match &wrong.hint {
        Some(hint) => error.with_hint(single_line(hint)),
        None => error,
    }
}

impl Value {
    /// What it is, for somebody who expected something else.
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Integer(value) => match i64::try_from(*value) {
                Ok(value) => Unexpected::Signed(value),
                Err(_) => Unexpected::Other("a large number"),
            },
            Self::Float(value) => Unexpected::Float(*value),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
        }
    }
}

/// A tree as serde reads it.
#[derive(Clone, Copy)]
struct Reader<'de>(&'de Tree);

impl<'de> Reader<'de> {
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        }
    }

    /// Text, which may look like a number.
    fn as_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Bool(value) => visitor.visit_string(value.to_string()),
            Value::Integer(value) => visitor.visit_string(value.to_string()),
            Value::Float(value) => visitor.visit_string(value.to_string()),
            Value::Null => Err(Wrong::custom("text is expected here")),
            Value::List(_) => Err(Wrong::custom("text is expected here, and not a list")),
            Value::Map(_) => Err(Wrong::custom("text is expected here, and not keys with values")),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.any(visitor).map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.as_text(visitor).map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.0.value {
            Value::Map(_) => self.any(visitor),
            _ => Err(Wrong::custom("keys with values are expected here")),
        }
        .map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.value {
            Value::List(_) => self.any(visitor),
            _ => Err(Wrong {
                hint: Some("write `[a, b]`, or `- a` on lines of their own".to_owned()),
                ..Wrong::custom("a list is expected here")
            }),
        }
        .map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self).map_err(|error| error.or_at(self.0.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let chosen = match &self.0.value {
            Value::Text(text) => Ok((text.as_str(), self.0.at, None)),
            Value::Map(entries) => match entries.as_slice() {
                [Entry { key, at, value }] => Ok((key.as_str(), *at, Some(value))),
                _ => Err(Wrong::custom("one key is expected here")),
            },
            other => Err(Wrong::invalid_type(other.unexpected(), &"text, or a key with its value")),
        };
        chosen
            .and_then(|(name, at, value)| visitor.visit_enum(Chosen { name, at, value }))
            .map_err(|error| error.or_at(self.0.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        map ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Tree>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.0.next().map(|item| seed.deserialize(Reader(item)).map_err(|error| error.or_at(item.at))).transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Tree>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(Entry { key, at, value }) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some).map_err(|error: Wrong| error.or_at(*at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let value = self.value.take().ok_or_else(|| Wrong::custom("a value without a key"))?;
        seed.deserialize(Reader(value)).map_err(|error| error.or_at(value.at))
    }
}

/// A variant by its name, and what it holds.
struct Chosen<'de> {
    name: &'de str,
    at: Position,
    value: Option<&'de Tree>,
}

impl<'de> EnumAccess<'de> for Chosen<'de> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        let name =
            seed.deserialize(BorrowedStrDeserializer::new(self.name)).map_err(|error: Wrong| error.or_at(self.at));
        Ok((name?, self))
    }
}

impl<'de> Chosen<'de> {
    fn held(&self) -> Result<&'de Tree, Wrong> {
        self.value.ok_or_else(|| Wrong::custom(format_args!("`{}` needs a value", self.name)).or_at(self.at))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(Wrong::custom(format_args!("`{}` takes no value", self.name)).or_at(value.at)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(Reader(self.held()?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        Reader(self.held()?).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        Reader(self.held()?).deserialize_any(visitor)
    }
}
