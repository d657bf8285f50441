//! What one and the same text means to different programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose rules an expression is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dialect {
    /// Crontab: 5 fields (or 6, or 7), Sunday is 0 and 7, either of two restricted day fields is enough.
    #[default]
    Crontab,
    /// Quartz and the crate `cron`: 6 or 7 fields, 1 is Sunday and 7 Saturday, both day fields must match.
    Quartz,
}
