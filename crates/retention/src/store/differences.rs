//! What is different between a manifest and what a store keeps: pure.

use clusterkeep_core::{Error, Result, compare};
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
                let field = |compare::Difference { path, from, to }| Field { path, store: from, manifest: to };
                let fields: Vec<Field> =
                    compare::differences(&json(&stored.subject)?, &json(&subject)?).into_iter().map(field).collect();
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
