//! The actions `cluster_start` and `cluster_stop`: what `cluster start` and `cluster stop` do, on a schedule.
//!
//! Both converge: a cluster that is as it is to be is left alone. A start that fails, takes longer than it may or is
//! cancelled is undone, as that of a guard: nobody stands by to see how far it has come. A stop that was asked for goes on.

use std::time::Instant;

use clusterkeep_core::address::ClusterAddress;
use clusterkeep_core::managed::{ManagedCluster, RunState};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{KnownAction, Run};
use serde::Deserialize;

use crate::commands::{no_cluster, stop_cluster};
use crate::compose::{Approve, CLUSTER_START, CLUSTER_STOP, arguments, wrong};
use crate::served::{Served, written};

/// What is done to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Start,
    Stop,
}

/// What a job's arguments say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// An address as `--cluster` takes it; the cluster of the command line, where it is missing.
    #[serde(default)]
    cluster: Option<String>,
    /// A stop needs it.
    #[serde(default)]
    approve: Option<Approve>,
}

impl Power {
    /// The name that jobs call it by.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Start => CLUSTER_START,
            Self::Stop => CLUSTER_STOP,
        }
    }

    /// The action, with what it is given.
    pub(crate) const fn known(self) -> KnownAction {
        let arguments = match self {
            Self::Start => "cluster: NAME",
            Self::Stop => "cluster: NAME, approve: within_guards",
        };
        KnownAction { name: self.action(), arguments, wrong: wrong::<Args> }
    }

    /// Checks the arguments of a job, as far as that can be done without asking anybody.
    ///
    /// # Errors
    ///
    /// Arguments that do not fit; a cluster that nobody here can start or stop; a stop that nobody has approved.
    pub(crate) fn check(
        self,
        job: &str,
        args: &serde_json::Map<String, serde_json::Value>,
        served: &Served,
    ) -> Result<()> {
        let args: Args = arguments(job, &self.known(), args)?;
        let address = match &args.cluster {
            Some(cluster) => written(cluster),
            None => served.address(None).map(Some),
        };
        let in_job = |error: Error| {
            let hint = error.hint();
            hint.into_iter().fold(Error::input(format!("job `{job}`: {error}")), Error::with_hint)
        };
        let address = address.map_err(in_job)?;
        if let Some(address) = &address {
            self.is_kept(address).map_err(in_job)?;
        }
        if self == Self::Stop && args.approve.is_none() {
            let cluster = address.map_or_else(|| "its cluster".to_owned(), |address| address.to_string());
            return Err(Error::input(format!("job `{job}` would stop {cluster}, and nobody has approved that"))
                .with_hint(self.known().example()));
        }
        Ok(())
    }

    /// Fails where the address is that of a database.
    fn is_kept(self, address: &ClusterAddress) -> Result<()> {
        let ClusterAddress::Url(url) = address else { return Ok(()) };
        let what = if self == Self::Start { "start" } else { "stop" };
        Err(no_cluster(url, what))
    }

    /// Does it, and says what was done.
    pub(crate) async fn run(self, served: &Served, run: &Run) -> Result<()> {
        let args: Args = arguments(run.job(), &self.known(), run.args())?;
        if args.cluster.is_none() && (run.is_stored() || run.args_by_hand().is_some()) {
            // What it names has to be listed on this machine; the cluster of the command line is not named, and so not asked for.
            return Err(Error::refused(format!("{} out of the store names no cluster", self.action()))
                .with_hint("say `cluster: NAME`, and list it under `clusters` in the file that --allow names"));
        }
        let address = served.address(args.cluster.as_deref())?;
        self.is_kept(&address)?;
        served.may_stop(&address).await?;
        let cluster = ManagedCluster::at(address.clone());
        let before = cluster.probe().await?;
        let began = Instant::now();
        let said = match self {
            Self::Start => {
                let guard = cluster.start().await?;
                let notes: String = guard.notes().iter().map(|note| format!("; {note}")).collect();
                guard.keep()?;
                match before {
                    RunState::Running => format!("{address} was running{notes}"),
                    _ => format!("{address} started in {} s{notes}", began.elapsed().as_secs()),
                }
            }
            Self::Stop if args.approve.is_none() => {
                return Err(Error::refused(format!(
                    "it would stop {address} ({before}), and nobody has approved that"
                ))
                .with_hint(self.known().example()));
            }
            Self::Stop => {
                stop_cluster(&address).await?;
                match before {
                    RunState::Suspended => format!("{address} was stopped"),
                    _ => format!("{address} stopped in {} s", began.elapsed().as_secs()),
                }
            }
        };
        run.message(said).await;
        Ok(())
    }
}
