//! How partitions are kept at the moment, and what there is to move them to: plain data, for tiers that change it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

/// How a partition is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many copies it has beside the first one, as the server writes it.
    pub replicas: Option<String>,
    /// The attributes that nodes must have which hold it, each with its value.
    pub require: BTreeMap<String, String>,
    /// How many of its shards are on the way, or have no first copy.
    pub unsettled: u64,
    /// The most segments that a copy of a shard has.
    pub segments: Option<u64>,
    /// The copies of its shards: the node of each, and how many bytes it takes.
    pub copies: Vec<(String, u64)>,
    /// The tablespaces that it and its indexes are in.
    pub tablespaces: BTreeSet<String>,
    /// When it was last made compact, where the server or the state tells.
    pub compacted: Option<DateTime<Utc>>,
    /// What is in it, as a text that each write changes; `None` where the server can't tell at the moment.
    pub content: Option<String>,
}

impl Standing {
    /// The copies that lie elsewhere than on nodes of `places` with an attribute of this value, and what they take.
    #[must_use]
    pub fn elsewhere(&self, places: &Places, attribute: &str, value: &str) -> (usize, u64) {
        let nodes = || places.nodes.iter().flatten().filter(|node| node.has(attribute, value));
        let elsewhere = self.copies.iter().filter(|(node, _)| !nodes().any(|there| there.name == *node));
        elsewhere.fold((0, 0), |(count, sum), (_, bytes)| (count + 1, sum + bytes))
    }
}

/// What partitions can be moved to; each `None` where no policy asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The nodes that hold data.
    pub nodes: Option<Vec<Node>>,
    /// The repositories for snapshots.
    pub repositories: Option<Vec<Repository>>,
    /// The tablespaces.
    pub tablespaces: Option<BTreeSet<String>>,
    /// The places for files, each with why nothing can be put there, where that is known.
    pub locations: BTreeMap<String, Option<String>>,
}

/// A node of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// How many bytes may still be put there before the server stops to, by its own watermark; `None` where it is not
    /// known.
    pub room: Option<u64>,
}

impl Node {
    /// Whether it has an attribute of this value.
    #[must_use]
    pub fn has(&self, attribute: &str, value: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|found| found == value)
    }
}

/// A repository for snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Its type, such as `fs` or `s3`.
    pub kind: String,
    /// Whether nothing can be written to it.
    pub read_only: bool,
}

/// A copy of a partition that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Whether it is in files, and no snapshot.
    pub files: bool,
    /// The server's own name of the partition; of a slice its bounds.
    pub partition: String,
    /// The columns of its key, in the order in which the table names them; none of files.
    pub columns: Vec<String>,
    /// The repository, or the place for files, that it is in.
    pub repository: String,
    /// The name of the snapshot or archive.
    pub snapshot: String,
    /// What was in it, as [`Standing::content`] tells; of files the checksum over all rows.
    pub content: String,
    /// The first instant that can be in it, where that was known.
    pub start: Option<DateTime<Utc>>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// How many rows it has.
    pub rows: u64,
    /// How many shards; none of files.
    pub shards: u64,
    /// When it was verified.
    pub archived_at: DateTime<Utc>,
    /// Whether the repository still lists it as whole, or the place for files has its manifest and its file; `None` where
    /// it could not be asked.
    pub listed: Option<bool>,
}
