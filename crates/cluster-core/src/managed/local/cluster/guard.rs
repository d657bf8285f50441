//! The guard of a cluster of this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::super::engine::Recipe;
use super::super::log;
use super::super::ready::{self, Obstacle};
use super::super::supervisor::Supervisor;
use super::hold::{self, Hold};
use super::keeper;
use super::kept::KeptCluster;
use super::node::LocalNode;
use super::place::Place;
use super::stored::Run;
use crate::error::{Error, Result};
use crate::sql::Db;

const PAUSE: Duration = Duration::from_millis(10);
/// How long the keeper may take to see that nobody holds the cluster any more.
const NOTICE: Duration = Duration::from_secs(3);
/// How often a server is looked at while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// What became of a cluster when one of its guards went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalEnd {
    /// This was the last guard, and the cluster has ended.
    Ended,
    /// So many others hold it: it ends with the last of them.
    Held {
        /// The number of other guards.
        others: usize,
    },
    /// It was kept, and lives on without a guard.
    Kept,
}

/// A cluster of this machine that lives as long as the last of its guards; see [`LocalClusters`](super::LocalClusters).
///
/// # Drop behaviour
///
/// Dropping it lets go of the cluster. Where that was the last guard on this machine, the cluster ends, and this blocks
/// until it has, for the time that its servers are granted at most. It works in a runtime of any flavour and without one,
/// never panics, and logs what went wrong. [`stop`](Self::stop) does the same without blocking the runtime, and returns
/// it. Where this process is killed, the system lets go of the cluster for it.
#[must_use = "dropping the guard ends the cluster"]
pub struct LocalCluster {
    pub(super) label: String,
    pub(super) recipe: &'static dyn Recipe,
    pub(super) nodes: Vec<LocalNode>,
    pub(super) run: Uuid,
    pub(super) patience: Duration,
    pub(super) found_running: bool,
    /// None when it was let go.
    pub(super) hold: Option<Hold>,
    /// The processes that this one started.
    pub(super) children: Vec<Supervisor>,
    pub(super) place: Place,
}

impl LocalCluster {
    /// The address of its database on the first node, as its superuser, with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.nodes.first().map_or("", LocalNode::url)
    }

    /// The address of the database that is always there, as its superuser, with the password.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        self.nodes.first().map_or("", |node| node.urls.maintenance.expose())
    }

    /// The address of the database `name` on it, as its superuser, with the password.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        self.nodes.first().map_or_else(String::new, |node| node.urls.of(name))
    }

    /// Its servers.
    #[must_use]
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// Its directory, with what its servers keep.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Whether it ran already when this guard came.
    #[must_use]
    pub const fn found_running(&self) -> bool {
        self.found_running
    }

    /// Whether it lives on without a guard: see [`keep`](Self::keep).
    #[must_use]
    pub fn is_kept(&self) -> bool {
        hold::is_kept(&self.place)
    }

    /// How many other guards hold it, of this process and others.
    #[must_use]
    pub fn others(&self) -> usize {
        self.hold.as_ref().map_or(0, |hold| hold.others(&self.place))
    }

    /// Connects to its database.
    ///
    /// # Errors
    ///
    /// The driver is not compiled in, or the first server has ended.
    pub async fn db(&self) -> Result<Db> {
        Db::connect(self.url()).await
    }

    /// Checks that none of its servers has ended.
    ///
    /// # Errors
    ///
    /// One has, with the end of its log.
    pub fn check(&self) -> Result<()> {
        self.failed_node().map_or(Ok(()), |(node, status)| {
            let what = format!("{} has ended with {status}", self.name_of(node));
            Err(ready::with_log(what, &node.log(), &log::tail(&node.log())))
        })
    }

    /// Lets the cluster live on when its guards, and this process, are gone.
    ///
    /// It can be found, held again and [stopped](super::LocalClusters::stop) by its name.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn keep(mut self) -> Result<KeptCluster> {
        self.set_kept(true)?;
        self.place.keep();
        let children = std::mem::take(&mut self.children);
        self.hold = None;
        keeper::look_after(children);
        Ok(KeptCluster::new(&self.label, &self.nodes, self.place.path()))
    }

    /// Takes back an earlier [`keep`](Self::keep): the cluster ends with the last of its guards again.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn take_back(&mut self) -> Result<()> {
        self.set_kept(false)
    }

    fn set_kept(&mut self, kept: bool) -> Result<()> {
        let ended = |error| Error::caused(format!("keep or take back {} that has ended already", self.label), error);
        let hold = self.hold.as_mut().ok_or_else(|| Error::failed(format!("{} was let go already", self.label)))?;
        let word = if kept { "keep" } else { "release" };
        hold.say(&self.place, word).and_then(|()| hold::until_kept(&self.place, kept)).map_err(ended)
    }

    /// Lets go of the cluster, and waits until it has ended where this was the last guard.
    ///
    /// # Errors
    ///
    /// A server had ended by itself before, with the end of its log; one had to be killed; a temporary directory can't
    /// be removed. This guard holds nothing any more in each case.
    pub async fn stop(mut self) -> Result<LocalEnd> {
        // Where the runtime is shutting down the task is dropped unrun, and the guard in it lets go.
        match tokio::task::spawn_blocking(move || self.end()).await {
            Ok(result) => result,
            Err(error) => Err(Error::caused("wait for a local cluster to end", error)),
        }
    }

    /// The same as [`stop`](Self::stop), for where there is no runtime: blocks until it is done.
    ///
    /// # Errors
    ///
    /// As for `stop`.
    pub fn stop_blocking(mut self) -> Result<LocalEnd> {
        self.end()
    }

    /// Waits until all servers answer and know one another.
    pub(super) async fn become_ready(&mut self, deadline: Instant) -> Result<(), Obstacle> {
        let (place, nodes, recipe) = (&self.place, &self.nodes, self.recipe);
        let Some(hold) = self.hold.as_mut() else { return Err(Obstacle::Silence("it was let go".into())) };
        let answers = async {
            let confirmed = hold.confirm(place).await.map_err(Obstacle::Refusal)?;
            if !confirmed {
                // Why, the server's own end says.
                tokio::time::sleep(LOOK * 4).await;
                return Err(Obstacle::Silence("it ended".into()));
            }
            for node in nodes {
                recipe.probe().until_answered(node.port()).await;
                ready::formed(node.url(), nodes.len()).await.map_err(Obstacle::Refusal)?;
            }
            Ok(())
        };
        let ended = async {
            loop {
                if let Some((node, status)) = nodes.iter().find_map(|node| Some((node, node.ended(place)?))) {
                    return (node.index, status);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let what = tokio::select! {
            // Whoever answers when our server has ended is somebody else's.
            biased;
            (index, status) = ended => match nodes.len() {
                1 => format!("it ended with {status}"),
                _ => format!("node {index} ended with {status}"),
            },
            answer = answers => return answer,
            () = tokio::time::sleep_until(deadline.into()) => "it did not answer in time".to_owned(),
        };
        Err(Obstacle::Silence(what))
    }

    /// Lets go of what did not become ready; returns why it did not, and the log where that was put aside.
    pub(super) async fn discard(mut self, obstacle: Obstacle) -> (Error, Option<PathBuf>) {
        let index = self.failed_node().map_or(0, |(node, _)| node.index);
        let (path, aside) = match &obstacle {
            Obstacle::Silence(_) => self.log(index),
            Obstacle::Refusal(_) => (PathBuf::new(), None),
        };
        let tail = self.nodes.get(index).map_or_else(String::new, |node| log::tail(&node.log()));
        let error = obstacle.into_error(&self.product(), &path, &tail);
        // Why it ended is known already.
        drop(tokio::task::spawn_blocking(move || self.let_go(None)).await);
        (error, aside)
    }

    /// The log of a node; it is put aside where its directory is about to go.
    fn log(&self, index: usize) -> (PathBuf, Option<PathBuf>) {
        let logs: Vec<PathBuf> = self.nodes.iter().map(LocalNode::log).collect();
        let aside = if self.place.is_temporary() { log::keep(self.recipe.slug(), &logs) } else { None };
        let path = aside.clone().or_else(|| logs.get(index).cloned()).unwrap_or_default();
        (path, aside)
    }

    fn product(&self) -> String {
        format!("{} ({})", self.label, self.recipe.product())
    }

    fn name_of(&self, node: &LocalNode) -> String {
        if self.nodes.len() == 1 { self.product() } else { format!("node {} of {}", node.index, self.product()) }
    }

    /// Whether what runs here now, if anything, is still what this guard has held.
    fn is_current(&self) -> bool {
        Run::read(&self.place).ok().flatten().is_none_or(|run| run.id == self.run)
    }

    /// The first server that ended though nobody asked for it.
    fn failed_node(&self) -> Option<(&LocalNode, String)> {
        if !self.is_current() || hold::was_ended(&self.place) {
            return None;
        }
        self.nodes.iter().find_map(|node| Some((node, node.ended(&self.place)?)))
    }

    /// Lets go; there is nothing to let go of the second time. Needs no runtime, and its waiting is bounded.
    pub(crate) fn end(&mut self) -> Result<LocalEnd> {
        if self.hold.is_none() {
            return Ok(LocalEnd::Ended);
        }
        let failure = self.failed_node().map(|(node, status)| {
            let what = format!("{} had ended with {status}", self.name_of(node));
            ready::with_log(what, &self.log(node.index).0, &log::tail(&node.log()))
        });
        self.let_go(failure)
    }

    /// Lets go of what has failed in that way, if it has.
    fn let_go(&mut self, failure: Option<Error>) -> Result<LocalEnd> {
        drop(self.hold.take());
        let (end, in_order) = self.wait();
        keeper::look_after(std::mem::take(&mut self.children));
        if end == LocalEnd::Ended {
            self.place.remove()?;
        }
        match failure {
            Some(failure) => Err(failure),
            None if !in_order => Err(Error::failed(format!("{} did not end in time", self.product()))
                .with_hint("what is left of it is shown by the log in its directory, and by `ps`")),
            None => Ok(end),
        }
    }

    /// Waits until the cluster has ended or it is clear that it stays; returns which, and whether that was in time.
    fn wait(&mut self) -> (LocalEnd, bool) {
        let begun = Instant::now();
        let mut deadline = begun + self.patience;
        let mut in_order = true;
        loop {
            self.children.retain_mut(|child| child.exited().is_none());
            if !self.place.is_alive(self.nodes.len()) || !self.is_current() {
                return (LocalEnd::Ended, in_order);
            }
            if hold::is_kept(&self.place) {
                return (LocalEnd::Kept, true);
            }
            let others = hold::holders(&self.place, None);
            if others > 0 {
                return (LocalEnd::Held { others }, true);
            }
            if begun.elapsed() > NOTICE && matches!(self.place.open_fifo(), Ok(Some(_))) {
                // Somebody has come and not yet got to locking the answer; perhaps this very thread keeps them from it.
                return (LocalEnd::Held { others: 1 }, true);
            }
            if Instant::now() >= deadline {
                if !in_order {
                    return (LocalEnd::Ended, false);
                }
                in_order = false;
                self.children.iter_mut().for_each(Supervisor::kill);
                deadline += Duration::from_secs(1);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl fmt::Debug for LocalCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("LocalCluster");
        text.field("label", &self.label).field("product", &self.recipe.product()).field("nodes", &self.nodes);
        text.finish_non_exhaustive()
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(cluster = self.label, directory = %self.place.path().display(), %error, "local cluster");
        }
    }
}
