//! What cluster is wanted, and how it is to be held.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::deploy::Deploy;
use super::guard::ManagedCluster;
use super::holding::{Holding, Suspend};
use super::info::{ClusterInfo, RunState};
#[cfg(feature = "local")]
use super::local::{LocalServerBuilder, LocalWish};
#[cfg(feature = "local")]
use super::process;
use crate::address::{AddressSources, ClusterAddress};
use crate::clock::{Clock, SystemClock};
#[cfg(feature = "cloud")]
use crate::cloud::CloudSettings;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::folder;
use crate::sql::Engine;

/// Which cluster is meant.
#[derive(Debug, Clone)]
enum Target {
    Address(ClusterAddress),
    Scratch(Engine),
}

/// A cluster to start; made by [`ManagedCluster::from_env`] and its like.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct ManagedClusterBuilder {
    target: Option<Target>,
    #[cfg(feature = "cloud")]
    cloud: super::cloud::Access,
    #[cfg(feature = "local")]
    name: Option<String>,
    #[cfg(feature = "local")]
    wish: Option<LocalWish>,
    timeout: Option<Duration>,
    drop_timeout: Duration,
    pauses: (Duration, Duration),
    suspend: Suspend,
    deploy: Option<Deploy>,
    events: Events,
    clock: Arc<dyn Clock>,
    folder: Option<PathBuf>,
    /// What is wrong with what was said, for `start` to tell.
    problems: Vec<Problem>,
}

/// An error that can be told more than once.
#[derive(Debug, Clone)]
struct Problem {
    what: String,
    hint: Option<String>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { what: error.to_string(), hint: error.hint() }
    }
}

impl ManagedClusterBuilder {
    pub(super) fn from_env() -> Self {
        let sources = AddressSources::new().process_environment().dotenv(Path::new(".env"));
        Self::new(sources.resolve().map(|resolved| Target::Address(resolved.address)))
    }

    pub(super) fn cloud(cluster: &str) -> Self {
        let address = ClusterAddress::cloud_id(cluster).or_else(|_| ClusterAddress::cloud_name(cluster));
        Self::new(address.map(Target::Address))
    }

    pub(super) fn local(engine: Engine) -> Self {
        Self::new(Ok(Target::Scratch(engine)))
    }

    pub(super) fn at(address: ClusterAddress) -> Self {
        Self::new(Ok(Target::Address(address)))
    }

    fn new(target: Result<Target>) -> Self {
        #[cfg(feature = "local")]
        let wish = match &target {
            Ok(Target::Scratch(engine)) => Some(LocalWish::new(*engine)),
            _ => None,
        };
        let (target, problems) = match target {
            Ok(target) => (Some(target), Vec::new()),
            Err(error) => (None, vec![error.into()]),
        };
        Self {
            target,
            #[cfg(feature = "cloud")]
            cloud: super::cloud::Access::default(),
            #[cfg(feature = "local")]
            name: None,
            #[cfg(feature = "local")]
            wish,
            timeout: None,
            drop_timeout: Duration::from_secs(30),
            pauses: (Duration::from_secs(1), Duration::from_secs(10)),
            suspend: Suspend::default(),
            deploy: None,
            events: Events::none(),
            clock: Arc::new(SystemClock),
            folder: None,
            problems,
        }
    }

    /// Uses this key of CrateDB Cloud instead of the environment's.
    #[cfg(feature = "cloud")]
    pub fn credentials(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.cloud.key = Some((key.into(), crate::secret::Secret::new(secret)));
        self
    }

    /// Uses the API at `url`, with the credentials that are said here; the environment's key is not sent there.
    #[cfg(feature = "cloud")]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.cloud.endpoint = Some(url.into());
        self
    }

    /// Uses these settings instead of the environment's.
    #[cfg(feature = "cloud")]
    pub fn cloud_settings(mut self, settings: CloudSettings) -> Self {
        self.cloud.settings = Some(settings);
        self
    }

    /// Sets the most that the start may take, and the most that `stop` may. Otherwise it is 45 minutes in the Cloud, where
    /// creating a cluster legitimately takes 30, and 90 seconds for a server of this machine.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long dropping the guard waits until its suspension is accepted; 30 seconds otherwise, and 0 not at all.
    pub const fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Sets how often its keeper is asked how far it is: after `first`, and then after pauses that grow up to `longest`;
    /// a second and ten otherwise.
    pub const fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.pauses = (first, longest);
        self
    }

    /// Sets when the cluster is suspended.
    pub const fn suspend(mut self, when: Suspend) -> Self {
        self.suspend = when;
        self
    }

    /// Allows a cluster that does not exist to be created, which costs money unless it is of the free tier.
    pub fn deploy(mut self, deploy: Deploy) -> Self {
        self.deploy = Some(deploy);
        self
    }

    /// Tells `events` what happens, with the keeper's own messages.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Waits by `clock`; for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps the registry and what else is remembered in `folder` instead of this user's state folder.
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Gives a server of this machine a name to come back to, as `local:NAME`: its data is kept when the guard leaves.
    #[cfg(feature = "local")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Starts a server of this machine as several nodes; one otherwise. Only CrateDB can.
    #[cfg(feature = "local")]
    pub fn nodes(self, nodes: usize) -> Self {
        self.wishing("nodes", |wish| wish.nodes(nodes))
    }

    /// Says more of each server process of this machine: settings, environment, programs, port.
    #[cfg(feature = "local")]
    pub fn configure(self, with: impl FnOnce(LocalServerBuilder) -> LocalServerBuilder) -> Self {
        self.wishing("configure", |wish| wish.configure(with))
    }

    #[cfg(feature = "local")]
    fn wishing(mut self, what: &str, with: impl FnOnce(LocalWish) -> LocalWish) -> Self {
        match self.wish.take() {
            Some(wish) => self.wish = Some(with(wish)),
            None => self.problems.push(
                Error::input(format!("`{what}` is for servers of this machine"))
                    .with_hint("begin with `ManagedCluster::local(engine)`")
                    .into(),
            ),
        }
        self
    }

    /// Looks what is there, and changes nothing.
    ///
    /// # Errors
    ///
    /// Bad input, or its keeper can't be asked. That there is no such cluster is an answer: [`RunState::Absent`].
    pub async fn probe(&self) -> Result<RunState> {
        let target = self.checked()?;
        match self.find(target).await {
            Ok(info) => Ok(info.state),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, target: &Target) -> Result<ClusterInfo> {
        match target {
            #[cfg(feature = "cloud")]
            Target::Address(ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_)) => {
                super::cloud::probe(&self.cloud, target.address()?).await
            }
            #[cfg(feature = "local")]
            Target::Address(ClusterAddress::Local(name)) => process::probe(name, &self.holding()?),
            #[cfg(feature = "local")]
            Target::Scratch(engine) => match &self.name {
                Some(name) => process::probe(name, &self.holding()?),
                None => Ok(process::absent("", Some(*engine))),
            },
            other => Err(other.cannot()),
        }
    }

    /// Brings the cluster up and waits until its database answers.
    ///
    /// # Guarantees
    ///
    /// The registry knows of it before the first remote effect. A start that fails, times out or is cancelled at any
    /// point undoes what it did.
    ///
    /// # Errors
    ///
    /// Bad input, all of it at once; no such cluster, where none may be created; the keeper refuses or fails; the
    /// deadline passed.
    pub async fn start(self) -> Result<ManagedCluster> {
        self.checked()?;
        let holding = self.holding()?;
        let Some(target) = self.target else { return Err(Error::input("no cluster is named")) };
        let started = match target {
            #[cfg(feature = "cloud")]
            Target::Address(address @ (ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_))) => {
                super::cloud::start(&self.cloud, &address, holding).await?
            }
            #[cfg(feature = "local")]
            Target::Address(ClusterAddress::Local(name)) => process::start(Some(name), None, holding).await?,
            #[cfg(feature = "local")]
            Target::Scratch(_) => process::start(self.name, self.wish, holding).await?,
            other => return Err(other.cannot()),
        };
        for note in &started.notes {
            tracing::warn!(cluster = started.cluster.name(), "{note}");
        }
        Ok(ManagedCluster::new(started.cluster, started.undo, started.notes))
    }

    /// How it is to be held, with what was not said filled in.
    pub(super) fn holding(&self) -> Result<Holding> {
        let folder = self.folder.clone().map_or_else(folder::state, Ok)?;
        Ok(Holding {
            timeout: self.timeout,
            drop_timeout: self.drop_timeout,
            pauses: self.pauses,
            suspend: self.suspend,
            deploy: self.deploy.clone(),
            events: self.events.clone(),
            clock: Arc::clone(&self.clock),
            folder,
        })
    }

    /// The target, where nothing is wrong with what was said.
    fn checked(&self) -> Result<&Target> {
        #[cfg_attr(not(feature = "cloud"), expect(unused_mut, reason = "nothing else can be wrong"))]
        let mut problems = self.problems.clone();
        #[cfg(feature = "cloud")]
        if self.target.as_ref().is_none_or(Target::is_in_cloud)
            && let Err(error) = self.cloud.settings()
        {
            problems.push(error.into());
        }
        match (&self.target, problems.as_slice()) {
            (Some(target), []) => Ok(target),
            (_, [one]) => Err(one.hint.iter().fold(Error::input(&one.what), |error, hint| error.with_hint(hint))),
            (_, several) => {
                let said: Vec<_> = several.iter().map(|problem| problem.what.as_str()).collect();
                let hints: Vec<_> = several.iter().filter_map(|problem| problem.hint.as_deref()).collect();
                Err(Error::input(said.join("; and ")).with_hint(hints.join("; ")))
            }
        }
    }
}

impl Target {
    #[cfg(feature = "cloud")]
    const fn is_in_cloud(&self) -> bool {
        matches!(self, Self::Address(ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_)))
    }

    #[cfg(feature = "cloud")]
    fn address(&self) -> Result<&ClusterAddress> {
        match self {
            Self::Address(address) => Ok(address),
            Self::Scratch(_) => Err(self.cannot()),
        }
    }

    /// Why this target can't be started.
    fn cannot(&self) -> Error {
        match self {
            Self::Address(ClusterAddress::Url(url)) => {
                Error::input(format!("{url} is the address of a database, which nobody here can start or suspend"))
                    .with_hint("give the id or name of a CrateDB Cloud cluster, or `local:NAME`")
            }
            Self::Address(other) => Error::input(format!("support for {other} is not compiled in")),
            Self::Scratch(engine) => Error::input(format!("support for a private {engine} is not compiled in")),
        }
    }
}
