//! What is done to a partition that stays listed.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::domain::Decision;

/// A change of how a partition is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Due {
    /// It gets another number of copies.
    SetReplicas {
        /// How many beside the first one, as CrateDB writes it.
        replicas: String,
    },
    /// What is stored of it is made compact.
    Merge {
        /// By rewriting it (PostgreSQL).
        full: bool,
    },
    /// It moves to other nodes.
    Reallocate {
        /// The attribute that they have.
        attribute: String,
        /// Its value.
        value: String,
        /// The attributes that an earlier tier had it need, and that it no longer does.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        release: Vec<String>,
    },
    /// It moves into a tablespace, with its indexes.
    Tablespace {
        /// Which.
        tablespace: String,
    },
    /// Its rows are kept in files, too.
    ArchiveFiles {
        /// In which folder, or at which URL of an object store.
        to: String,
    },
    /// A copy of it is kept in a repository.
    Archive {
        /// Which.
        repository: String,
    },
}

impl Due {
    /// What a verdict says where this is the last of what is due.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        match self {
            Self::SetReplicas { .. } => Decision::SetReplicas,
            Self::Merge { .. } => Decision::Compact,
            Self::Reallocate { .. } | Self::Tablespace { .. } => Decision::Move,
            Self::Archive { .. } | Self::ArchiveFiles { .. } => Decision::Archive,
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetReplicas { replicas } => write!(f, "set number_of_replicas to {replicas}"),
            Self::Merge { full: true } => f.write_str("rewrite it to be compact"),
            Self::Merge { full: false } => f.write_str("make it compact"),
            Self::Reallocate { attribute, value, .. } => write!(f, "move to nodes with {attribute}={value}"),
            Self::Tablespace { tablespace } => write!(f, "move into tablespace {tablespace}"),
            Self::Archive { repository } => write!(f, "archive in {repository}"),
            Self::ArchiveFiles { to } => write!(f, "archive in files at {to}"),
        }
    }
}
