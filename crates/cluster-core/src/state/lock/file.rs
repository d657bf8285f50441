//! A lock on a file beside the database, which the operating system unlocks when its process ends: SQLite's.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::session::key_of;
use super::{State, locked};
use crate::error::{Error, Result};
use crate::plan::Lock;

/// A locked file.
pub(super) struct FileLock(File);

impl FileLock {
    pub(super) fn take(state: &State, name: &str) -> Result<Self> {
        let path = match state.db().file() {
            // Beside the database, so that every program that opens the one finds the other.
            Some(database) => {
                let mut path = database.into_os_string();
                path.push(".lock");
                PathBuf::from(path)
            }
            None => return in_memory(name).map(Self),
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io("open the lock file", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(locked(name)),
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
        }
    }
}

/// A database in memory has one owner: a lock on an unlinked file of its own keeps the types the same.
fn in_memory(name: &str) -> Result<File> {
    /// Two of this process, each of a database of its own, must not unlink one another's.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (process, nth) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(format!("clusterkeep-{:016x}-{process}-{nth}.lock", key_of(name)));
    let file = File::create(&path).map_err(|e| Error::io("create the lock file", &path, e))?;
    std::fs::remove_file(&path).map_err(|e| Error::io("unlink the lock file", &path, e))?;
    file.lock().map_err(|e| Error::io("lock", &path, e))?;
    Ok(file)
}

#[async_trait]
impl Lock for FileLock {
    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<()> {
        self.0.unlock().map_err(|e| Error::io("unlock", "the lock file", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_many_databases_in_memory_are_not_in_each_others_way() {
        let take = || (0..200).for_each(|_| drop(in_memory("retention:same").unwrap()));
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(take))));
    }
}
