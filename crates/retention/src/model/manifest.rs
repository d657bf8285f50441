//! A manifest: policies under a name, from a file of `kind: Retention` or from a program.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::zone_text;
use super::{Pattern, Policy, Tag, check};

/// Policies under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What plans, audit records and schedules call it.
    pub name: String,
    /// The zone of every policy that names none of its own; UTC where none is named at all.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "zone_text")]
    #[schemars(with = "Option<String>")]
    pub zone: Option<Tz>,
    /// Which tables have which tags: for each tag, patterns of names, with their schemas or without.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Tag, Vec<Pattern>>,
    /// The policies.
    pub tables: Vec<Policy>,
}

impl clusterkeep_core::manifest::Manifest for Manifest {
    const KIND: &'static str = "Retention";
}

impl Manifest {
    /// An empty manifest of that name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), zone: None, tags: BTreeMap::new(), tables: Vec::new() }
    }

    /// Adds a policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.tables.push(policy);
        self
    }

    /// The zone of `policy`.
    #[must_use]
    pub fn zone_of(&self, policy: &Policy) -> Tz {
        policy.zone.or(self.zone).unwrap_or(Tz::UTC)
    }

    /// The zone that a plan of this manifest is shown in: that of the manifest, else of its first policy.
    #[must_use]
    pub fn shown_zone(&self) -> Tz {
        self.zone.or_else(|| self.tables.iter().find_map(|policy| policy.zone)).unwrap_or(Tz::UTC)
    }

    /// Checks what can be checked without a database.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, by name.
    pub fn check(&self) -> Result<()> {
        check(self)
    }
}
