//! How long something is kept.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long something is kept: an age, or for ever.
///
/// ```
/// use clusterkeep_retention::model::Keep;
/// assert_eq!("forever".parse::<Keep>().unwrap(), Keep::Forever);
/// assert!("0d".parse::<Keep>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It never expires.
    Forever,
    /// It expires at this age.
    For(Age),
}

impl From<Age> for Keep {
    fn from(age: Age) -> Self {
        Self::For(age)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::For(age) => write!(f, "{age}"),
        }
    }
}

impl FromStr for Keep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "forever" | "for ever" => Ok(Self::Forever),
            age => age.parse().map(Self::For).map_err(|error: Error| match error.hint() {
                Some(hint) => error.with_hint(format!("{hint}; `forever` keeps all")),
                None => error,
            }),
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl JsonSchema for Keep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keep".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "an age such as `2 years`, or `forever`" })
    }
}
