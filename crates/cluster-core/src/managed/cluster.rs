//! A cluster that can be asked and worked with, whoever keeps it; holding one of these keeps nothing running.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::backend::Backend;
use super::health::{self, unreachable};
use super::info::{ClusterInfo, Health, KeeperHealth, RunState, Status};
use super::transfer::{Load, Loaded, Save, Saved};
use crate::error::Result;
use crate::sql::{ConnectOptions, Db, Records, Statement};

/// The most that asking a database how it is may take, connecting included.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(15);
/// The most that connecting may take where an answer of "no" is as good as any.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A cluster: in CrateDB Cloud, on this machine, or just an address.
///
/// It is a handle, cheap to clone, and starts and stops nothing; [`ManagedCluster`](super::ManagedCluster) does.
#[derive(Clone)]
pub struct Cluster {
    backend: Arc<dyn Backend>,
    db: Arc<OnceCell<Db>>,
}

impl Cluster {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, db: Arc::new(OnceCell::new()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.backend.name()
    }

    /// What there is to say of it, as its keeper sees it now.
    ///
    /// # Errors
    ///
    /// Its keeper can't be asked.
    pub async fn info(&self) -> Result<ClusterInfo> {
        self.backend.info().await
    }

    /// How it is, from both sides. A database that does not answer is part of the answer and no error.
    ///
    /// # Errors
    ///
    /// Its keeper can't be asked.
    pub async fn health(&self) -> Result<Health> {
        let keeper = self.backend.health().await?;
        let database = match &keeper {
            Some(KeeperHealth { state: RunState::Suspended, .. }) => unreachable(Status::Suspended, None),
            Some(KeeperHealth { state: RunState::Absent, .. }) => unreachable(Status::Unreachable, None),
            _ => {
                let asked = async { health::of(&self.connect(quick(HEALTH_TIMEOUT)).await?).await };
                match timeout(HEALTH_TIMEOUT, asked).await {
                    Ok(Ok(health)) => health,
                    Ok(Err(error)) => unreachable(Status::Unreachable, Some(&error)),
                    Err(_) => health::silent(HEALTH_TIMEOUT),
                }
            }
        };
        Ok(Health { keeper, database })
    }

    /// Whether its database answers just now: one statement, and no error says more than "no".
    pub async fn ready(&self) -> bool {
        let asked = async {
            let db = match self.db.get() {
                Some(db) => db.clone(),
                None => self.connect(quick(READY_TIMEOUT)).await?,
            };
            db.query(crate::sql::sql("SELECT 1")).await
        };
        matches!(timeout(READY_TIMEOUT, asked).await, Ok(Ok(_)))
    }

    /// Its database, connected to once and then shared.
    ///
    /// # Errors
    ///
    /// It is suspended, does not answer, or does not let us in.
    pub async fn db(&self) -> Result<Db> {
        self.db.get_or_try_init(|| self.connect(ConnectOptions::default())).await.cloned()
    }

    /// The shared connection, where one was made.
    pub(super) fn opened(&self) -> Option<&Db> {
        self.db.get()
    }

    /// Connects to its database with options of one's own.
    ///
    /// # Errors
    ///
    /// It is suspended, does not answer, or does not let us in.
    pub async fn connect(&self, options: ConnectOptions) -> Result<Db> {
        match self.backend.connect(options).await {
            Ok(db) => Ok(db),
            Err(error) => Err(self.backend.explain(error).await),
        }
    }

    /// Asks its database.
    ///
    /// # Errors
    ///
    /// It can't be connected to, or says no.
    pub async fn query(&self, statement: impl Into<Statement> + Send) -> Result<Records> {
        let statement = statement.into();
        match self.db().await?.query(statement).await {
            Ok(records) => Ok(records),
            Err(error) => Err(self.backend.explain(error).await),
        }
    }

    /// Has its database do something; returns how many rows that changed.
    ///
    /// # Errors
    ///
    /// It can't be connected to, or says no.
    pub async fn execute(&self, statement: impl Into<Statement> + Send) -> Result<u64> {
        let statement = statement.into();
        match self.db().await?.execute(statement).await {
            Ok(changed) => Ok(changed),
            Err(error) => Err(self.backend.explain(error).await),
        }
    }

    /// Brings a file, or what is at an address, into a table, by an import job of CrateDB Cloud.
    ///
    /// # Errors
    ///
    /// The cluster is not in CrateDB Cloud, the file can't be read, or the job fails; what it says is in the error.
    pub async fn load(&self, load: &Load) -> Result<Loaded> {
        self.backend.load(load).await
    }

    /// Writes a table to a file, by an export job of CrateDB Cloud.
    ///
    /// # Errors
    ///
    /// The cluster is not in CrateDB Cloud, the file can't be written, or the job fails.
    pub async fn save(&self, save: &Save) -> Result<Saved> {
        self.backend.save(save).await
    }
}

/// Options for a question that is not worth a long wait.
fn quick(limit: Duration) -> ConnectOptions {
    ConnectOptions::default().connect_timeout(limit).statement_timeout(limit).max_sessions(1)
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.backend).finish()
    }
}
