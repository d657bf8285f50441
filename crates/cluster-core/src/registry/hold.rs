//! One guard's hold on a cluster.

use chrono::Utc;
use uuid::Uuid;

use super::{Cause, ClusterKey, Holder, Obligation, Registry};
use crate::error::Result;

/// What whoever leaves has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// Others hold the cluster, or nobody owes it anything: it stays as it is.
    Stays {
        /// How many others on this machine hold it.
        others: usize,
    },
    /// This was the last one out, and the cluster is to be suspended. Until [`Hold::left`] nobody else can begin to hold
    /// it.
    Suspend {
        /// What it comes from.
        cause: Cause,
    },
}

/// That a guard of this process relies on a cluster.
///
/// Dropping it lets go of the cluster and leaves what is owed to it to whoever holds it yet, or to the sweep.
#[derive(Debug)]
#[must_use = "dropping it lets go of the cluster"]
pub struct Hold {
    registry: Registry,
    cluster: ClusterKey,
    holder: Holder,
    /// The obligation that this hold is seeing to.
    seeing_to: Option<Uuid>,
    let_go: bool,
}

impl Hold {
    pub(super) const fn new(registry: Registry, cluster: ClusterKey, holder: Holder) -> Self {
        Self { registry, cluster, holder, seeing_to: None, let_go: false }
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &ClusterKey {
        &self.cluster
    }

    /// Records that the cluster is to be suspended in the end; an obligation that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// The record can't be written: nothing may be started then.
    pub fn oblige(&self, cause: Cause) -> Result<()> {
        let obligation = Obligation { id: Uuid::new_v4(), cause, since: Utc::now(), session: self.holder.session };
        self.registry.change(&self.cluster, |record| {
            record.obligation.get_or_insert(obligation);
        })
    }

    /// Records that nobody owes the cluster anything: somebody wants it to run on, or somebody else made it run.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn release(&self) -> Result<()> {
        self.registry.change(&self.cluster, |record| record.obligation = None)
    }

    /// Leaves, and says what is left to do.
    ///
    /// # Errors
    ///
    /// The record can't be read or written; the hold stays then.
    pub fn leave(&mut self) -> Result<Departure> {
        let holder = &self.holder;
        let (departure, obligation) = self.registry.change(&self.cluster, |record| {
            record.holders.retain(|other| other.id != holder.id);
            match &record.obligation {
                Some(obligation) if record.holders.is_empty() => {
                    record.leaving = Some(holder.clone());
                    (Departure::Suspend { cause: obligation.cause }, Some(obligation.id))
                }
                _ => (Departure::Stays { others: record.holders.len() }, None),
            }
        })?;
        self.seeing_to = obligation;
        self.let_go = obligation.is_none();
        Ok(departure)
    }

    /// Says that the suspension that [`leave`](Self::leave) asked for is done, or that it is left to the sweep.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn left(mut self, done: bool) -> Result<()> {
        self.let_go = true;
        self.forget(done)
    }

    fn forget(&self, done: bool) -> Result<()> {
        let (holder, seeing_to) = (self.holder.id, self.seeing_to);
        self.registry.change(&self.cluster, |record| {
            record.holders.retain(|other| other.id != holder);
            record.leaving.take_if(|leaving| leaving.id == holder);
            if done {
                record.obligation.take_if(|obligation| Some(obligation.id) == seeing_to);
            }
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.let_go {
            return;
        }
        if let Err(error) = self.forget(false) {
            tracing::warn!(cluster = %self.cluster.name, %error, "let go of a cluster");
        }
    }
}
