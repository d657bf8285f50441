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
    /// The obligations that this hold is seeing to.
    seeing_to: Vec<Uuid>,
    let_go: bool,
}

impl Hold {
    pub(super) const fn new(registry: Registry, cluster: ClusterKey, holder: Holder) -> Self {
        Self { registry, cluster, holder, seeing_to: Vec::new(), let_go: false }
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &ClusterKey {
        &self.cluster
    }

    /// Records that the cluster is to be suspended in the end, and returns the record's id.
    ///
    /// # Errors
    ///
    /// The record can't be written: nothing may be started then.
    pub fn oblige(&self, cause: Cause) -> Result<Uuid> {
        let (id, session) = (Uuid::new_v4(), self.holder.session);
        let caller = self.registry.caller.clone();
        let owed = Obligation { id, cause, since: Utc::now(), session, accepted: None, caller };
        self.registry.change(&self.cluster, |record| {
            // What was asked for before has either happened or is somebody else's affair by now.
            record.obligations.retain(|old| old.accepted.is_none());
            record.obligations.push(owed);
        })?;
        Ok(id)
    }

    /// What earlier processes have left to do, where nobody else holds the cluster.
    ///
    /// # Errors
    ///
    /// The record can't be read.
    pub fn left_over(&self) -> Result<Vec<Obligation>> {
        self.registry.change(&self.cluster, |record| {
            let others = record.holders.iter().any(|other| other.id != self.holder.id);
            if others { Vec::new() } else { record.obligations.clone() }
        })
    }

    /// Takes over what is owed to a cluster whose creation was asked for under a name and never answered, where nobody
    /// waits for that any more. Interrupted, it is owed under both.
    ///
    /// # Errors
    ///
    /// A record can't be read or written.
    pub fn adopt(&self, asked: &ClusterKey, is_it: impl Fn(&Obligation) -> bool) -> Result<()> {
        let owed: Vec<_> = self.registry.change(asked, |record| {
            let waiting = !record.holders.is_empty() || record.leaving.is_some();
            record.obligations.iter().filter(|owed| !waiting && is_it(owed)).cloned().collect()
        })?;
        if owed.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = owed.iter().map(|owed| owed.id).collect();
        self.registry.change(&self.cluster, |record| {
            record.obligations.retain(|known| !ids.contains(&known.id));
            record.obligations.extend(owed);
        })?;
        self.registry.settle(asked, &ids)
    }

    /// Takes one's own obligation `id` back: somebody else made the cluster run.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn withdraw(&self, id: Uuid) -> Result<()> {
        self.registry.settle(&self.cluster, &[id])
    }

    /// Records that nobody owes the cluster anything: somebody wants it to run on.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn release(&self) -> Result<()> {
        self.registry.change(&self.cluster, |record| record.obligations.clear())
    }

    /// Records that the suspension that [`leave`](Self::leave) asked for was accepted and is under way.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn accepted(&self) -> Result<()> {
        self.registry.change(&self.cluster, |record| {
            for owed in record.obligations.iter_mut().filter(|owed| self.seeing_to.contains(&owed.id)) {
                owed.accepted.get_or_insert_with(Utc::now);
            }
        })
    }

    /// Records that the suspension that was accepted has failed: it is owed as before.
    ///
    /// # Errors
    ///
    /// The record can't be written.
    pub fn failed(&self) -> Result<()> {
        self.registry.change(&self.cluster, |record| {
            for owed in record.obligations.iter_mut().filter(|owed| self.seeing_to.contains(&owed.id)) {
                owed.accepted = None;
            }
        })
    }

    /// Lets go of the cluster and has it run on: nobody owes it anything. Either both are on record, or neither is.
    ///
    /// # Errors
    ///
    /// The record can't be written; the hold stays then.
    pub fn keep(&mut self) -> Result<()> {
        self.registry.change(&self.cluster, |record| {
            record.obligations.clear();
            record.holders.retain(|other| other.id != self.holder.id);
        })?;
        self.let_go = true;
        Ok(())
    }

    /// Leaves, and says what is left to do.
    ///
    /// # Errors
    ///
    /// The record can't be read or written; the hold stays then.
    pub fn leave(&mut self) -> Result<Departure> {
        let holder = &self.holder;
        let (departure, seeing_to) = self.registry.change(&self.cluster, |record| {
            record.holders.retain(|other| other.id != holder.id);
            // What this hold has asked for already is still its own to see to.
            let own = || record.obligations.iter().find(|owed| self.seeing_to.contains(&owed.id));
            match record.open().or_else(own) {
                Some(owed) if record.holders.is_empty() => {
                    let cause = owed.cause;
                    let seeing_to = record.obligations.iter().map(|owed| owed.id).collect();
                    record.leaving = Some(holder.clone());
                    (Departure::Suspend { cause }, seeing_to)
                }
                _ => (Departure::Stays { others: record.holders.len() }, Vec::new()),
            }
        })?;
        self.let_go = seeing_to.is_empty();
        self.seeing_to = seeing_to;
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
        self.registry.change(&self.cluster, |record| {
            record.holders.retain(|other| other.id != self.holder.id);
            record.leaving.take_if(|leaving| leaving.id == self.holder.id);
            if done {
                record.obligations.retain(|owed| !self.seeing_to.contains(&owed.id));
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
