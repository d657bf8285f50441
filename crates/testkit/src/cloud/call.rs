//! A call as handlers see it, and reading of what came with it: strict, as the API is on writing.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Answer, Errors};

/// A call that was let in.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) params: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The user behind the credentials; nil where the endpoint asks for none.
    pub(super) user: Uuid,
    /// `X-Auth-Sudo` was sent.
    pub(super) sudo: bool,
    /// The address of the one who asks.
    pub(super) peer: String,
    pub(super) now: DateTime<Utc>,
    pub(super) endpoint: Arc<str>,
}

impl Call {
    /// A part of the path by its name.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// An id out of the path. One that can't be an id is not found.
    pub(super) fn id(&self, name: &str) -> Result<Uuid, Answer> {
        self.param(name).parse().map_err(|_| Answer::not_found())
    }

    /// A value of the query; an empty one counts as none.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All values that the query has for `name`.
    pub(super) fn queries<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// An instant of the query, with an offset or, meaning UTC, without.
    pub(super) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, Answer> {
        let Some(text) = self.query(name) else { return Ok(None) };
        // A `+` that was not escaped has become a space.
        let text = text.replace(' ', "+");
        let parsed = DateTime::parse_from_rfc3339(&text)
            .map(|at| at.to_utc())
            .or_else(|_| text.parse::<chrono::NaiveDateTime>().map(|at| at.and_utc()));
        parsed.map(Some).map_err(|_| Answer::field(name, "Not a valid datetime."))
    }

    /// The body as an object that has no other keys than `known`.
    pub(super) fn fields(&self, known: &[&str]) -> Result<Fields, Answer> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Fields::of(map, known),
            _ => Err(Answer::bad("Bad request")),
        }
    }
}

/// An object out of a body, whose keys are known.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

/// What the API says of a field that has to be there and is not.
pub(super) const MISSING: &str = "Missing data for required field.";

impl Fields {
    pub(super) fn of(map: Map<String, Value>, known: &[&str]) -> Result<Self, Answer> {
        let mut errors = Errors::default();
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            errors.add(key, "Unknown field.");
        }
        errors.none()?;
        Ok(Self(map))
    }

    /// The value of a field; `null` counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// An object within, with no other keys than `known`.
    pub(super) fn object(&self, name: &str, known: &[&str]) -> Result<Option<Self>, Answer> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Self::of(map.clone(), known).map(Some),
            Some(_) => Err(Answer::field(name, "Invalid input type.")),
        }
    }

    /// A text, if it is there; a value of another type is noted in `errors`.
    pub(super) fn text(&self, name: &str, errors: &mut Errors) -> Option<String> {
        let value = self.get(name)?;
        if value.as_str().is_none() {
            errors.add(name, "Not a valid string.");
        }
        value.as_str().map(str::to_owned)
    }

    /// A text that has to be there.
    pub(super) fn required(&self, name: &str, errors: &mut Errors) -> String {
        if !self.has(name) {
            errors.add(name, MISSING);
        }
        self.text(name, errors).unwrap_or_default()
    }

    /// A whole number, if it is there.
    pub(super) fn integer(&self, name: &str, errors: &mut Errors) -> Option<i64> {
        let value = self.get(name)?;
        if value.as_i64().is_none() {
            errors.add(name, "Not a valid integer.");
        }
        value.as_i64()
    }

    /// A yes or no that has to be there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Answer> {
        match self.get(name) {
            None => Err(Answer::field(name, MISSING)),
            Some(value) => value.as_bool().ok_or_else(|| Answer::field(name, "Not a valid boolean.")),
        }
    }

    /// An id, if it is there.
    pub(super) fn id(&self, name: &str, errors: &mut Errors) -> Option<Uuid> {
        let id = self.text(name, errors)?.parse();
        if id.is_err() {
            errors.add(name, "Not a valid UUID.");
        }
        id.ok()
    }

    /// A list of texts, if it is there.
    pub(super) fn texts(&self, name: &str, errors: &mut Errors) -> Option<Vec<String>> {
        let value = self.get(name)?;
        let list = value.as_array().and_then(|list| list.iter().map(|text| text.as_str().map(str::to_owned)).collect());
        if list.is_none() {
            errors.add(name, "Not a valid list.");
        }
        list
    }
}
