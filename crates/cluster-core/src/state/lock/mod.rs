//! The lock that keeps two runs from changing the same things at once.
//!
//! Each engine's own way is used, one that ends with its holder: PostgreSQL's advisory locks and MariaDB's `GET_LOCK`
//! belong to a session, and beside a SQLite file lies a lock file that the operating system unlocks when its process
//! ends. None of them needs a clock, and none outlives a killed run. CrateDB has nothing of the kind: there it is a
//! lease, by the database's clock, which ends some seconds after its holder does.

mod file;
mod lease;
mod session;

use async_trait::async_trait;

use self::file::FileLock;
use self::lease::Lease;
use self::session::SessionLock;
use super::State;
use crate::error::{Error, Result};
use crate::plan::Lock;
use crate::sql::Engine;

/// A lock that is held until it is released or dropped.
pub struct StateLock {
    name: String,
    token: Option<u64>,
    held: Box<dyn Lock>,
}

impl StateLock {
    pub(super) async fn take(state: &State, name: &str) -> Result<Self> {
        let name = format!("{}.{name}", state.name().as_str());
        let (held, token): (Box<dyn Lock>, _) = match state.db().engine() {
            Engine::Sqlite => (Box::new(FileLock::take(state, &name)?), None),
            Engine::Postgres | Engine::Mysql => (Box::new(SessionLock::take(state, &name).await?), None),
            Engine::Cratedb => {
                let lease = Lease::take(state, &name).await?;
                let token = lease.token();
                (Box::new(lease), Some(token))
            }
        };
        Ok(Self { name, token, held })
    }

    /// The fencing token, where the lock is a lease: each holder has a larger one than all before it, so that what keeps
    /// the largest that it has seen can turn away a holder who has lost the lease and does not know it.
    #[must_use]
    pub const fn token(&self) -> Option<u64> {
        self.token
    }
}

fn locked(name: &str) -> Error {
    Error::Locked { what: format!("another run holds `{name}`") }
}

impl std::fmt::Debug for StateLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateLock({})", self.name)
    }
}

#[async_trait]
impl Lock for StateLock {
    async fn check(&self) -> Result<()> {
        self.held.check().await
    }

    async fn release(self: Box<Self>) -> Result<()> {
        self.held.release().await
    }
}
