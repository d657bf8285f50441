//! What a keeper of clusters has to be able to do, once for all of them: one file each beside this one.

use std::fmt;

use async_trait::async_trait;

use super::info::{ClusterInfo, KeeperHealth, Left};
use super::transfer::{Load, Loaded, Save, Saved};
use crate::error::{Error, Result};
use crate::sql::{ConnectOptions, Db};

/// What can be asked of a cluster, whoever keeps it. Nothing here starts or stops anything.
#[async_trait]
pub(super) trait Backend: fmt::Debug + Send + Sync {
    /// What to call it in messages.
    fn name(&self) -> &str;

    /// What there is to say of it, without a word from its database.
    async fn info(&self) -> Result<ClusterInfo>;

    /// What its keeper says of its health; none where nobody keeps it.
    async fn health(&self) -> Result<Option<KeeperHealth>>;

    /// Connects to its database.
    async fn connect(&self, options: ConnectOptions) -> Result<Db>;

    /// Why the database may have failed like this, where the keeper knows more than the database.
    async fn explain(&self, error: Error) -> Error {
        error
    }

    /// Brings a file or what is at an address into a table.
    async fn load(&self, load: &Load) -> Result<Loaded> {
        Err(no_jobs(self.name(), &format!("load `{}`", load.source())))
    }

    /// Writes a table to a file.
    async fn save(&self, save: &Save) -> Result<Saved> {
        Err(no_jobs(self.name(), &format!("save {}", save.table())))
    }
}

fn no_jobs(name: &str, what: &str) -> Error {
    Error::input(format!("{what}: {name} is not in CrateDB Cloud, whose import and export jobs do this"))
        .with_hint("use the database's own statements, such as COPY FROM and COPY TO, or `clusterkeep cluster copy`")
}

/// What is left to do for a cluster when its guard leaves. Dropping it does the same without telling how that went.
#[async_trait]
pub(super) trait Undo: fmt::Debug + Send + Sync {
    /// Undoes what the start did.
    async fn stop(self: Box<Self>) -> Result<Left>;

    /// Leaves everything as it is; returns how to end it.
    fn keep(self: Box<Self>) -> Result<String>;
}
