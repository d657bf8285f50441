//! Lock and audit of plans that are about more than one database can keep: files in the user's state folder.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::Lock;
use crate::audit::{Audit, JsonlAudit};
use crate::error::{Error, Result};
use crate::hex;

/// The file with the audit.
const AUDIT: &str = "changes.jsonl";

/// A folder with the locks and the audit of plans.
///
/// What is locked is locked on this machine; other machines are not kept out.
#[derive(Debug, Clone)]
pub struct PlanFolder(PathBuf);

impl PlanFolder {
    /// The folder at `path`, which is made, for its owner alone, when it is first written to.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The audit.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Arc::new(JsonlAudit::at(self.0.join(AUDIT)))
    }

    /// Makes the folder where it is not there.
    ///
    /// # Errors
    ///
    /// It can't be made.
    pub fn prepare(&self) -> Result<()> {
        let path = self.0.join("locks");
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|e| Error::io("create", &path, e))
    }

    /// Takes the lock on `what`, which the system gives back when its holder is gone, however that ends.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] where another run holds it.
    pub fn lock(&self, what: &str) -> Result<Box<dyn Lock>> {
        let digest = Sha256::digest(what.as_bytes());
        let name = hex::digits(digest.iter().take(12));
        let path = self.0.join("locks").join(format!("{name}.lock"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|e| Error::io("open the lock file", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(Held(file))),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { what: format!("another run changes {what}") }),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
        }
    }
}

struct Held(File);

#[async_trait]
impl Lock for Held {
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

    #[tokio::test]
    async fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = PlanFolder::at(folder.path().join("state"));
        folder.prepare().unwrap();
        let first = folder.lock("cluster a").unwrap();
        assert!(matches!(folder.lock("cluster a"), Err(Error::Locked { .. })));
        folder.lock("cluster b").unwrap();
        first.release().await.unwrap();
        folder.lock("cluster a").unwrap();
    }
}
