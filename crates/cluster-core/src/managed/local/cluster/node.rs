//! One server of a cluster.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::home::nofollow;
use super::super::urls::Urls;
use super::place::Place;

/// One server of a [`LocalCluster`](super::LocalCluster).
#[derive(Clone)]
pub struct LocalNode {
    pub(super) index: usize,
    pub(super) ports: Vec<u16>,
    pub(super) urls: Urls,
    pub(super) directory: PathBuf,
}

impl LocalNode {
    /// Its address, with the database and the password of the cluster.
    #[must_use]
    pub fn url(&self) -> &str {
        self.urls.database.expose()
    }

    /// The port of 127.0.0.1 that clients use.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.first().copied().unwrap_or_default()
    }

    /// All ports of 127.0.0.1 that it listens on: for CrateDB those for HTTP, for the protocol of PostgreSQL, and
    /// between nodes.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Its directory, with the data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.read("pid")?.parse().ok()
    }

    /// How it ended, where it has.
    pub(super) fn ended(&self, place: &Place) -> Option<String> {
        match self.read("ended") {
            Some(status) => Some(format!("exit status: {status}")),
            None => (!place.is_node_alive(self.index)).then(|| "a signal to what watched it".into()),
        }
    }

    fn read(&self, name: &str) -> Option<String> {
        let file = nofollow().read(true).open(self.directory.join(name)).ok()?;
        Some(std::io::read_to_string(file).ok()?.trim().to_owned())
    }
}

impl fmt::Debug for LocalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("LocalNode");
        text.field("index", &self.index).field("ports", &self.ports).field("directory", &self.directory);
        text.finish_non_exhaustive()
    }
}
