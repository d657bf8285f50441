//! What this and earlier processes on this machine have started, so that nothing is forgotten.
//!
//! Each cluster that a guard holds has a record: who holds it, and whether somebody owes it to be suspended in the end.
//! It is written before the first remote effect. Who holds it is told by a *session*: a file per process that is locked
//! for as long as the process lives, so that one that was killed is known to be gone.
//!
//! ```text
//! sessions/<uuid>.lock     locked by a living process
//! clusters/<cluster>.json  the record of one cluster
//! clusters/<cluster>.lock  held while the record changes
//! ```
//!
//! No secret is in these files, and nothing here talks to a cluster.

pub(crate) mod file;
mod hold;
mod record;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use hold::{Departure, Hold};
pub use record::{Cause, ClusterKey, Holder, Obligation, Record};

use self::file::FileLock;
use self::session::Session;
use crate::error::{Error, Result};
use crate::hex;

/// The most that waiting for a record may take: each change of one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The records of a folder, seen by this process; cheap to clone.
///
/// Its functions block for as long as a file takes to be written.
#[derive(Debug, Clone)]
pub struct Registry {
    folder: PathBuf,
    session: Arc<Session>,
    /// On whose behalf it is written.
    caller: String,
}

impl Registry {
    /// Opens the registry below the state folder `folder`, and makes it where it is not there.
    ///
    /// # Errors
    ///
    /// The folder can't be written to.
    pub fn open(folder: &Path) -> Result<Self> {
        file::private_folder(folder)?;
        let session = Session::of_this_process(&folder.join("sessions"))?;
        file::private_folder(&folder.join("clusters"))?;
        Ok(Self { folder: folder.to_owned(), session, caller: String::new() })
    }

    /// Says on whose behalf records are written: a digest of the caller of the API, and no secret.
    #[must_use]
    pub fn on_behalf_of(mut self, caller: impl Into<String>) -> Self {
        self.caller = caller.into();
        self
    }

    /// Begins to hold `cluster`; none while a living process is suspending it, and the caller asks again later.
    ///
    /// # Errors
    ///
    /// The record can't be read or written.
    pub fn hold(&self, cluster: &ClusterKey) -> Result<Option<Hold>> {
        let holder = Holder { id: Uuid::new_v4(), session: self.session.id, since: Utc::now() };
        let held = self.change(cluster, |record| {
            if record.leaving.is_some() {
                return false;
            }
            record.holders.push(holder.clone());
            true
        })?;
        Ok(held.then(|| Hold::new(self.clone(), cluster.clone(), holder)))
    }

    /// The turn to create a cluster, of which there is one at a time; none while somebody else has it.
    ///
    /// # Errors
    ///
    /// The folder can't be written to.
    pub(crate) fn turn(&self) -> Result<Option<Turn>> {
        Ok(FileLock::try_take(&self.folder.join("creating.lock"))?.map(Turn))
    }

    /// Every record, in the order of names, without the processes that are gone.
    ///
    /// # Errors
    ///
    /// The folder or a record can't be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        let folder = self.folder.join("clusters");
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io("read", &folder, error))?;
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Error::io("read", &folder, error))?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(mut record) = read(&path)?
            {
                record.forget_dead(|session| self.is_alive(session));
                records.push(record);
            }
        }
        records.sort_by(|a, b| (&a.cluster.name, a.cluster.id).cmp(&(&b.cluster.name, b.cluster.id)));
        Ok(records)
    }

    /// Forgets the obligations `ids` of `cluster`, which were seen to.
    ///
    /// # Errors
    ///
    /// The record can't be read or written.
    pub fn settle(&self, cluster: &ClusterKey, ids: &[Uuid]) -> Result<()> {
        self.change(cluster, |record| record.obligations.retain(|owed| !ids.contains(&owed.id)))
    }

    /// Changes the record of `cluster` while nobody else can.
    fn change<T>(&self, cluster: &ClusterKey, change: impl FnOnce(&mut Record) -> T) -> Result<T> {
        let path = self.path(cluster);
        let lock = FileLock::take(&path.with_extension("lock"), PATIENCE)?;
        let mut record = read(&path)?.unwrap_or_else(|| Record::new(cluster.clone()));
        record.forget_dead(|session| self.is_alive(session));
        let result = change(&mut record);
        if record.is_settled() {
            file::remove(&path)?;
            lock.discard()?;
        } else {
            let text = serde_json::to_vec_pretty(&record).map_err(|error| Error::caused("write a record", error))?;
            file::replace(&path, &text)?;
        }
        Ok(result)
    }

    fn is_alive(&self, session: Uuid) -> bool {
        session == self.session.id || session::is_alive(&self.folder.join("sessions"), session)
    }

    /// One file per cluster. A digest of the endpoint and what has no id keeps apart what is called alike.
    fn path(&self, cluster: &ClusterKey) -> PathBuf {
        let name = cluster.id.map_or_else(|| format!("new-{}", cluster.name), |id| id.to_string());
        let digest = Sha256::digest(format!("{}\n{name}", cluster.endpoint));
        let digest = hex::digits(digest.iter().take(6));
        self.folder.join("clusters").join(format!("{name}-{digest}.json"))
    }
}

/// That a guard of this process is the only one on this machine to create a cluster just now.
#[derive(Debug)]
#[must_use = "dropping it lets others have their turn"]
pub(crate) struct Turn(#[expect(dead_code, reason = "it is there to be dropped")] FileLock);

fn read(path: &Path) -> Result<Option<Record>> {
    let Some(text) = file::read(path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Error::caused(format!("read the record `{}`", path.display()), error)
            .with_hint("it says who holds a cluster: look at it, and at the cluster, before you remove it")
    })
}

#[cfg(test)]
mod tests;
