//! A CrateDB of several nodes, each a server of its own that a test can kill and start again.
//!
//! Nodes have attributes, and share a directory for repositories. They end with the test program.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clusterkeep_core::managed::local::{LocalServer, LocalServerBuilder};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, sql};
use clusterkeep_core::{Error, Result};

/// How long a node may take to start or to be known to the others.
const PATIENCE: Duration = Duration::from_secs(120);

/// Servers that make one cluster.
#[derive(Debug)]
pub struct Nodes {
    nodes: Vec<Node>,
    place: tempfile::TempDir,
}

#[derive(Debug)]
struct Node {
    name: String,
    settings: Vec<(String, String)>,
    ports: (u16, u16),
    server: Option<LocalServer>,
}

impl Nodes {
    /// Starts a node for each of `attributes`, such as `storage=hot`; nothing, and a word about it, where there is no
    /// CrateDB.
    ///
    /// # Errors
    ///
    /// A node does not start, or they do not find one another in time.
    pub async fn start(attributes: &[(&str, &str)]) -> Result<Option<Self>> {
        if !crate::servers::is_there(Engine::Cratedb) {
            return Ok(None);
        }
        let failed = |error| Error::caused("make room for nodes", error);
        let place = tempfile::tempdir().map_err(failed)?;
        open_to_all(place.path()).map_err(failed)?;
        let repositories = place.path().join("repositories");
        std::fs::create_dir(&repositories).and_then(|()| open_to_all(&repositories)).map_err(failed)?;
        let ports = free(attributes.len() * 2).map_err(failed)?;
        let (http, transport) = ports.split_at(attributes.len());
        let seeds: Vec<String> = transport.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let names: Vec<String> = (0..attributes.len()).map(|n| format!("n{n}")).collect();
        let common = [
            ("discovery.type", "zen".to_owned()),
            ("discovery.seed_hosts", seeds.join(",")),
            ("cluster.initial_master_nodes", names.join(",")),
            ("cluster.name", format!("clusterkeep-{}", ports.first().copied().unwrap_or_default())),
            ("cluster.routing.allocation.disk.threshold_enabled", "false".to_owned()),
            ("path.repo", repositories.display().to_string()),
        ];
        let node = |n: usize| {
            let mut settings: Vec<(String, String)> =
                common.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            settings.push(("node.name".to_owned(), names[n].clone()));
            settings.push((format!("node.attr.{}", attributes[n].0), attributes[n].1.to_owned()));
            Node { name: names[n].clone(), settings, ports: (http[n], transport[n]), server: None }
        };
        let mut nodes = Self { nodes: (0..attributes.len()).map(node).collect(), place };
        // None is ready before it knows the others.
        let starts = nodes.nodes.iter().map(|node| nodes.builder(node).start());
        let started = futures::future::try_join_all(starts).await?;
        for (node, server) in nodes.nodes.iter_mut().zip(started) {
            node.server = Some(server);
        }
        nodes.until_all(attributes.len()).await?;
        Ok(Some(nodes))
    }

    fn builder(&self, node: &Node) -> LocalServerBuilder {
        let builder = LocalServer::cratedb()
            .directory(self.place.path().join(&node.name))
            .port(node.ports.0)
            .setting("transport.tcp.port", node.ports.1)
            .timeout(PATIENCE)
            .grace(Duration::from_secs(1));
        node.settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value))
    }

    /// Connects to a node that lives.
    ///
    /// # Errors
    ///
    /// None does, or it does not answer.
    pub async fn connect(&self, schema: &str) -> Result<Db> {
        let server = self.nodes.iter().find_map(|node| node.server.as_ref());
        let server = server.ok_or_else(|| Error::failed("connect to nodes that are all dead"))?;
        Db::connect_with(&server.url_of(schema).parse()?, ConnectOptions::default()).await
    }

    /// Where repositories of type `fs` can be.
    #[must_use]
    pub fn repositories(&self) -> PathBuf {
        self.place.path().join("repositories")
    }

    /// The names of the nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
    }

    /// Kills a node by its name, as `kill -9` does it.
    ///
    /// # Errors
    ///
    /// There is no such node that lives, or it can't be killed.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        let node = self.nodes.iter_mut().find(|node| node.name == name);
        let server = node.and_then(|node| node.server.take());
        let server = server.ok_or_else(|| Error::failed(format!("kill node {name}, which does not live")))?;
        let pid = server.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::failed(format!("find the process of node {name}")))?;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL)
            .map_err(|error| Error::caused(format!("kill node {name}"), error))?;
        // Letting go of the guard waits until its process is gone.
        drop(server);
        Ok(())
    }

    /// Starts a node again that was killed, with what it had.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn start_again(&mut self, name: &str) -> Result<()> {
        let at = self.nodes.iter().position(|node| node.name == name && node.server.is_none());
        let at = at.ok_or_else(|| Error::failed(format!("start node {name}, which is not dead")))?;
        let server = self.builder(&self.nodes[at]).start().await?;
        self.nodes[at].server = Some(server);
        self.until_all(self.nodes.iter().filter(|node| node.server.is_some()).count()).await
    }

    /// Waits until so many nodes know one another.
    async fn until_all(&self, wanted: usize) -> Result<()> {
        let start = Instant::now();
        let db = self.connect("doc").await?;
        loop {
            let found: Result<i64> = async { db.query(sql("SELECT count(*) FROM sys.nodes")).await?.scalar() }.await;
            if found.is_ok_and(|found| usize::try_from(found) == Ok(wanted)) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(Error::failed(format!("wait until {wanted} nodes know one another")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Servers may run under another account.
fn open_to_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))
}

/// `count` different ports that nobody listens on.
fn free(count: usize) -> std::io::Result<Vec<u16>> {
    let held = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<Vec<_>>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
