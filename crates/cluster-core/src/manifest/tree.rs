//! Documents as trees in which every key and value knows its place: to say all that is wrong with one, not only the
//! first.
//!
//! Reading a type stops at the first mistake. [`Tree::read`] reads it again without the key that it stands under, until
//! nothing is left to be said. What a file means is decided by [`read_str`](super::read_str) alone.

mod read;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{Located, Manifest};
use crate::error::Result;

/// A line and a column, both from 1.
pub type Position = (u64, u64);

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The value.
    pub value: Value,
    /// Where it begins.
    pub at: Position,
}

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// Values in order.
    List(Vec<Tree>),
    /// Keys with their values, in order.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where it begins.
    pub at: Position,
    /// The value.
    pub value: Tree,
}

impl Tree {
    /// The value under `key`, where this is a map that has one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The values, where this is a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The same without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let mut tree = self.clone();
        if let Value::Map(entries) = &mut tree.value {
            entries.retain(|entry| entry.key != key);
        }
        tree
    }

    /// The text, where this is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Shows `see` every text with the key that it stands under and its place, from the first to the last.
    pub fn texts(&self, see: &mut impl FnMut(&str, &str, Position)) {
        self.walk("", see);
    }

    fn walk(&self, key: &str, see: &mut impl FnMut(&str, &str, Position)) {
        match &self.value {
            Value::Text(text) => see(key, text, self.at),
            Value::List(items) => items.iter().for_each(|item| item.walk(key, see)),
            Value::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(&entry.key, see)),
            _ => {}
        }
    }
}

/// The documents in `text` that are of the kind of `T`, as trees without their `kind`.
///
/// # Errors
///
/// As [`read_str`](super::read_str), but for what `T` asks for.
pub fn trees<T: Manifest>(text: &str, file: &str) -> Result<Vec<Tree>> {
    let found = super::read_str::<Of<T>>(text, file)?;
    let tree =
        |Located { value, place }: Located<Of<T>>| Tree { at: place.position.unwrap_or((1, 1)), value: value.value };
    Ok(found.into_iter().map(tree).collect())
}

/// A document of the kind of `T`, whatever is in it.
struct Of<T> {
    value: Value,
    kind: PhantomData<T>,
}

impl<'de, T> Deserialize<'de> for Of<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { value: Value::deserialize(deserializer)?, kind: PhantomData })
    }
}

impl<T: Manifest> Manifest for Of<T> {
    const KIND: &'static str = T::KIND;
}

fn position(location: serde_saphyr::Location) -> Position {
    (location.line(), location.column())
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, at: position(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry { key: key.value, at: position(key.referenced), value: map.next_value()? });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Doc {
        name: String,
        count: u8,
        on: Option<bool>,
        rest: Option<BTreeMap<String, f64>>,
        list: Option<Vec<Kind>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "what is read is not looked at")]
    enum Kind {
        One,
        Two { of: String },
    }

    impl Manifest for Doc {
        const KIND: &'static str = "Retention";
    }

    fn wrong(text: &str) -> Vec<String> {
        let tree = trees::<Doc>(text, "f.yaml").unwrap().remove(0);
        tree.read::<Doc>("f.yaml").err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_that_is_wrong_is_told_at_its_place() {
        let good = "kind: Retention\nname: 5\ncount: 5\non: true\nrest: {a: 1, b: 2.5}\nlist: [one, {two: {of: x}}]";
        assert_eq!(wrong(good), Vec::<String>::new());
        let bad =
            "kind: Retention\nname: [x]\ncount: 300\nonn: true\nrest:\n  a: 1\n  b: c\nlist:\n- one\n- {two: {off: x}}";
        assert_eq!(
            wrong(bad),
            [
                "f.yaml:2:7: text is expected here, and not a list",
                "f.yaml:3:8: invalid value: integer `300`, expected u8",
                "f.yaml:4:1: unknown field `onn`",
                "f.yaml:7:6: invalid type: string \"c\", expected f64",
                "f.yaml:10:9: field `of` is missing",
            ]
        );
        assert_eq!(wrong("kind: Retention\ncount: 1"), ["f.yaml:1:1: field `name` is missing"]);
    }
}
