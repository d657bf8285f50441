//! A condition on a run: its state, or one comparison of one value in what it has come to.

use std::cmp::Ordering;
use std::fmt;

use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use super::notify::one_or_many;
use crate::run::{RunRecord, RunState};

/// A condition on a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The job whose run it is about, where there are several.
    pub(crate) of: Option<String>,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// The run is in one of these states.
    State(Vec<RunState>),
    /// A value in the run's result, at a place that a JSON pointer (RFC 6901) names.
    Value(String, Comparison),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Comparison {
    Is(Value),
    IsNot(Value),
    Above(Number),
    AtLeast(Number),
    Below(Number),
    AtMost(Number),
    Contains(Value),
    Exists(bool),
}

/// A condition on a value, in the making.
#[derive(Debug)]
#[must_use = "it compares with nothing yet"]
pub struct ValueAt(String);

impl Condition {
    /// On the value at this place (a JSON pointer, such as `/rows/0/count`) of what the run has come to.
    pub fn value(pointer: impl Into<String>) -> ValueAt {
        ValueAt(pointer.into())
    }

    /// On the state of the run.
    #[must_use]
    pub fn state(states: impl IntoIterator<Item = RunState>) -> Self {
        Self { of: None, test: Test::State(states.into_iter().collect()) }
    }

    /// Says which job's run it is about, where there are several.
    #[must_use]
    pub fn of(mut self, job: impl Into<String>) -> Self {
        self.of = Some(job.into());
        self
    }

    /// Whether it holds for a run; else why it does not.
    pub(super) fn holds(&self, run: &RunRecord) -> Result<(), String> {
        let job = &run.key.job;
        match &self.test {
            Test::State(states) if states.contains(&run.state) => Ok(()),
            Test::State(_) => Err(format!("{job} was {}", run.state)),
            Test::Value(pointer, comparison) => {
                let found = run.result.as_ref().and_then(|result| result.pointer(pointer));
                if comparison.holds(found) {
                    return Ok(());
                }
                let place = if pointer.is_empty() { "the result" } else { pointer.as_str() };
                Err(match found {
                    None => format!("{job} has no {place}"),
                    Some(found) => format!("{place} of {job} is {}, {self}", short(found)),
                })
            }
        }
    }
}

impl ValueAt {
    fn with(self, comparison: Comparison) -> Result<Condition> {
        if !self.0.is_empty() && !self.0.starts_with('/') {
            return Err(Error::input(format!("`{}` is no place in a result", self.0))
                .with_hint("write a JSON pointer: `/rows/0/count`"));
        }
        Ok(Condition { of: None, test: Test::Value(self.0, comparison) })
    }

    /// It is this.
    ///
    /// # Errors
    ///
    /// Here and below: a place that is no JSON pointer.
    pub fn is(self, value: impl Into<Value>) -> Result<Condition> {
        self.with(Comparison::Is(value.into()))
    }

    /// It is something else than this.
    pub fn is_not(self, value: impl Into<Value>) -> Result<Condition> {
        self.with(Comparison::IsNot(value.into()))
    }

    /// It is a number greater than this.
    pub fn above(self, number: impl Into<Number>) -> Result<Condition> {
        self.with(Comparison::Above(number.into()))
    }

    /// It is a number that is not less than this.
    pub fn at_least(self, number: impl Into<Number>) -> Result<Condition> {
        self.with(Comparison::AtLeast(number.into()))
    }

    /// It is a number less than this.
    pub fn below(self, number: impl Into<Number>) -> Result<Condition> {
        self.with(Comparison::Below(number.into()))
    }

    /// It is a number that is not greater than this.
    pub fn at_most(self, number: impl Into<Number>) -> Result<Condition> {
        self.with(Comparison::AtMost(number.into()))
    }

    /// It is a list that holds this, or text that holds this text.
    pub fn contains(self, value: impl Into<Value>) -> Result<Condition> {
        self.with(Comparison::Contains(value.into()))
    }

    /// There is such a value and it is not null; or, with `false`, the other way around.
    pub fn exists(self, yes: bool) -> Result<Condition> {
        self.with(Comparison::Exists(yes))
    }
}

impl Comparison {
    fn holds(&self, found: Option<&Value>) -> bool {
        let against = |number: &Number| match found {
            Some(Value::Number(found)) => order(found, number),
            _ => None,
        };
        match self {
            Self::Is(value) => found.is_some_and(|found| same(found, value)),
            // What is not there is neither this nor anything else.
            Self::IsNot(value) => found.is_some_and(|found| !same(found, value)),
            Self::Above(number) => against(number) == Some(Ordering::Greater),
            Self::AtLeast(number) => against(number).is_some_and(Ordering::is_ge),
            Self::Below(number) => against(number) == Some(Ordering::Less),
            Self::AtMost(number) => against(number).is_some_and(Ordering::is_le),
            Self::Contains(value) => match (found, value) {
                (Some(Value::Array(list)), value) => list.iter().any(|one| same(one, value)),
                (Some(Value::String(text)), Value::String(part)) => text.contains(part.as_str()),
                _ => false,
            },
            Self::Exists(yes) => found.is_some_and(|found| !found.is_null()) == *yes,
        }
    }

    /// Its key in a file, and the value there.
    fn written(&self) -> (&'static str, Value) {
        match self {
            Self::Is(value) => ("is", value.clone()),
            Self::IsNot(value) => ("is_not", value.clone()),
            Self::Above(number) => ("above", number.clone().into()),
            Self::AtLeast(number) => ("at_least", number.clone().into()),
            Self::Below(number) => ("below", number.clone().into()),
            Self::AtMost(number) => ("at_most", number.clone().into()),
            Self::Contains(value) => ("contains", value.clone()),
            Self::Exists(yes) => ("exists", (*yes).into()),
        }
    }
}

/// Equal as JSON; numbers by their value, so that 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order(a, b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

/// Whole numbers are compared as such: a floating-point number would round those from 2^53 on.
fn order(a: &Number, b: &Number) -> Option<Ordering> {
    let whole = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// A value for one line of a reason.
fn short(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > 80 {
        text.truncate(text.floor_char_boundary(80));
        text.push('…');
    }
    text
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::State(states) => {
                let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
                write!(f, "it was {}", names.join(" or "))?;
            }
            Test::Value(pointer, comparison) => {
                let (key, value) = comparison.written();
                let place = if pointer.is_empty() { "the result" } else { pointer.as_str() };
                write!(f, "{place} {} {}", key.replace('_', " "), short(&value))?;
            }
        }
        self.of.as_ref().map_or(Ok(()), |of| write!(f, " of {of}"))
    }
}

/// What a map may hold, before it is known what it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Condition")]
pub(super) struct Keys {
    /// The job whose run it is about, where there are several.
    of: Option<String>,
    /// The states that the run may be in.
    #[serde(default, deserialize_with = "some_states")]
    #[schemars(with = "Option<super::notify::OneOrMany<RunState>>")]
    state: Option<Vec<RunState>>,
    /// A place in what the run has come to: a JSON pointer, such as `/rows/0/count`.
    value: Option<String>,
    /// It is this.
    #[serde(default, deserialize_with = "some")]
    is: Option<Value>,
    /// It is something else than this.
    #[serde(default, deserialize_with = "some")]
    is_not: Option<Value>,
    /// It is a number greater than this.
    above: Option<Number>,
    /// It is a number that is not less than this.
    at_least: Option<Number>,
    /// It is a number less than this.
    below: Option<Number>,
    /// It is a number that is not greater than this.
    at_most: Option<Number>,
    /// It is a list that holds this, or text that holds this text.
    #[serde(default, deserialize_with = "some")]
    contains: Option<Value>,
    /// Whether there is such a value.
    exists: Option<bool>,
}

/// A value that may be null, told from one that is not there.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn some_states<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<RunState>>, D::Error> {
    one_or_many(deserializer).map(Some)
}

impl Keys {
    fn condition(self) -> Result<Condition> {
        let found = [
            self.is.map(Comparison::Is),
            self.is_not.map(Comparison::IsNot),
            self.above.map(Comparison::Above),
            self.at_least.map(Comparison::AtLeast),
            self.below.map(Comparison::Below),
            self.at_most.map(Comparison::AtMost),
            self.contains.map(Comparison::Contains),
            self.exists.map(Comparison::Exists),
        ];
        let mut found = found.into_iter().flatten();
        let condition = match (self.state, self.value, found.next(), found.next()) {
            (Some(states), None, None, None) if !states.is_empty() => Condition::state(states),
            (None, Some(pointer), Some(comparison), None) => ValueAt(pointer).with(comparison)?,
            _ => {
                return Err(Error::input("a condition is on `state`, or on one `value` with one comparison").with_hint(
                    "write `{ value: /rows/0/count, above: 0 }`; comparisons are `is`, `is_not`, `above`, `at_least`, \
                     `below`, `at_most`, `contains`, `exists`",
                ));
            }
        };
        Ok(Condition { of: self.of, ..condition })
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Condition;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition, such as `{ value: /rows/0/count, above: 0 }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Condition, A::Error> {
                Keys::deserialize(MapAccessDeserializer::new(map))?.condition().map_err(custom)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(of) = &self.of {
            map.serialize_entry("of", of)?;
        }
        match &self.test {
            Test::State(states) => map.serialize_entry("state", states)?,
            Test::Value(pointer, comparison) => {
                let (key, value) = comparison.written();
                map.serialize_entry("value", pointer)?;
                map.serialize_entry(key, &value)?;
            }
        }
        map.end()
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Keys::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::run::{RunKey, RunKind};

    fn holds(condition: &Value, result: Value) -> Result<(), String> {
        let nominal = DateTime::UNIX_EPOCH;
        let key = RunKey { namespace: "n".into(), job: "load".into(), nominal, kind: RunKind::Manual, generation: 1 };
        let run = RunRecord { result: Some(result), ..RunRecord::new(key, RunState::Succeeded) };
        let read: Condition = serde_json::from_value(condition.clone()).unwrap();
        assert_eq!(serde_json::from_value::<Condition>(serde_json::to_value(&read).unwrap()).unwrap(), read);
        read.holds(&run)
    }

    #[test]
    fn comparisons() {
        let result =
            json!({"n": 3, "f": 2.5, "t": "three", "l": [1, "x", null], "big": 9_007_199_254_740_993_u64, "no": null});
        for (condition, yes) in [
            (json!({"value": "/n", "is": 3.0}), true),
            (json!({"value": "/n", "is": "3"}), false),
            (json!({"value": "/n", "is_not": 4}), true),
            (json!({"value": "/gone", "is_not": 4}), false),
            (json!({"value": "/n", "above": 2}), true),
            (json!({"value": "/n", "above": 3}), false),
            (json!({"value": "/n", "at_least": 3}), true),
            (json!({"value": "/f", "below": 3}), true),
            (json!({"value": "/f", "at_most": 2.4}), false),
            (json!({"value": "/t", "above": 2}), false),
            (json!({"value": "/big", "above": 9_007_199_254_740_992_u64}), true),
            (json!({"value": "/t", "contains": "hre"}), true),
            (json!({"value": "/l", "contains": "x"}), true),
            (json!({"value": "/l", "contains": null}), true),
            (json!({"value": "/l/1", "is": "x"}), true),
            (json!({"value": "/no", "is": null}), true),
            (json!({"value": "/no", "exists": true}), false),
            (json!({"value": "/no", "exists": false}), true),
            (json!({"value": "/gone", "exists": false}), true),
            (json!({"value": "", "exists": true}), true),
            (json!({"state": "succeeded"}), true),
            (json!({"state": ["failed", "dead"]}), false),
        ] {
            assert_eq!(holds(&condition, result.clone()).is_ok(), yes, "{condition}");
        }
        let why = |condition| holds(&condition, result.clone()).unwrap_err();
        assert_eq!(why(json!({"value": "/n", "above": 5})), "/n of load is 3, /n above 5");
        assert_eq!(why(json!({"value": "/gone", "above": 5})), "load has no /gone");
        assert_eq!(why(json!({"state": "dead"})), "load was succeeded");
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, part) in [
            (json!({"value": "n", "is": 3}), "no place in a result"),
            (json!({"value": "/n"}), "one `value` with one comparison"),
            (json!({"value": "/n", "is": 3, "above": 2}), "one `value` with one comparison"),
            (json!({"state": "dead", "value": "/n"}), "one `value` with one comparison"),
            (json!({"value": "/n", "equals": 3}), "unknown field `equals`"),
            (json!({"value": "/n", "above": "3"}), "invalid type"),
            (json!({"state": "broken"}), "unknown variant `broken`"),
            (json!("n > 3"), "a condition, such as"),
        ] {
            let error = serde_json::from_value::<Condition>(text.clone()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
