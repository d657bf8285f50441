//! Servers of this machine behind the guard.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::backend::{Backend, Undo};
use super::cluster::Cluster;
use super::holding::{Holding, Started, Suspend};
use super::info::{ClusterInfo, Keeper, KeeperHealth, Left, RunState, Status};
use super::local::{LocalCluster, LocalClusters, LocalEnd, LocalRecord, LocalState, LocalWish};
use crate::address::DatabaseUrl;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::{ConnectOptions, Db, Engine};

/// The named clusters below the state folder `folder`.
pub(super) fn clusters(folder: &Path) -> LocalClusters {
    LocalClusters::at(crate::folder::servers(folder))
}

/// What is there under `name`, and what it is doing.
pub(super) fn probe(name: &str, holding: &Holding) -> Result<ClusterInfo> {
    Ok(clusters(&holding.folder).find(name)?.map_or_else(|| absent(name, None), |record| ClusterInfo::from(&record)))
}

/// What there is to say of a cluster that is not there.
pub(super) fn absent(name: &str, engine: Option<Engine>) -> ClusterInfo {
    ClusterInfo {
        name: name.to_owned(),
        address: format!("local:{name}"),
        keeper: Keeper::Local,
        state: RunState::Absent,
        product: engine.map(|engine| engine.to_string()),
        version: None,
        place: None,
        url: None,
        can_suspend: true,
    }
}

impl From<&LocalRecord> for ClusterInfo {
    fn from(record: &LocalRecord) -> Self {
        Self {
            state: match record.state {
                LocalState::Running => RunState::Running,
                LocalState::Stopped => RunState::Suspended,
            },
            place: Some(record.directory.display().to_string()),
            url: record.url.clone(),
            ..absent(&record.name, Some(record.engine))
        }
    }
}

/// The cluster that is there under `name`, whatever it is doing.
pub(super) fn open(name: &str, holding: &Holding) -> Result<Cluster> {
    let clusters = clusters(&holding.folder);
    let record = clusters.find(name)?.ok_or_else(|| unknown(name, &clusters))?;
    let (name, engine) = (record.name, record.engine);
    Ok(Cluster::new(Arc::new(Process { name, engine, named: Some(clusters), url: None })))
}

fn unknown(name: &str, clusters: &LocalClusters) -> Error {
    let names: Vec<_> = clusters.list().unwrap_or_default().into_iter().map(|record| record.name).collect();
    let hint = if names.is_empty() {
        format!("make it with `clusterkeep cluster create --cluster local:{name} --engine postgres`")
    } else {
        format!("there are: {}", names.iter().map(|name| format!("local:{name}")).collect::<Vec<_>>().join(", "))
    };
    Error::input(format!("cluster not found: `local:{name}`")).with_hint(hint)
}

/// Starts the cluster `name`, one without a name where there is none, and waits until it answers.
pub(super) async fn start(name: Option<String>, wish: Option<LocalWish>, holding: Holding) -> Result<Started> {
    let wish = wish.map(|wish| match holding.timeout {
        Some(timeout) => wish.configure(|server| server.timeout(timeout)),
        None => wish,
    });
    let mut guard = match (&name, &wish) {
        (None, Some(wish)) => LocalClusters::scratch(wish).await?,
        (Some(name), Some(wish)) => clusters(&holding.folder).start(name, wish).await?,
        (Some(name), None) => {
            let clusters = clusters(&holding.folder);
            if clusters.find(name)?.is_none() {
                return Err(unknown(name, &clusters));
            }
            clusters.resume(name).await?
        }
        (None, None) => return Err(Error::input("neither the name nor the engine of a server is said")),
    };
    if holding.suspend == Suspend::Always && guard.is_kept() {
        guard.take_back()?;
    }
    let url = Secret::new(guard.url());
    let engine = url.expose().parse::<DatabaseUrl>()?.engine();
    let label = name.clone().unwrap_or_else(|| format!("private {engine}"));
    let named = name.is_some().then(|| clusters(&holding.folder));
    let cluster = Cluster::new(Arc::new(Process { name: label, engine, named, url: Some(url) }));
    let undo = ProcessUndo { guard, name, keep: holding.suspend == Suspend::Never };
    Ok(Started { cluster, undo: Box::new(undo), notes: Vec::new() })
}

/// A cluster of this machine, as something that can be asked.
#[derive(Debug)]
struct Process {
    name: String,
    engine: Engine,
    /// Where it is found by name, where it has one.
    named: Option<LocalClusters>,
    /// Its address, where a guard said it.
    url: Option<Secret>,
}

impl Process {
    fn record(&self) -> Result<Option<LocalRecord>> {
        self.named.as_ref().map_or(Ok(None), |clusters| clusters.find(&self.name))
    }

    /// The address with its password.
    async fn url(&self) -> Result<Secret> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let stopped = || {
            Error::failed(format!("local:{} is stopped", self.name))
                .with_hint(format!("start it with `clusterkeep cluster start --cluster local:{}`", self.name))
        };
        let clusters = self.named.as_ref().ok_or_else(stopped)?;
        let held = clusters.attach(&self.name).await?.ok_or_else(stopped)?;
        let url = Secret::new(held.url());
        // Whoever asks does not keep it running.
        held.stop().await?;
        Ok(url)
    }
}

#[async_trait]
impl Backend for Process {
    fn name(&self) -> &str {
        &self.name
    }

    async fn info(&self) -> Result<ClusterInfo> {
        if self.named.is_some() {
            return Ok(self
                .record()?
                .map_or_else(|| absent(&self.name, Some(self.engine)), |record| ClusterInfo::from(&record)));
        }
        let url = self.url().await?.expose().parse::<DatabaseUrl>()?;
        let (state, url) = (RunState::Running, Some(url.to_string()));
        Ok(ClusterInfo { address: self.name.clone(), state, url, ..absent(&self.name, Some(self.engine)) })
    }

    async fn health(&self) -> Result<Option<KeeperHealth>> {
        let info = self.info().await?;
        let (status, began) = match info.state {
            RunState::Running => (Status::Green, self.record()?.and_then(|record| record.started)),
            RunState::Suspended => (Status::Suspended, None),
            _ => (Status::Unknown, None),
        };
        Ok(Some(KeeperHealth { status, state: info.state, last_operation: None, last_seen: began }))
    }

    async fn connect(&self, options: ConnectOptions) -> Result<Db> {
        let url: DatabaseUrl = self.url().await?.expose().parse()?;
        Db::connect_with(&url, options).await
    }
}

/// What a guard of a cluster of this machine does when it leaves: it lets go, and the last one out ends it.
#[derive(Debug)]
struct ProcessUndo {
    guard: LocalCluster,
    name: Option<String>,
    keep: bool,
}

#[async_trait]
impl Undo for ProcessUndo {
    async fn stop(self: Box<Self>) -> Result<Left> {
        if self.keep {
            return self.guard.keep().map(|_| Left::Running);
        }
        Ok(match self.guard.stop().await? {
            LocalEnd::Ended if self.name.is_some() => Left::Suspended,
            LocalEnd::Ended => Left::Removed,
            LocalEnd::Held { others } => Left::Held { others },
            LocalEnd::Kept => Left::Running,
        })
    }

    fn keep(self: Box<Self>) -> Result<String> {
        let kept = self.guard.keep()?;
        Ok(self
            .name
            .map_or_else(|| kept.to_string(), |name| format!("clusterkeep cluster stop --cluster local:{name}")))
    }
}
