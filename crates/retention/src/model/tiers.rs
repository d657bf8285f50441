//! What happens to partitions on their way from hot to gone: copies, segments, place, archive.
//!
//! Plain data. What a server is asked to do for it is in `sql/moving`.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::sql::Ident;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Keep;

/// How many copies there are beside the first one, as CrateDB writes it: `0`, `1`, `0-1`, `1-all`.
///
/// ```
/// use clusterkeep_retention::model::Replicas;
/// assert_eq!("0-1".parse::<Replicas>().unwrap().least(), 0);
/// assert!("2-1".parse::<Replicas>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replicas {
    text: String,
    least: u32,
}

impl Replicas {
    /// Exactly so many.
    #[must_use]
    pub fn exactly(number: u32) -> Self {
        Self { text: number.to_string(), least: number }
    }

    /// How many there must be at least.
    #[must_use]
    pub const fn least(&self) -> u32 {
        self.least
    }

    /// As the server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Replicas {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::input(format!("`{text}` is no number of replicas"))
                .with_hint("write a number such as 0, or a range such as `0-1` or `1-all`")
        };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u32>().ok()).flatten().ok_or_else(wrong)
        };
        let (least, text) = match text.trim().split_once('-') {
            None => number(text.trim()).map(|least| (least, least.to_string()))?,
            Some((least, "all")) => number(least).map(|least| (least, format!("{least}-all")))?,
            Some((least, most)) => {
                let (least, most) = (number(least)?, number(most)?);
                if most < least {
                    return Err(wrong());
                }
                (least, format!("{least}-{most}"))
            }
        };
        Ok(Self { text, least })
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Replicas {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Replicas {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of replicas, or a range such as `0-1`")]
        enum Written {
            Number(u32),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string().parse().map_err(custom),
            Written::Text(text) => text.parse().map_err(custom),
        }
    }
}

impl JsonSchema for Replicas {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Replicas".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 999 }, { "type": "string" }],
            "description": "a number of replicas, or a range such as `0-1` or `1-all`"
        })
    }
}

/// When the number of copies changes (CrateDB).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetReplicasTier {
    /// The age of a partition that ended at or before the cutoff.
    pub after: Age,
    /// How many copies there are from then on.
    pub replicas: Replicas,
}

/// When what is stored is made compact: segments merged (CrateDB), dead rows cleared away (PostgreSQL), a partition
/// rebuilt (MariaDB/MySQL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeTier {
    /// The age of a partition that ended at or before the cutoff.
    pub after: Age,
    /// PostgreSQL: rewrite the table (`VACUUM FULL`), which nobody can read meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

/// When a partition moves: to nodes with an attribute (CrateDB), or into a tablespace (PostgreSQL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReallocateTier {
    /// The age of a partition that ended at or before the cutoff.
    pub after: Age,
    /// The attribute that nodes must have, such as `storage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Its value, such as `cold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The tablespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<Ident>,
    /// How long a step waits for the shards of a partition; 30 minutes where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Age>,
    /// What becomes of the setting where the shards have not moved by then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure: OnFailure,
}

/// What becomes of a setting that had no effect in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It stays: the server goes on trying, and the next run looks again.
    #[default]
    Keep,
    /// It is set to what it was before.
    Reset,
}

/// When a partition is archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveTier {
    /// The age of a partition that ended at or before the cutoff; one that is dropped is archived first, whatever it says.
    pub after: Age,
    /// The repository for snapshots (CrateDB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The folder or the URL of an object store for files (PostgreSQL, MariaDB/MySQL, SQLite).
    ///
    /// A folder is named from the root; what holds it must be there. Keys of a store come from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How long archives are kept, counted from the end of what is in them; for ever where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// How many of the newest archives of a table stay, however old they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_newest: Option<std::num::NonZeroU32>,
    /// How long a step waits for a snapshot; 6 hours where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Age>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl ReallocateTier {
    /// The attribute and its value, where it is about nodes.
    #[must_use]
    pub fn nodes(&self) -> Option<(&str, &str)> {
        self.attribute.as_deref().zip(self.value.as_deref())
    }

    /// How long a step waits for the shards of a partition.
    #[must_use]
    pub fn waits(&self) -> std::time::Duration {
        self.wait.map_or(std::time::Duration::from_secs(30 * 60), Age::approximate)
    }
}

impl ArchiveTier {
    /// Where it is archived: a repository, or a place for files.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.repository.as_deref().or(self.to.as_deref())
    }

    /// How long a step waits for a snapshot.
    #[must_use]
    pub fn waits(&self) -> std::time::Duration {
        self.wait.map_or(std::time::Duration::from_secs(6 * 60 * 60), Age::approximate)
    }
}

/// A tier that changes how a partition is kept, and leaves it where it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// How many copies there are.
    SetReplicas(&'a SetReplicasTier),
    /// Whether it is compact.
    Merge(&'a MergeTier),
    /// Where it is.
    Reallocate(&'a ReallocateTier),
    /// Where a copy of it is kept.
    Archive(&'a ArchiveTier),
}

impl Change<'_> {
    /// The age at which it is due.
    #[must_use]
    pub const fn after(self) -> Age {
        match self {
            Self::SetReplicas(tier) => tier.after,
            Self::Merge(tier) => tier.after,
            Self::Reallocate(tier) => tier.after,
            Self::Archive(tier) => tier.after,
        }
    }

    /// Its name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SetReplicas(_) => "set_replicas",
            Self::Merge(_) => "merge",
            Self::Reallocate(_) => "reallocate",
            Self::Archive(_) => "archive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_numbers_and_ranges_and_nothing_else() {
        for (text, least, written) in [("0", 0, "0"), (" 2 ", 2, "2"), ("0-1", 0, "0-1"), ("1-all", 1, "1-all")] {
            let replicas: Replicas = text.parse().unwrap();
            assert_eq!((replicas.least(), replicas.as_str()), (least, written));
            assert_eq!(replicas.as_str().parse::<Replicas>().unwrap(), replicas, "what is printed reads the same");
        }
        for wrong in ["", "-1", "all", "2-1", "1-", "1-x", "1.5", "+1", "1000", "0-1-2", "0; DROP"] {
            assert!(wrong.parse::<Replicas>().is_err(), "{wrong}");
        }
    }
}
