//! The lock that keeps two runs from changing the same things at once.
//!
//! Each engine's own way is used, one that ends with its holder: PostgreSQL's advisory locks and MariaDB's `GET_LOCK`
//! belong to a session, and beside a SQLite file lies a lock file that the operating system unlocks when its process
//! ends. None of them needs a clock, and none outlives a killed run.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::State;
use crate::error::{Error, Result};
use crate::plan::Lock;
use crate::sql::{Engine, Session, sql};

/// A lock that is held until it is released or dropped.
pub struct StateLock {
    name: String,
    holder: Holder,
}

enum Holder {
    Session(Mutex<Box<dyn Session>>, i64),
    File(File),
}

/// The longest that asking whether the lock is still held may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl StateLock {
    pub(super) async fn take(state: &State, name: &str) -> Result<Self> {
        let full_name = format!("{}.{name}", state.name().as_str());
        let engine = state.db().engine();
        let holder = match engine {
            Engine::Sqlite => Holder::File(lock_file(state, &full_name)?),
            Engine::Postgres | Engine::Mysql => {
                let key = key_of(&full_name);
                let mut session = state.db().session().await?;
                let statement = match engine {
                    Engine::Postgres => sql("SELECT pg_try_advisory_lock(?) AS taken").bind(key),
                    _ => sql("SELECT GET_LOCK(?, 0) AS taken").bind(format!("clusterkeep-{key:016x}")),
                };
                let taken = session.query(&statement).await?;
                let taken = taken.rows().next().is_some_and(|row| row.values()[0].as_i64() == Some(1));
                if !taken {
                    return Err(locked(&full_name));
                }
                Holder::Session(Mutex::new(session), key)
            }
            Engine::Cratedb => return Err(super::unsupported(engine)),
        };
        Ok(Self { name: full_name, holder })
    }
}

fn locked(name: &str) -> Error {
    Error::Locked { what: format!("another run holds `{name}`") }
}

/// A number for `name`, the same on every machine.
fn key_of(name: &str) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}

fn lock_file(state: &State, name: &str) -> Result<File> {
    let path = match state.db().file() {
        // Beside the database, so that every program that opens the one finds the other.
        Some(database) => {
            let mut path = database.into_os_string();
            path.push(".lock");
            PathBuf::from(path)
        }
        None => return in_memory(name),
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| Error::io("open the lock file", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(locked(name)),
        Err(std::fs::TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
    }
}

/// A database in memory has one owner: a lock on an unlinked file of its own keeps the types the same.
fn in_memory(name: &str) -> Result<File> {
    let path = std::env::temp_dir().join(format!("clusterkeep-{:016x}-{}.lock", key_of(name), std::process::id()));
    let file = File::create(&path).map_err(|e| Error::io("create the lock file", &path, e))?;
    std::fs::remove_file(&path).map_err(|e| Error::io("unlink the lock file", &path, e))?;
    file.lock().map_err(|e| Error::io("lock", &path, e))?;
    Ok(file)
}

impl std::fmt::Debug for StateLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateLock({})", self.name)
    }
}

#[async_trait]
impl Lock for StateLock {
    async fn check(&self) -> Result<()> {
        let Holder::Session(session, _) = &self.holder else { return Ok(()) };
        // The lock belongs to the session: as long as it answers, the lock is held.
        let ping = async { session.lock().await.query(&sql("SELECT 1")).await };
        match tokio::time::timeout(PATIENCE, ping).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(Error::caused(format!("keep the lock `{}`", self.name), e)),
            Err(_) => Err(Error::failed(format!("the session that holds the lock `{}` does not answer", self.name))),
        }
    }

    async fn release(self: Box<Self>) -> Result<()> {
        match self.holder {
            Holder::File(file) => file.unlock().map_err(|e| Error::io("unlock", "the lock file", e)),
            Holder::Session(session, key) => {
                let mut session = session.into_inner();
                let statement = match session.engine() {
                    Engine::Postgres => sql("SELECT pg_advisory_unlock(?)").bind(key),
                    _ => sql("SELECT RELEASE_LOCK(?)").bind(format!("clusterkeep-{key:016x}")),
                };
                session.query(&statement).await.map(drop)
            }
        }
    }
}
