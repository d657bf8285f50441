//! A lock that belongs to a session and ends with it: PostgreSQL's advisory locks, MariaDB's and MySQL's `GET_LOCK`.

use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::{State, locked};
use crate::error::{Error, Result};
use crate::plan::Lock;
use crate::sql::{Engine, Session, sql};

/// A session that holds a lock.
pub(super) struct SessionLock {
    name: String,
    session: Mutex<Box<dyn Session>>,
    key: i64,
}

/// The longest that asking whether the lock is still held may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl SessionLock {
    pub(super) async fn take(state: &State, name: &str) -> Result<Self> {
        let key = key_of(name);
        let mut session = state.db().session().await?;
        let statement = match session.engine() {
            Engine::Postgres => sql("SELECT pg_try_advisory_lock(?) AS taken").bind(key),
            // There a lock's name is the server's: each database has locks of its own.
            _ => sql("SELECT GET_LOCK(SHA2(CONCAT(COALESCE(DATABASE(), ''), ' ', ?), 224), 0) AS taken")
                .bind(format!("clusterkeep-{key:016x}")),
        };
        let taken = session.query(&statement).await?;
        let taken = taken.rows().next().is_some_and(|row| row.values()[0].as_i64() == Some(1));
        if taken { Ok(Self { name: name.to_owned(), session: Mutex::new(session), key }) } else { Err(locked(name)) }
    }
}

/// A number for `name`, the same on every machine.
pub(super) fn key_of(name: &str) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}

#[async_trait]
impl Lock for SessionLock {
    async fn check(&self) -> Result<()> {
        // The lock belongs to the session: as long as it answers, the lock is held.
        let ping = async { self.session.lock().await.query(&sql("SELECT 1")).await };
        match tokio::time::timeout(PATIENCE, ping).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(Error::caused(format!("keep the lock `{}`", self.name), e)),
            Err(_) => Err(Error::failed(format!("the session that holds the lock `{}` does not answer", self.name))),
        }
    }

    async fn release(self: Box<Self>) -> Result<()> {
        let mut session = self.session.into_inner();
        let statement = match session.engine() {
            Engine::Postgres => sql("SELECT pg_advisory_unlock(?)").bind(self.key),
            _ => sql("SELECT RELEASE_LOCK(SHA2(CONCAT(COALESCE(DATABASE(), ''), ' ', ?), 224))")
                .bind(format!("clusterkeep-{:016x}", self.key)),
        };
        session.query(&statement).await.map(drop)
    }
}
