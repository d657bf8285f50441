//! Statements on a database.

use clusterkeep_core::address::ClusterAddress;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::some_text;
use crate::model::secret::is_reference;

/// Statements, one after the other, in one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// One statement, or several: the first one that fails ends the run.
    pub sql: Statements,
    /// The database, in any form that `--cluster` takes; a password in it is a reference, `?password=env:NAME` or
    /// `file:PATH`. Without, the cluster that the scheduler works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether they may write; else the session is one that the engine keeps from writing, where it has that.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub write: bool,
    /// All of them or none: in one transaction, where the engine has them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transaction: bool,
}

/// One statement, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a statement, or a list of them")]
pub enum Statements {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl Sql {
    /// These statements, on the cluster that the scheduler works on.
    pub fn of<T: Into<String>>(statements: impl IntoIterator<Item = T>) -> Self {
        let mut all: Vec<String> = statements.into_iter().map(Into::into).collect();
        let sql = match (all.pop(), all.is_empty()) {
            (Some(one), true) => Statements::One(one),
            (last, _) => {
                all.extend(last);
                Statements::Many(all)
            }
        };
        Self { sql, cluster: None, write: true, transaction: false }
    }

    pub(super) fn check(&self) -> Result<()> {
        let all = self.sql.as_slice();
        if all.is_empty() {
            return Err(Error::input("`sql` has no statement").with_hint("write one, such as `sql: \"VACUUM\"`"));
        }
        all.iter().try_for_each(|statement| some_text("the statement", statement))?;
        self.cluster.as_deref().map_or(Ok(()), address)
    }
}

/// The address of a cluster in any of its forms, or where one is kept.
fn address(text: &str) -> Result<()> {
    some_text("the cluster", text)?;
    if is_reference(text) { Ok(()) } else { text.parse::<ClusterAddress>().map(drop) }
}

impl Statements {
    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(statement) => std::slice::from_ref(statement),
            Self::Many(statements) => statements,
        }
    }
}
