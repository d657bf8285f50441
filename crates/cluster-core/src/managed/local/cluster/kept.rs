//! A cluster without a guard.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::supervisor;
use super::node::LocalNode;

/// A cluster that nobody has to guard: see [`LocalCluster::keep`](super::LocalCluster::keep). Its text says how to end it.
#[derive(Debug, Clone)]
pub struct KeptCluster {
    label: String,
    nodes: Vec<LocalNode>,
    directory: PathBuf,
}

impl KeptCluster {
    pub(super) fn new(label: &str, nodes: &[LocalNode], directory: &Path) -> Self {
        Self { label: label.to_owned(), nodes: nodes.to_vec(), directory: directory.to_owned() }
    }

    /// The address of its database on the first node, as its superuser, with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.nodes.first().map_or("", LocalNode::url)
    }

    /// Its servers.
    #[must_use]
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl fmt::Display for KeptCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fifo = supervisor::quoted(self.directory.join("owner").as_os_str());
        let (directory, fifo) = (self.directory.display(), String::from_utf8_lossy(&fifo));
        write!(f, "{} runs in `{directory}`: end it with `echo end >{fifo}`", self.label)
    }
}
