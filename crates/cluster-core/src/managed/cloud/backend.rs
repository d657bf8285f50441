//! A cluster of CrateDB Cloud, as something that can be asked.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::super::backend::Backend;
use super::super::holding::Holding;
use super::super::info::{ClusterInfo, KeeperHealth, LastOperation, Status};
use super::super::transfer::{Load, Loaded, Save, Saved};
use super::tokens::Tokens;
use super::transfer;
use super::{info, state};
use crate::address::{DatabaseUrl, Tls};
use crate::clock::Clock;
use crate::cloud::{self, CloudClient, CloudError, CloudErrorKind, Wait};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{ConnectOptions, Db, TokenSource};

/// A cluster of CrateDB Cloud.
#[derive(Debug)]
pub(super) struct CloudBackend {
    pub(super) client: CloudClient,
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) wait: Wait,
    tokens: Arc<Tokens>,
}

impl CloudBackend {
    pub(super) fn new(client: CloudClient, cluster: &cloud::Cluster, holding: &Holding) -> Self {
        let (clock, folder): (Arc<dyn Clock>, &PathBuf) = (Arc::clone(&holding.clock), &holding.folder);
        let tokens = Arc::new(Tokens::new(client.clone(), cluster.id, clock, folder));
        Self { client, id: cluster.id, name: cluster.name.clone(), wait: holding.wait(), tokens }
    }

    /// Connects to the database of `cluster` with a token.
    async fn open(&self, cluster: &cloud::Cluster, options: ConnectOptions) -> Result<Db> {
        let url: DatabaseUrl = cluster
            .database_url()
            .ok_or_else(|| Error::failed(format!("cluster {} has no address yet", self.name)))?
            .parse()?;
        if url.tls() == Tls::Off && !url.is_local() {
            return Err(Error::failed(format!("{url} would get a token in plain text")));
        }
        let tokens: Arc<dyn TokenSource> = Arc::clone(&self.tokens) as _;
        let opened = Db::connect_as(&url, tokens, options.clone()).await;
        match opened {
            Err(error) if error.class() == Some(ErrorClass::Authentication) => {
                // One that was kept may have been withdrawn since.
                self.tokens.forget().await;
                Db::connect_as(&url, Arc::clone(&self.tokens) as _, options).await
            }
            opened => opened,
        }
    }
}

#[async_trait]
impl Backend for CloudBackend {
    fn name(&self) -> &str {
        &self.name
    }

    async fn info(&self) -> Result<ClusterInfo> {
        Ok(info(&self.client.cluster(self.id).await?))
    }

    async fn health(&self) -> Result<Option<KeeperHealth>> {
        let cluster = self.client.cluster(self.id).await?;
        let health = cluster.health.as_ref();
        let status = match cluster.status() {
            _ if cluster.is_suspended() && cluster.running_operation().is_none() => Status::Suspended,
            Some(word) => Status::of(word.as_str()),
            None => Status::Unknown,
        };
        let last_operation = cluster.last_async_operation.as_ref().and_then(|last| {
            let dc = last.dc.as_ref();
            Some(LastOperation {
                kind: last.r#type.as_ref()?.to_string(),
                status: last.status.as_ref().map(ToString::to_string).unwrap_or_default(),
                began: dc.and_then(|dc| dc.created),
                ended: dc.and_then(|dc| dc.modified),
            })
        });
        let last_seen = health.and_then(|health| health.last_seen);
        Ok(Some(KeeperHealth { status, state: state(&cluster), last_operation, last_seen }))
    }

    async fn connect(&self, options: ConnectOptions) -> Result<Db> {
        let cluster = self.client.cluster(self.id).await?;
        if cluster.is_suspended() && cluster.running_operation().is_none() {
            return Err(suspended(&cluster));
        }
        self.open(&cluster, options).await
    }

    async fn explain(&self, error: Error) -> Error {
        let unreachable =
            matches!(error.class(), Some(ErrorClass::Unreachable | ErrorClass::Unavailable | ErrorClass::Timeout));
        if unreachable
            && let Ok(cluster) = self.client.cluster(self.id).await
            && cluster.is_suspended()
        {
            return suspended(&cluster);
        }
        error
    }

    async fn load(&self, load: &Load) -> Result<Loaded> {
        transfer::load(&self.client, self.id, load, &self.wait).await
    }

    async fn save(&self, save: &Save) -> Result<Saved> {
        transfer::save(&self.client, self.id, save, &self.wait).await
    }
}

/// What a question to a suspended cluster gets.
fn suspended(cluster: &cloud::Cluster) -> Error {
    let operation = format!("connect to the database of cluster {}", cluster.name);
    let mut error = CloudError::new(operation, CloudErrorKind::Suspended);
    (error.attempts, error.cluster) = (0, Some(cluster.name.clone()));
    Error::Cloud(Box::new(error))
}
