//! What is different between two JSON values, place by place.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A place at which two values are not the same.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// The place: `tiers[0].drop.after`.
    pub path: String,
    /// What the one says; missing where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What the other says; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The places at which `to` is other than `from`, as deep as both have the same shape.
///
/// ```
/// use clusterkeep_core::compare::differences;
/// use serde_json::json;
/// let found = differences(&json!({"a": [1, 2], "b": 1}), &json!({"a": [1, 3], "c": 1}));
/// let paths: Vec<_> = found.iter().map(|one| one.path.as_str()).collect();
/// assert_eq!(paths, ["a[1]", "b", "c"]);
/// ```
#[must_use]
pub fn differences(from: &Value, to: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(from), Some(to), &mut found);
    found
}

fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    match (from, to) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for i in 0..a.len().max(b.len()) {
                compare(&format!("{path}[{i}]"), a.get(i), b.get(i), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(Difference { path: path.to_owned(), from: a.cloned(), to: b.cloned() }),
    }
}
