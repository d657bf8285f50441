//! One process as the registry knows it: a file that is locked for as long as the process lives.
//!
//! A process id says nothing: another process may have it tomorrow. A lock ends with its holder, even a killed one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use uuid::Uuid;

use super::PATIENCE;
use super::file::{self, FileLock};
use crate::error::Result;

/// This process in one folder.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Uuid,
    lock: Mutex<Option<FileLock>>,
}

/// The sessions of this process, by folder; the lock of a session goes with the last guard.
static OWN: OnceLock<Mutex<HashMap<PathBuf, Weak<Session>>>> = OnceLock::new();

impl Session {
    /// The session of this process in `folder`.
    pub(super) fn of_this_process(folder: &Path) -> Result<Arc<Self>> {
        let mut own = OWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = own.get(folder).and_then(Weak::upgrade) {
            return Ok(session);
        }
        file::private_folder(folder)?;
        let id = Uuid::new_v4();
        let path = path(folder, id);
        // Somebody who looks whether it is alive may hold it for a moment.
        let lock = FileLock::take(&path, PATIENCE)?;
        let session = Arc::new(Self { id, lock: Mutex::new(Some(lock)) });
        own.insert(folder.to_owned(), Arc::downgrade(&session));
        Ok(session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = lock.map(FileLock::discard) {
            tracing::debug!(%error, "a session file stays behind; nobody holds it");
        }
    }
}

/// Whether the process of session `id` still runs. The file of one that does not is removed.
pub(super) fn is_alive(folder: &Path, id: Uuid) -> bool {
    let path = path(folder, id);
    match file::is_locked(&path) {
        Ok(true) => true,
        Ok(false) => {
            // Who is gone never comes back under this name, and somebody else may have removed it already.
            drop(file::remove(&path));
            false
        }
        Err(error) => {
            // What can't be known counts as alive: nothing is suspended under somebody who may be there.
            tracing::warn!(%error, session = %id, "can't tell whether a process still runs");
            true
        }
    }
}

fn path(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_dead_session_is_dead_for_all_who_look_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(4);
        for _ in 0..200 {
            let id = Uuid::new_v4();
            std::fs::write(path(folder.path(), id), "").unwrap();
            let look = || {
                barrier.wait();
                is_alive(folder.path(), id)
            };
            let alive = std::thread::scope(|scope| {
                let lookers: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
                lookers.into_iter().any(|looker| looker.join().unwrap())
            });
            assert!(!alive, "somebody took another one's look for a living process");
        }
    }

    #[test]
    fn a_living_session_is_alive_however_many_look() {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::of_this_process(folder.path()).unwrap();
        assert!(is_alive(folder.path(), session.id) && is_alive(folder.path(), session.id));
        let id = session.id;
        drop(session);
        assert!(!is_alive(folder.path(), id));
    }
}
