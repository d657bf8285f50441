//! The clusters of this machine, by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::{engine, home};
use super::guard::LocalCluster;
use super::lock::Lock;
use super::place::Place;
use super::stored::{Run, Stored};
use super::wish::LocalWish;
use super::{hold, start};
use crate::address::ClusterAddress;
use crate::error::{Error, Result};
use crate::sql::Engine;

/// How long somebody else's start, stop or deletion is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// What a deleted cluster is called while its files go.
const DELETED: &str = ".deleted-";

/// Whether a cluster runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocalState {
    /// Nothing of it runs; its data is there.
    Stopped,
    /// It runs, or is being started.
    Running,
}

/// What is known of a cluster without touching it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct LocalRecord {
    /// Its name.
    pub name: String,
    /// Its engine.
    pub engine: Engine,
    /// The number of its nodes.
    pub nodes: usize,
    /// Its directory.
    pub directory: PathBuf,
    /// Whether it runs.
    pub state: LocalState,
    /// The address of its database while it runs, without the password.
    pub url: Option<String>,
    /// Whether it lives on without a guard.
    pub kept: bool,
    /// How many guards hold it, of all processes.
    pub holders: usize,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Since when it runs.
    pub started: Option<DateTime<Utc>>,
}

/// The folder with the clusters of this machine that have a name.
///
/// A cluster keeps its data, settings and password between its runs. Several programs can hold the same one: the first
/// starts it, the last one out ends it, however it goes out.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::managed::local::{LocalClusters, LocalWish};
/// use clusterkeep_core::sql::Engine;
///
/// let clusters = LocalClusters::at("/var/lib/clusterkeep/local");
/// let dev = clusters.start("dev", &LocalWish::new(Engine::Cratedb).nodes(3)).await?;
/// println!("{}", dev.db().await?.query(clusterkeep_core::sql::sql("SELECT count(*) FROM sys.nodes")).await?);
/// dev.stop().await?;
/// // Another day, or another program:
/// let dev = clusters.resume("dev").await?;
/// println!("{}", dev.keep()?);
/// // The last word:
/// clusters.stop("dev").await?;
/// clusters.delete("dev").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LocalClusters {
    folder: PathBuf,
}

impl LocalClusters {
    /// The clusters in `folder`, which is made with the first of them.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// A cluster without a name, in a temporary directory that goes with it.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn scratch(wish: &LocalWish) -> Result<LocalCluster> {
        start::scratch(wish).await
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All clusters, in order of their names. One that can't be read is left out, and logged.
    ///
    /// # Errors
    ///
    /// The folder can't be read.
    pub fn list(&self) -> Result<Vec<LocalRecord>> {
        let mut records = Vec::new();
        for name in self.names()? {
            match self.find(&name) {
                Ok(record) => records.extend(record),
                Err(error) => tracing::warn!(name, %error, "a local cluster can't be read"),
            }
        }
        Ok(records)
    }

    /// What is known of the cluster `name`; none where there is no such. Changes nothing, and waits for nobody.
    ///
    /// # Errors
    ///
    /// No cluster can have this name; what is written down about it can't be read.
    pub fn find(&self, name: &str) -> Result<Option<LocalRecord>> {
        let place = self.place(name)?;
        let Some(stored) = Stored::read(&place)? else { return Ok(None) };
        let runs = place.open_fifo()?.is_some();
        let run = if runs { Run::read(&place)? } else { None };
        let recipe = engine::recipe(stored.engine)?;
        let database = stored.database.as_deref().unwrap_or_else(|| recipe.database());
        let port = run.as_ref().and_then(|run| run.ports.first()?.first().copied());
        Ok(Some(LocalRecord {
            name: name.to_owned(),
            engine: stored.engine,
            nodes: stored.nodes,
            directory: place.path().to_owned(),
            state: if runs { LocalState::Running } else { LocalState::Stopped },
            url: port.map(|port| format!("{}{database}", recipe.url(port, None).expose())),
            kept: runs && hold::is_kept(&place),
            holders: if runs { hold::holders(&place, None) } else { 0 },
            created: stored.created,
            started: run.map(|run| run.started),
        }))
    }

    /// Starts the cluster `name`: makes it, takes it up again, or holds it where it runs.
    ///
    /// What `wish` says of settings, environment, port and programs is remembered for the starts to come; a cluster that
    /// runs goes on as it is. Its engine, number of nodes and database stay what they are.
    ///
    /// # Guarantees
    ///
    /// All servers answer, know one another, and miss no table. A start that fails, times out or is cancelled leaves
    /// no process, and the data and the log where they are. Two that start at once get one cluster.
    ///
    /// # Errors
    ///
    /// A wish that contradicts itself or the cluster of that name; no such server on this machine; a directory that the
    /// servers can't enter or that belongs to somebody else; a taken port; a server that ends or does not answer in
    /// time, with the end of its log; [`Error::Locked`] where another start, stop or deletion takes too long.
    pub async fn start(&self, name: &str, wish: &LocalWish) -> Result<LocalCluster> {
        let place = self.place(name)?;
        start::named(place.path(), name, Some(wish)).await
    }

    /// Starts a cluster that is there, or holds it where it runs.
    ///
    /// # Errors
    ///
    /// There is none of that name; else as for [`start`](Self::start).
    pub async fn resume(&self, name: &str) -> Result<LocalCluster> {
        let place = self.known(name)?;
        start::named(place.path(), name, None).await
    }

    /// Holds the cluster `name` where it runs, and starts nothing; none where it does not run.
    ///
    /// # Errors
    ///
    /// There is none of that name; one of its servers has ended or does not answer in time.
    pub async fn attach(&self, name: &str) -> Result<Option<LocalCluster>> {
        let place = self.known(name)?;
        if place.open_fifo()?.is_none() {
            return Ok(None);
        }
        start::running(place.path(), name).await
    }

    /// Ends the cluster `name`, a kept one, too, and waits for that. The data stays; one that does not run is left alone.
    ///
    /// # Errors
    ///
    /// There is none of that name; it is held by a guard, with [`Error::Locked`]; it does not end in time.
    pub async fn stop(&self, name: &str) -> Result<()> {
        self.end(name, false).await
    }

    /// Ends the cluster `name` even where guards hold it: what they do with it fails from then on.
    ///
    /// # Errors
    ///
    /// There is none of that name; it does not end in time.
    pub async fn stop_now(&self, name: &str) -> Result<()> {
        self.end(name, true).await
    }

    async fn end(&self, name: &str, by_force: bool) -> Result<()> {
        let place = self.known(name)?;
        let what = label(name);
        let lock = Lock::acquire(&place, &what, Instant::now() + PATIENCE).await?;
        let (Some(_lock), Some(stored)) = (lock, Stored::read(&place)?) else { return Err(self.not_found(name)) };
        let holders = hold::holders(&place, None);
        if !by_force && holders > 0 && place.open_fifo()?.is_some() {
            let by = if holders == 1 { "a guard".into() } else { format!("{holders} guards") };
            return Err(Error::Locked { what: format!("{what} is held by {by}") });
        }
        hold::say(&place, "end")?;
        let patience = Run::read(&place)?.map_or(PATIENCE, |run| run.patience());
        let deadline = Instant::now() + patience;
        while place.is_alive(stored.nodes) {
            if Instant::now() >= deadline {
                return Err(Error::failed(format!("{what} does not end"))
                    .with_hint(format!("its logs are in `{}`", place.path().display())));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Deletes the cluster `name` with its data.
    ///
    /// # Errors
    ///
    /// There is none of that name, or its directory is not one of ours; it runs or is held, with [`Error::Locked`]; its
    /// files can't be removed.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let place = self.known(name)?;
        let what = label(name);
        let lock = Lock::acquire(&place, &what, Instant::now() + PATIENCE).await?;
        let (Some(lock), Some(stored)) = (lock, Stored::read(&place)?) else { return Err(self.not_found(name)) };
        if place.open_fifo()?.is_some() || place.is_alive(stored.nodes) {
            return Err(Error::Locked { what: format!("{what} runs") });
        }
        // From here on it is gone, even if this process is.
        let gone = self.folder.join(format!("{DELETED}{}", uuid::Uuid::new_v4()));
        fs::rename(place.path(), &gone).map_err(|error| Error::io("delete", place.path(), error))?;
        drop(lock);
        self.sweep().await
    }

    /// Removes what was deleted, by this process or one that did not get to the end of it.
    async fn sweep(&self) -> Result<()> {
        let entries = fs::read_dir(&self.folder).map_err(|error| Error::io("read", &self.folder, error))?;
        let is_gone = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(DELETED);
        let gone: Vec<PathBuf> = entries.flatten().filter(is_gone).map(|entry| entry.path()).collect();
        let remove = move || gone.iter().try_for_each(|path| home::remove(path));
        let done = tokio::task::spawn_blocking(remove).await;
        done.unwrap_or_else(|error| Err(Error::caused("delete a local cluster", error)))
    }

    fn place(&self, name: &str) -> Result<Place> {
        ClusterAddress::local(name)?;
        Place::at(&self.folder.join(name))
    }

    /// The directory of a cluster that is there; no link to elsewhere is.
    fn known(&self, name: &str) -> Result<Place> {
        let place = self.place(name)?;
        let is_there = fs::symlink_metadata(place.path()).is_ok_and(|facts| facts.is_dir());
        if !is_there || Stored::read(&place)?.is_none() {
            return Err(self.not_found(name));
        }
        place.check_owner()?;
        Ok(place)
    }

    fn not_found(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default();
        let near: Vec<&str> = {
            let mut near: Vec<_> = names.iter().map(|other| (strsim::jaro_winkler(name, other), other)).collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            near.into_iter().filter(|(score, _)| *score > 0.7).take(3).map(|(_, other)| other.as_str()).collect()
        };
        let error = start::not_found(name);
        if near.is_empty() {
            return error.with_hint(format!("local clusters are in `{}`", self.folder.display()));
        }
        error.with_hint(format!("did you mean `{}`?", near.join("`, `")))
    }

    /// The names of the directories that may be clusters.
    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.folder, error)),
        };
        let is_cluster = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let names = entries.flatten().filter(is_cluster).filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| ClusterAddress::local(name).is_ok()).collect();
        names.sort_unstable();
        Ok(names)
    }
}

fn label(name: &str) -> String {
    format!("local cluster `{name}`")
}
