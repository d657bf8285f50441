//! Why a job is created, changed, removed or left as it is.

use std::fmt;

use chrono::{DateTime, Utc};
use clusterkeep_core::compare::{Difference, differences};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{JobSpec, secret};

/// Why, with the data that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The store does not have it.
    New,
    /// It was removed before, and its history goes on.
    Back {
        /// When it was removed.
        removed: DateTime<Utc>,
    },
    /// The file says something else than the store.
    Differs {
        /// What, place by place.
        fields: Vec<Difference>,
    },
    /// The file says what the store says.
    Same,
    /// The file does not have it.
    NotInFile {
        /// Whether it was said that such jobs go.
        prune: bool,
    },
}

/// What `wanted` says otherwise than `stored`; what may be a secret is not shown.
pub(super) fn fields(stored: &JobSpec, wanted: &JobSpec) -> Result<Vec<Difference>> {
    Ok(hidden(differences(&json(stored)?, &json(wanted)?)))
}

/// All that a new job says, likewise; its name is said already.
pub(super) fn fields_of(wanted: &JobSpec) -> Result<Vec<Difference>> {
    let name = serde_json::json!({ "name": wanted.name.as_str() });
    Ok(hidden(differences(&name, &json(wanted)?)))
}

fn hidden(mut found: Vec<Difference>) -> Vec<Difference> {
    for field in &mut found {
        for value in [&mut field.from, &mut field.to].into_iter().flatten() {
            secret::hide(secret::last_key(&field.path), value);
        }
    }
    found
}

/// A job as JSON.
pub(super) fn json(spec: &JobSpec) -> Result<Value> {
    serde_json::to_value(spec).map_err(|error| Error::caused("write a job as JSON", error))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("not in the store"),
            Self::Back { removed } => {
                write!(f, "it was removed {}, its history goes on", removed.format("%Y-%m-%d %H:%M:%S UTC"))
            }
            Self::Differs { fields } => {
                let lines: Vec<String> = fields.iter().map(line).collect();
                f.write_str(&lines.join("; "))
            }
            Self::Same => f.write_str("as in the store"),
            Self::NotInFile { prune: true } => f.write_str("not in the file; its runs stay"),
            Self::NotInFile { prune: false } => f.write_str("not in the file; --delete or `prune: true` removes it"),
        }
    }
}

/// A place with what is there and what would be.
pub(super) fn line(field: &Difference) -> String {
    format!("{}: {} -> {}", field.path, shown(field.from.as_ref()), shown(field.to.as_ref()))
}

/// A value as a file would have it, on one line.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => format!("{text:?}"),
        Some(value) => value.to_string(),
    }
}
