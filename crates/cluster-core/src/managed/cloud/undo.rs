//! What a guard of a cluster in CrateDB Cloud does when it leaves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::super::backend::Undo;
use super::super::holding::Holding;
use super::super::info::Left;
use super::super::worker;
use super::suspend::{self, Which};
use crate::cloud::{CloudClient, Wait};
use crate::error::{Error, Result};
use crate::registry::{Cause, Departure, Hold};

/// The most that the suspension by a dropped guard may take in the background, for as long as the process lives.
const BACKGROUND: Duration = Duration::from_secs(15 * 60);
/// How much later it is cut off, where it does not end by itself then and say so.
const GRACE: Duration = Duration::from_secs(2 * 60);
/// How often a dropped guard tries to leave whose record can't be read or written.
const AGAIN: Duration = Duration::from_secs(1);

/// The hold on a cluster, and what is to be done when it ends.
#[derive(Debug)]
pub(super) struct CloudUndo {
    client: CloudClient,
    which: Which,
    name: String,
    wait: Wait,
    stop_timeout: Duration,
    drop_timeout: Duration,
    /// Whether the cluster was created for this guard.
    is_new: bool,
    /// Whether something that makes the cluster run was sent and not answered: it may yet be done.
    asking: AtomicBool,
    /// Gone when there is nothing left to do.
    hold: Option<Hold>,
}

impl CloudUndo {
    pub(super) fn new(client: CloudClient, which: Which, hold: Hold, holding: &Holding) -> Self {
        let name = hold.cluster().name.clone();
        Self {
            client,
            which,
            name,
            // A start that ran out of time has to be undone all the same.
            wait: holding.wait().timeout(BACKGROUND),
            stop_timeout: holding.limit(),
            drop_timeout: holding.drop_timeout,
            is_new: false,
            asking: AtomicBool::new(false),
            hold: Some(hold),
        }
    }

    /// The cluster, once it is there.
    pub(super) fn id(&self) -> Result<Uuid> {
        self.which.id().ok_or_else(|| Error::failed(format!("cluster {} is not created yet", self.name)))
    }

    /// Whether the cluster was created for this guard.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Something that makes the cluster run is being sent, or what became of that is known; returns what was before.
    pub(super) fn asking(&self, asking: bool) -> bool {
        self.asking.swap(asking, Ordering::Relaxed)
    }

    /// Takes it on to suspend the cluster in the end.
    pub(super) fn oblige(&self, cause: Cause) -> Result<Option<Uuid>> {
        self.hold.as_ref().map(|hold| hold.oblige(cause)).transpose()
    }

    /// Takes that back: somebody else made the cluster run.
    pub(super) fn withdraw(&self, obligation: Option<Uuid>) -> Result<()> {
        let pair = self.hold.as_ref().zip(obligation);
        pair.map_or(Ok(()), |(hold, obligation)| hold.withdraw(obligation))
    }

    /// Forgets what earlier processes owed to the cluster `id`, which runs, where it is not their run any more.
    pub(super) async fn forget_earlier_run(&self, id: Uuid) -> Result<()> {
        let Some(hold) = &self.hold else { return Ok(()) };
        let owed = hold.left_over()?;
        if !owed.is_empty() && suspend::runs_anew(&self.client, id, &owed).await? {
            tracing::info!(
                cluster = self.name,
                "somebody has suspended and resumed a cluster that a process left running"
            );
            owed.iter().try_for_each(|owed| hold.withdraw(owed.id))?;
        }
        Ok(())
    }

    /// Owes the cluster nothing any more.
    pub(super) fn release(&self) -> Result<()> {
        self.hold.as_ref().map_or(Ok(()), Hold::release)
    }

    /// The cluster is there now, under an id; `hold` is the hold on that.
    pub(super) fn created(&mut self, id: Uuid, hold: Hold) -> Result<()> {
        (self.which, self.is_new) = (Which::Id(id), true);
        // Whoever asked for one of the name before is gone, and there was none.
        self.hold.replace(hold).map_or(Ok(()), |mut intent| intent.keep())
    }

    /// Leaves after a start that failed, here rather than by dropping it: this waits without blocking the runtime.
    pub(super) async fn give_up(&mut self) {
        if let Err(left) = self.leave().await {
            tracing::warn!(cluster = self.name, error = %left, "what a failed start began is not undone");
        }
    }

    /// Leaves, and waits until what that asks for is done.
    pub(super) async fn leave(&mut self) -> Result<Left> {
        // The hold stays in its place while this waits: cancelled here, the guard is dropped and goes on by itself.
        let Some(hold) = self.hold.as_mut() else { return Ok(Left::AlreadySuspended) };
        let untold = |error| {
            Error::caused(format!("tell whether to suspend cluster {}", self.name), error)
                .with_hint(format!("by hand: {}", command(&self.which, &self.name)))
        };
        match hold.leave().map_err(untold)? {
            Departure::Stays { others } => {
                self.hold = None;
                Ok(if others == 0 { Left::Running } else { Left::Held { others } })
            }
            Departure::Suspend { .. } => {
                let looks = suspend::looks(self.asking.load(Ordering::Relaxed));
                let left = suspend::down(&self.client, &self.which, looks, &self.wait, || suspend::note(hold)).await;
                let Some(hold) = self.hold.take() else { return left };
                let recorded = suspend::over(hold, &left);
                let left = left?;
                recorded?;
                Ok(left)
            }
        }
    }
}

#[async_trait]
impl Undo for CloudUndo {
    async fn stop(mut self: Box<Self>) -> Result<Left> {
        let (limit, name) = (self.stop_timeout, self.name.clone());
        match tokio::time::timeout(limit, self.leave()).await {
            Ok(left) => left,
            Err(_) => Err(Error::failed(format!("suspend cluster {name}: not done after {} s", limit.as_secs()))
                .with_hint(format!("look at it with `clusterkeep cluster info --cluster {name}`"))),
        }
    }

    fn keep(mut self: Box<Self>) -> Result<String> {
        if let Some(hold) = self.hold.as_mut() {
            hold.keep()?;
        }
        self.hold = None;
        Ok(command(&self.which, &self.name))
    }
}

/// What suspends the cluster by hand.
fn command(which: &Which, name: &str) -> String {
    which.id().map_or_else(
        || format!("clusterkeep cluster stop --cluster {name}"),
        |id| format!("clusterkeep cluster stop --cluster {id}"),
    )
}

/// Tells what became of the cluster of a dropped guard, and what suspends it by hand.
fn tell((cluster, by_hand): &(String, String), end: &Result<Left>) {
    match end {
        Ok(Left::CannotSuspend) => tracing::warn!(cluster, "a dropped guard's cluster can't be suspended: it runs on"),
        Ok(left) => tracing::info!(cluster, "a dropped guard has left its cluster: {left}"),
        Err(error) => {
            tracing::error!(cluster, %error, "a dropped guard could not suspend its cluster; by hand: {by_hand}");
        }
    }
}

impl Drop for CloudUndo {
    fn drop(&mut self) {
        let Some(mut hold) = self.hold.take() else { return };
        let (cluster, by_hand) = (self.name.clone(), command(&self.which, &self.name));
        let departure = hold.leave();
        let patience = match &departure {
            Ok(Departure::Stays { others }) => {
                tracing::debug!(cluster, others, "a guard has left, its cluster stays as it is");
                return;
            }
            Ok(Departure::Suspend { .. }) => self.drop_timeout,
            Err(error) => {
                tracing::error!(cluster, %error, "a dropped guard can't tell whether to suspend; by hand: {by_hand}");
                Duration::ZERO
            }
        };
        let (client, which, wait) = (self.client.clone(), self.which.clone(), self.wait.clone());
        let looks = suspend::looks(self.asking.load(Ordering::Relaxed));
        let (dropped, later) = ((cluster.clone(), by_hand.clone()), (cluster.clone(), by_hand.clone()));
        let mut departure = departure.ok();
        let job = async move |answer: worker::Answer<Result<Left>>| {
            // A disk that is full may be so for a while only.
            while departure.is_none() {
                tokio::time::sleep(AGAIN).await;
                departure = hold.leave().ok();
            }
            if matches!(departure, Some(Departure::Stays { .. })) {
                return;
            }
            let accepted = || {
                suspend::note(&hold);
                drop(answer.say(Ok(Left::Suspended)));
            };
            // Connections of the client belong to a runtime that may be gone.
            let left = match client.fresh() {
                Ok(client) => suspend::down(&client, &which, looks, &wait, accepted).await,
                Err(error) => Err(error),
            };
            let recorded = suspend::over(hold, &left);
            // Whoever dropped the guard heard only that it was accepted, or nothing: then it is told from here.
            if let Some(end) = answer.say(left.and_then(|left| recorded.map(|()| left))) {
                tell(&later, &end);
            }
        };
        match worker::run(patience, BACKGROUND + GRACE, job) {
            Ok(Some(end)) => tell(&dropped, &end),
            Ok(None) => {
                tracing::error!(
                    cluster,
                    "a dropped guard does not know yet whether its cluster is suspended; by hand: {by_hand}"
                );
            }
            Err(error) => {
                tracing::error!(cluster, %error, "a dropped guard could not suspend its cluster; by hand: {by_hand}");
            }
        }
    }
}
