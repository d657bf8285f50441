//! A named action.

use clusterkeep_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::some_text;

/// The name of a registered handler or action, and its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// The name under which the program has registered it.
    pub action: String,
    /// Its arguments, as JSON.
    #[serde(flatten)]
    pub args: serde_json::Map<String, serde_json::Value>,
}

impl Action {
    /// The handler or action of this name, without arguments.
    pub fn named(action: impl Into<String>) -> Self {
        Self { action: action.into(), args: serde_json::Map::new() }
    }

    pub(super) fn check(&self) -> Result<()> {
        some_text("the name of the action", &self.action)
    }
}
