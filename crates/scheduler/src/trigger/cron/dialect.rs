//! What one and the same text means to different programs.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose rules an expression is read by.
///
/// ```
/// use clusterkeep_scheduler::{Cron, Dialect};
/// let words = |dialect| Cron::parse_as("0 0 0 ? * 1", dialect, "").map(|cron| cron.explain());
/// assert_eq!(words(Dialect::Crontab)?, "at 00:00 on every Monday");
/// assert_eq!(words(Dialect::Quartz)?, "at 00:00 on every Sunday");
/// assert!(words(Dialect::Kubernetes).is_err());       // it has five fields, without seconds
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dialect {
    /// Crontab: 5 fields (or 6, or 7), Sunday is 0 and 7, either of two restricted day fields is enough.
    #[default]
    Crontab,
    /// Quartz and the crate `cron`: 6 or 7 fields, 1 is Sunday and 7 Saturday, both day fields must match.
    Quartz,
    /// Kubernetes (robfig/cron): 5 fields, Sunday is 0 alone, no range around the end and no `L`, `W`, `#`, `H`; either
    /// of two restricted day fields is enough, and `*/2` counts as restricted.
    Kubernetes,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Crontab, Self::Quartz, Self::Kubernetes];

    /// The name, as files and flags write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crontab => "crontab",
            Self::Quartz => "quartz",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name).ok_or_else(|| {
            Error::input(format!("dialect `{name}` is unknown")).with_hint("known are crontab, quartz and kubernetes")
        })
    }
}
