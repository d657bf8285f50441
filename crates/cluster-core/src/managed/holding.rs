//! How a cluster is held: what is the same for every keeper.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::backend::Undo;
use super::cluster::Cluster;
use super::deploy::Deploy;
use crate::clock::Clock;
use crate::event::Events;

/// The most that a start or a stop in the Cloud may take, unless told otherwise.
#[cfg(feature = "cloud")]
const CLOUD_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// When a guard suspends its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Suspend {
    /// Where it, or another guard on this machine, resumed or created it.
    #[default]
    WhatItStarted,
    /// Also where it was found running.
    Always,
    /// Never: as if `keep` had been said from the beginning.
    Never,
}

/// What is the same for every keeper.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "cloud"), expect(dead_code, reason = "servers of this machine need less"))]
pub(super) struct Holding {
    /// None where each keeper has its own idea.
    pub(super) timeout: Option<Duration>,
    pub(super) drop_timeout: Duration,
    pub(super) pauses: (Duration, Duration),
    pub(super) suspend: Suspend,
    pub(super) deploy: Option<Deploy>,
    pub(super) events: Events,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) folder: PathBuf,
}

#[cfg(feature = "cloud")]
impl Holding {
    /// The most that a start or a stop may take.
    pub(super) fn limit(&self) -> Duration {
        self.timeout.unwrap_or(CLOUD_TIMEOUT)
    }

    /// How operations of the Cloud are waited for.
    pub(super) fn wait(&self) -> crate::cloud::Wait {
        crate::cloud::Wait::default()
            .clock(Arc::clone(&self.clock))
            .timeout(self.limit())
            .events(self.events.clone())
            .pauses(self.pauses.0, self.pauses.1)
    }
}

/// A guard that was made, from its first effect on.
pub(super) struct Started {
    pub(super) cluster: Cluster,
    pub(super) undo: Box<dyn Undo>,
    pub(super) notes: Vec<String>,
}
