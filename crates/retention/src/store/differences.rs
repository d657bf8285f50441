//! What is different between a manifest and what a store keeps: pure.

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{PolicyId, Stored, Subject};
use crate::model::Manifest;

/// Something that a manifest and a store say differently.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// The id of the row.
    pub id: PolicyId,
    /// What it is about.
    pub about: String,
    /// The version in the store, where it is there.
    pub version: Option<u64>,
    /// In what way.
    #[serde(flatten)]
    pub differs: Differs,
}

/// In what way something differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Differs {
    /// The manifest has it, the store does not.
    Added,
    /// The store has it, the manifest does not.
    Removed,
    /// Both have it, and say something else.
    Changed {
        /// What, place by place.
        fields: Vec<Field>,
    },
}

/// A place where two policies say something else.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Field {
    /// The place: `tiers[0].drop.after`.
    pub path: String,
    /// What the store says; missing where it says nothing.
    pub store: Option<Value>,
    /// What the manifest says; likewise.
    pub manifest: Option<Value>,
}

/// What `manifest` says otherwise than the rows of the store under the same name, in the order of the manifest; what the
/// store alone has comes last.
///
/// # Errors
///
/// Two policies of the manifest are about the same.
pub fn differences(manifest: &Manifest, stored: &[Stored]) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    for subject in Subject::all_of(manifest)? {
        let id = PolicyId::of(&manifest.name, &subject);
        let there = stored.iter().find(|stored| stored.id == id);
        let differs = match there {
            None => Some(Differs::Added),
            Some(stored) => {
                let mut fields = Vec::new();
                compare("", Some(&json(&stored.subject)?), Some(&json(&subject)?), &mut fields);
                (!fields.is_empty()).then_some(Differs::Changed { fields })
            }
        };
        if let Some(differs) = differs {
            let version = there.map(|stored| stored.version);
            found.push(Difference { id: id.clone(), about: subject.about(), version, differs });
        }
        known.push(id);
    }
    for stored in stored.iter().filter(|stored| !known.contains(&stored.id)) {
        let (id, about) = (stored.id.clone(), stored.subject.about());
        found.push(Difference { id, about, version: Some(stored.version), differs: Differs::Removed });
    }
    Ok(found)
}

/// What a subject says, without the word for what it is.
fn json(subject: &Subject) -> Result<Value> {
    let value = match subject {
        Subject::Policy(policy) => serde_json::to_value(policy),
        Subject::Tag(tag) => serde_json::to_value(tag),
    };
    value.map_err(|e| Error::caused("write a policy as JSON", e))
}

fn compare(path: &str, store: Option<&Value>, manifest: Option<&Value>, fields: &mut Vec<Field>) {
    match (store, manifest) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), a.get(key), b.get(key), fields);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for i in 0..a.len().max(b.len()) {
                compare(&format!("{path}[{i}]"), a.get(i), b.get(i), fields);
            }
        }
        (a, b) if a == b => {}
        (a, b) => fields.push(Field { path: path.to_owned(), store: a.cloned(), manifest: b.cloned() }),
    }
}
