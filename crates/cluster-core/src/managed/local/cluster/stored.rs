//! What is written down about a cluster: what it is, and where its last run listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::builder::LocalServerBuilder;
use super::super::engine;
use super::place::Place;
use super::wish::LocalWish;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::sql::Engine;

const FILE: &str = "cluster.json";
const RUN: &str = "run.json";
/// What our files say of themselves, so that nothing else is ever taken for one.
const KIND: &str = "local_cluster";
const FORMAT: u32 = 1;

/// What a cluster is, whether it runs or not; settings included, so that it comes back as it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    kind: String,
    format: u32,
    pub(super) engine: Engine,
    pub(super) nodes: usize,
    pub(super) created: DateTime<Utc>,
    pub(super) database: Option<String>,
    /// The port that clients use, where it is always the same.
    pub(super) port: Option<u16>,
    pub(super) password: bool,
    binaries: Option<PathBuf>,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    /// The name by which its nodes know one another.
    pub(super) cluster_name: String,
    /// Whether its nodes have met once.
    pub(super) founded: bool,
}

impl Stored {
    /// A cluster as `wish` has it, called `name`.
    pub(super) fn new(wish: &LocalWish, name: &str) -> Self {
        let server = &wish.server;
        let unique = Uuid::new_v4().simple().to_string();
        Self {
            kind: KIND.into(),
            format: FORMAT,
            engine: server.engine,
            nodes: wish.nodes.unwrap_or(1),
            created: SystemClock.now(),
            database: server.database.clone(),
            port: server.port,
            password: server.password,
            binaries: server.binaries.clone(),
            settings: server.settings.clone(),
            environment: server.environment.clone(),
            cluster_name: format!("clusterkeep-{name}-{}", unique.get(..8).unwrap_or_default()),
            founded: false,
        }
    }

    /// What is written down at `place`; none where there is nothing.
    pub(super) fn read(place: &Place) -> Result<Option<Self>> {
        let Some(text) = place.read(FILE)? else { return Ok(None) };
        let path = place.file(FILE);
        let stored: Self = serde_json::from_str(&text)
            .map_err(|error| Error::caused(format!("read `{}` as that of a local cluster", path.display()), error))?;
        if stored.kind != KIND {
            return Err(Error::failed(format!("`{}` is not that of a local cluster", path.display())));
        }
        if stored.format > FORMAT {
            return Err(Error::failed(format!("`{}` was written by a newer version", path.display())));
        }
        Ok(Some(stored))
    }

    pub(super) fn write(&self, place: &Place) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::caused("write down what a local cluster is", error))?;
        place.write(FILE, &text)
    }

    /// Checks that `wish` is about this cluster, which is called `label`.
    pub(super) fn check(&self, wish: &LocalWish, label: &str) -> Result<()> {
        let differs = |is: &dyn std::fmt::Display, wanted: &dyn std::fmt::Display| {
            Err(Error::input(format!("{label} is {is}, not {wanted}"))
                .with_hint("give another name, or delete it first, with its data"))
        };
        if wish.server.engine != self.engine {
            return differs(&self.engine, &wish.server.engine);
        }
        if let Some(nodes) = wish.nodes.filter(|nodes| *nodes != self.nodes) {
            return differs(&of_nodes(self.nodes), &of_nodes(nodes));
        }
        let default = engine::recipe(self.engine)?.database();
        let database = self.database.as_deref().unwrap_or(default);
        if let Some(wanted) = wish.server.database.as_deref().filter(|wanted| *wanted != database) {
            return differs(&format_args!("with the database `{database}`"), &format_args!("`{wanted}`"));
        }
        Ok(())
    }

    /// Takes over from `wish` what may change from run to run; settings that it does not name stay.
    pub(super) fn update(&mut self, wish: &LocalWish) {
        let merge = |own: &mut Vec<(String, String)>, new: &[(String, String)]| {
            own.retain(|(name, _)| new.iter().all(|(other, _)| other != name));
            own.extend_from_slice(new);
        };
        merge(&mut self.settings, &wish.server.settings);
        merge(&mut self.environment, &wish.server.environment);
        self.port = wish.server.port.or(self.port);
        self.binaries = wish.server.binaries.clone().or_else(|| self.binaries.take());
    }

    /// How its servers are started; `wish` says what holds for one start alone.
    pub(super) fn builder(&self, wish: Option<&LocalWish>) -> LocalServerBuilder {
        let mut builder = LocalServerBuilder::new(self.engine);
        builder.database.clone_from(&self.database);
        builder.port = self.port;
        builder.password = self.password;
        builder.binaries.clone_from(&self.binaries);
        builder.settings.clone_from(&self.settings);
        builder.environment.clone_from(&self.environment);
        if let Some(wish) = wish {
            builder.grace = wish.server.grace;
            builder.durable = wish.server.durable;
        }
        builder.timeout = LocalWish::timeout(wish, self.nodes);
        builder
    }
}

fn of_nodes(nodes: usize) -> String {
    if nodes == 1 { "of one node".into() } else { format!("of {nodes} nodes") }
}

/// A run of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: Uuid,
    /// The ports of each node.
    pub(super) ports: Vec<Vec<u16>>,
    /// The most seconds that its end takes.
    pub(super) patience: u64,
    pub(super) started: DateTime<Utc>,
}

impl Run {
    pub(super) fn new(ports: Vec<Vec<u16>>, patience: Duration) -> Self {
        Self { id: Uuid::new_v4(), ports, patience: patience.as_secs(), started: SystemClock.now() }
    }

    pub(super) fn read(place: &Place) -> Result<Option<Self>> {
        let Some(text) = place.read(RUN)? else { return Ok(None) };
        let broken = |error| Error::caused(format!("read `{}`", place.file(RUN).display()), error);
        serde_json::from_str(&text).map(Some).map_err(broken)
    }

    pub(super) fn write(&self, place: &Place) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| Error::caused("write down a run", error))?;
        place.write(RUN, &text)
    }

    pub(super) const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

/// Whether the directory at `path` holds what is not ours.
pub(super) fn is_foreign(path: &Path) -> bool {
    let ours = |name: &std::ffi::OsStr| name == "lock" || name.to_string_lossy().starts_with(".new-");
    std::fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| !ours(&entry.file_name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path()).unwrap();
        assert!(Stored::read(&place).unwrap().is_none());
        let wish = LocalWish::new(Engine::Cratedb)
            .nodes(3)
            .configure(|server| server.port(4201).setting("a", 1).setting("b", 2).env("CRATE_HEAP_SIZE", "1g"));
        Stored::new(&wish, "dev").write(&place).unwrap();
        let mut again = Stored::read(&place).unwrap().unwrap();
        assert!(again.cluster_name.starts_with("clusterkeep-dev-") && !again.founded);
        again.update(&LocalWish::new(Engine::Cratedb).configure(|server| server.setting("a", 3)));
        let builder = again.builder(None);
        assert_eq!((builder.port, again.nodes), (Some(4201), 3));
        assert_eq!(builder.settings, [("b".into(), "2".into()), ("a".into(), "3".into())]);
        assert_eq!(builder.environment, [("CRATE_HEAP_SIZE".into(), "1g".into())]);
    }

    #[test]
    fn another_cluster_of_the_same_name_is_refused() {
        let stored = Stored::new(&LocalWish::new(Engine::Cratedb).nodes(3), "dev");
        let say = |wish: LocalWish| stored.check(&wish, "local cluster `dev`").unwrap_err().to_string();
        let wish = || LocalWish::new(Engine::Cratedb);
        stored.check(&wish(), "local cluster `dev`").unwrap();
        stored.check(&wish().nodes(3).configure(|server| server.database("doc")), "local cluster `dev`").unwrap();
        assert_eq!(say(wish().nodes(1)), "local cluster `dev` is of 3 nodes, not of one node");
        assert_eq!(say(LocalWish::new(Engine::Postgres)), "local cluster `dev` is CrateDB, not PostgreSQL");
        assert!(say(wish().configure(|server| server.database("a"))).ends_with("with the database `doc`, not `a`"));
    }

    #[test]
    fn files_of_others_are_not_taken_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path()).unwrap();
        let good = Stored::new(&LocalWish::new(Engine::Postgres), "dev");
        for (broken, complaint) in [
            (Stored { kind: "other".into(), ..good.clone() }, "is not that of a local cluster"),
            (Stored { format: 2, ..good }, "by a newer version"),
        ] {
            broken.write(&place).unwrap();
            let error = Stored::read(&place).unwrap_err().to_string();
            assert!(error.ends_with(complaint), "{error}");
        }
        place.write(FILE, b"{\"name\": \"a package\"}").unwrap();
        assert!(Stored::read(&place).is_err());
    }
}
