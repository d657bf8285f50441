//! What a row of the policy store is about, and the id that follows from that.

use std::fmt;

use clusterkeep_core::plan::PlanHasher;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Manifest, Pattern, Policy, Selector, Tag};

/// What is kept under an id: a policy, or which tables have a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A policy; its zone is its own, since there is no manifest around it.
    Policy(Box<Policy>),
    /// The tables of a tag.
    Tag(TagTables),
}

/// The tables of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagTables {
    /// The tag.
    pub tag: Tag,
    /// Patterns of the names of its tables.
    pub tables: Vec<Pattern>,
}

/// The id of a row: a SHA-256 over the manifest's name and what the row is about, and nothing else.
///
/// Two writers who say something about the same table so write to the same row, and one of them is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct PolicyId(String);

impl PolicyId {
    /// The id of what is kept for `manifest`.
    #[must_use]
    pub fn of(manifest: &str, subject: &Subject) -> Self {
        let mut hasher = PlanHasher::new("policy");
        hasher.text(manifest);
        match subject {
            Subject::Tag(tag) => hasher.text("tag").text(tag.tag.as_str()),
            Subject::Policy(policy) => match (&policy.table, &policy.select) {
                (Some(table), _) => {
                    hasher.text("table").optional(table.schema.as_ref(), |hasher, schema| {
                        hasher.text(schema.as_str());
                    });
                    hasher.text(table.name.as_str())
                }
                (None, Some(selector)) => hasher.text("select").text(&canonical(selector)),
                (None, None) => hasher.text("nothing"),
            },
        };
        Self(hasher.finish().to_string())
    }

    /// An id out of a table, whatever it is.
    pub(super) const fn as_it_stands(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first eight digits, as lists show it.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.chars().take(8).collect()
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one text of all selectors that mean the same but for the order of what they name.
fn canonical(selector: &Selector) -> String {
    fn sorted(selector: &Selector) -> Selector {
        let mut sorted_one = selector.clone();
        sorted_one.tags.sort();
        sorted_one.tags.dedup();
        for part in [&mut sorted_one.any, &mut sorted_one.except] {
            *part = part.iter().map(sorted).collect();
            part.sort_by_cached_key(text);
        }
        sorted_one
    }
    fn text(selector: &Selector) -> String {
        // Names, tags and lists of these: nothing that JSON can't hold.
        serde_json::to_string(selector).unwrap_or_default()
    }
    text(&sorted(selector))
}

impl Subject {
    /// What it is about, in words.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::Policy(policy) => policy.about(),
            Self::Tag(tag) => format!("tag {}", tag.tag),
        }
    }

    /// Everything that a manifest says, as rows: each policy has its zone, since there is no manifest around it.
    ///
    /// # Errors
    ///
    /// Two policies are about the same: one row can't hold both.
    pub fn all_of(manifest: &Manifest) -> Result<Vec<Self>> {
        let tags =
            manifest.tags.iter().map(|(tag, tables)| Self::Tag(TagTables { tag: tag.clone(), tables: tables.clone() }));
        let policies = manifest.tables.iter().map(|policy| {
            let mut policy = policy.clone();
            policy.zone = Some(manifest.zone_of(&policy));
            Self::Policy(Box::new(policy))
        });
        let all: Vec<_> = tags.chain(policies).collect();
        let mut ids: Vec<_> = all.iter().map(|one| (PolicyId::of(&manifest.name, one), one)).collect();
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some((_, twice)) = ids.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| &pair[0]) {
            return Err(Error::input(format!("{}: two policies are about it", twice.about()))
                .with_hint("the store keeps one for each table or selector; write their tiers into one policy"));
        }
        Ok(all)
    }

    /// The manifest that says all of `subjects`.
    #[must_use]
    pub fn together(manifest: &str, subjects: impl IntoIterator<Item = Self>) -> Manifest {
        let mut whole = Manifest::named(manifest);
        for subject in subjects {
            match subject {
                Self::Policy(policy) => whole.tables.push(*policy),
                Self::Tag(tag) => {
                    whole.tags.insert(tag.tag, tag.tables);
                }
            }
        }
        whole
    }
}
