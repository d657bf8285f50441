//! What a cluster is to be like.

use std::time::Duration;

use super::super::builder::{LocalServerBuilder, TIMEOUT};
use super::super::engine;
use crate::error::{Error, Result};
use crate::sql::Engine;

/// The most nodes that fit on one machine with any sense.
const MOST_NODES: usize = 16;
/// How much longer the start of a cluster may take for each further node.
const TIMEOUT_PER_NODE: Duration = Duration::from_secs(45);

/// What a cluster of this machine is to be like.
///
/// ```
/// use clusterkeep_core::managed::local::LocalWish;
/// use clusterkeep_core::sql::Engine;
///
/// let wish = LocalWish::new(Engine::Cratedb).nodes(3).configure(|server| server.env("CRATE_HEAP_SIZE", "1g"));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a wish does nothing until something is started by it"]
pub struct LocalWish {
    pub(super) server: LocalServerBuilder,
    pub(super) nodes: Option<usize>,
}

impl LocalWish {
    /// A cluster of `engine`, of one node.
    pub const fn new(engine: Engine) -> Self {
        Self { server: LocalServerBuilder::new(engine), nodes: None }
    }

    /// Gives it so many nodes. Only CrateDB can have several here.
    pub const fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Says more of each node: its settings, environment, programs; port, database and password of the cluster.
    ///
    /// A port is that of the first node. [`directory`](LocalServerBuilder::directory) is not for here.
    pub fn configure(mut self, with: impl FnOnce(LocalServerBuilder) -> LocalServerBuilder) -> Self {
        self.server = with(self.server);
        self
    }

    /// Checks what can be known to be wrong before anything is touched.
    pub(super) fn check(&self, is_scratch: bool) -> Result<()> {
        let recipe = engine::recipe(self.server.engine)?;
        let nodes = self.nodes.unwrap_or(1);
        if nodes == 0 || nodes > MOST_NODES {
            return Err(Error::input(format!("a local cluster can't have {nodes} nodes"))
                .with_hint(format!("from 1 to {MOST_NODES}")));
        }
        if nodes > 1 && !recipe.forms_clusters() {
            return Err(Error::input(format!("{} can't have several nodes here", recipe.product()))
                .with_hint("leave out the number of nodes, or take CrateDB"));
        }
        if self.server.directory.is_some() {
            return Err(Error::input("a local cluster has a directory of its own")
                .with_hint("leave out `directory`, and say in which folder the clusters are"));
        }
        if !is_scratch && !self.server.durable {
            return Err(Error::input("data that is kept under a name can't be given up for speed")
                .with_hint("leave out `durable(false)`, or the name"));
        }
        self.server.check()
    }

    /// How long a start may take: what was asked for, or what so many nodes need.
    pub(super) fn timeout(wish: Option<&Self>, nodes: usize) -> Duration {
        let asked = wish.map(|wish| wish.server.timeout).filter(|timeout| *timeout != TIMEOUT);
        let more = u32::try_from(nodes.saturating_sub(1)).unwrap_or_default();
        asked.unwrap_or(TIMEOUT + TIMEOUT_PER_NODE * more)
    }
}

impl From<LocalServerBuilder> for LocalWish {
    fn from(server: LocalServerBuilder) -> Self {
        Self { server, nodes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_found_before_anything_is_touched() {
        for (wish, complaint) in [
            (LocalWish::new(Engine::Postgres).nodes(3), "PostgreSQL can't have several nodes here"),
            (LocalWish::new(Engine::Mysql).nodes(2), "MariaDB can't have several nodes here"),
            (LocalWish::new(Engine::Cratedb).nodes(0), "a local cluster can't have 0 nodes"),
            (LocalWish::new(Engine::Cratedb).nodes(17), "a local cluster can't have 17 nodes"),
            (LocalWish::new(Engine::Sqlite), "SQLite has no server that could be started"),
            (LocalWish::new(Engine::Postgres).configure(|server| server.directory("/x")), "has a directory of its own"),
            (LocalWish::new(Engine::Postgres).configure(|server| server.durable(false)), "given up for speed"),
            (LocalWish::new(Engine::Postgres).configure(|server| server.database("O'Clock")), "can't be the name"),
        ] {
            let error = wish.check(false).unwrap_err();
            assert!(matches!(error, Error::Input { .. }), "{error:?}");
            assert!(error.to_string().contains(complaint), "{error}");
        }
        LocalWish::new(Engine::Postgres).configure(|server| server.durable(false)).check(true).unwrap();
        LocalWish::new(Engine::Cratedb).nodes(3).check(false).unwrap();
    }

    #[test]
    fn more_nodes_may_take_longer() {
        let wish = LocalWish::new(Engine::Cratedb);
        assert_eq!(LocalWish::timeout(Some(&wish), 1), TIMEOUT);
        assert_eq!(LocalWish::timeout(None, 3), Duration::from_secs(180));
        let hasty = wish.configure(|server| server.timeout(Duration::from_secs(5)));
        assert_eq!(LocalWish::timeout(Some(&hasty), 3), Duration::from_secs(5));
    }
}
