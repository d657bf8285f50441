//! Who starts, stops or deletes a cluster does it alone.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::super::home::{failed, nofollow};
use super::place::Place;
use crate::error::{Error, Result};

const PAUSE: Duration = Duration::from_millis(20);

/// A lock on a cluster's directory, for as long as this value; the system lets go of it with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock until `deadline`; `what` names the cluster. None where its directory is gone.
    ///
    /// # Errors
    ///
    /// Somebody else has it all the time; the directory can't be written to.
    pub(super) async fn acquire(place: &Place, what: &str, deadline: Instant) -> Result<Option<Self>> {
        loop {
            if let Some(lock) = Self::attempt(place)? {
                return Ok(Some(lock));
            }
            if !place.path().exists() {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                return Err(Error::Locked { what: format!("{what} is being started, stopped or deleted by another") });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn attempt(place: &Place) -> Result<Option<Self>> {
        let path = place.file("lock");
        let open = || nofollow().read(true).write(true).create(true).truncate(false).open(&path);
        let file = match open() {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path, error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
        // Who deletes a cluster leaves to those who wait a lock on a file that is no longer there.
        let identity = |facts: fs::Metadata| (facts.dev(), facts.ino());
        let same = fs::symlink_metadata(&path)
            .and_then(|there| Ok(identity(there) == identity(file.metadata()?)))
            .unwrap_or(false);
        Ok(same.then_some(Self { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_it_at_a_time_and_never_one_that_was_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path()).unwrap();
        let soon = || Instant::now() + Duration::from_millis(50);
        let first = Lock::acquire(&place, "local cluster `x`", soon()).await.unwrap().unwrap();
        let error = Lock::acquire(&place, "local cluster `x`", soon()).await.unwrap_err();
        assert!(matches!(error, Error::Locked { .. }) && error.to_string().contains("local cluster `x`"), "{error}");
        let waits = File::open(place.file("lock")).unwrap();
        fs::remove_file(place.file("lock")).unwrap();
        let second = Lock::acquire(&place, "local cluster `x`", soon()).await.unwrap().unwrap();
        drop(first);
        waits.try_lock().unwrap();
        drop(second);
        folder.close().unwrap();
        assert!(Lock::acquire(&place, "local cluster `x`", soon()).await.unwrap().is_none());
    }
}
