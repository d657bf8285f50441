//! Clusters of CrateDB Cloud behind the guard.

mod backend;
mod choose;
mod create;
mod start;
mod suspend;
mod tokens;
mod transfer;
mod undo;

use std::sync::Arc;

use url::Url;

pub use self::choose::Chosen;
pub(super) use self::start::start;
pub(super) use self::suspend::{held as suspend_held, runs_anew, was_created_at};

use self::backend::CloudBackend;
use super::cluster::Cluster;
use super::holding::Holding;
use super::info::{ClusterInfo, Keeper, RunState};
use crate::address::ClusterAddress;
use crate::cloud::{self, CloudClient, CloudClientBuilder, CloudErrorKind, CloudRef, CloudSettings, Credentials};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What was said of the way to the API.
#[derive(Clone, Default)]
pub(super) struct Access {
    pub(super) key: Option<(String, Secret)>,
    pub(super) endpoint: Option<String>,
    pub(super) settings: Option<CloudSettings>,
}

/// Shows nothing: what was given as an endpoint may hold a password.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    /// Where the API is and who asks. What is said here and what the environment says are never mixed: a key goes to the
    /// endpoint that was said with it.
    pub(super) fn settings(&self) -> Result<Option<CloudSettings>> {
        if let Some(settings) = &self.settings {
            return Ok(Some(settings.clone()));
        }
        match (&self.key, &self.endpoint) {
            (Some(_), _) => Ok(None),
            (None, Some(_)) => Err(Error::input("an endpoint of CrateDB Cloud is said, and no key for it")
                .with_hint("say `.credentials(key, secret)` beside `.endpoint(url)`")),
            (None, None) => CloudSettings::from_env().map(Some),
        }
    }

    pub(super) fn client(&self) -> Result<CloudClient> {
        if let Some(settings) = self.settings()? {
            return settings.client();
        }
        let Some((key, secret)) = &self.key else { return Err(Error::failed("no credentials for CrateDB Cloud")) };
        let mut builder: CloudClientBuilder =
            CloudClient::builder().credentials(Credentials::key(key, secret.expose()));
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint(endpoint);
        }
        builder.build()
    }
}

/// Where the API is, in the one way that the registry writes it, however it was spelled.
pub(super) fn endpoint(client: &CloudClient) -> String {
    let text = client.endpoint();
    Url::parse(text).map_or_else(|_| text.to_owned(), |url| url.as_str().trim_end_matches('/').to_owned())
}

/// The cluster at `address`, whatever it is doing.
pub(super) async fn open(client: CloudClient, address: &ClusterAddress, holding: &Holding) -> Result<Cluster> {
    let found = client.find_cluster(&reference(address)?).await?;
    Ok(Cluster::new(Arc::new(CloudBackend::new(client, &found, holding))))
}

/// What is there, and what it is doing.
pub(super) async fn probe(access: &Access, address: &ClusterAddress) -> Result<ClusterInfo> {
    let client = access.client()?;
    match find(&client, address).await? {
        Some(cluster) => Ok(info(&cluster)),
        None => Ok(absent(address)),
    }
}

/// The cluster at `address`; none where there is no such one.
async fn find(client: &CloudClient, address: &ClusterAddress) -> Result<Option<cloud::Cluster>> {
    match address {
        ClusterAddress::CloudName(name) => {
            // A name that several clusters have is an error, and one that none has is an answer.
            let all = client.clusters(&cloud::ClusterFilter::default()).await?;
            if all.iter().all(|cluster| cluster.name != *name) {
                return Ok(None);
            }
            client.find_cluster(&reference(address)?).await.map(Some)
        }
        ClusterAddress::CloudId(id) => match client.cluster(*id).await {
            Ok(cluster) => Ok(Some(cluster)),
            Err(Error::Cloud(error)) if error.kind == CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
        other => Err(Error::input(format!("{other} is not in CrateDB Cloud"))),
    }
}

fn reference(address: &ClusterAddress) -> Result<CloudRef> {
    match address {
        ClusterAddress::CloudId(id) => Ok(CloudRef::Id(*id)),
        ClusterAddress::CloudName(name) => Ok(CloudRef::Name(name.clone())),
        other => Err(Error::input(format!("{other} is not in CrateDB Cloud"))),
    }
}

/// What the Cloud says of a cluster, in the words that are the same for all keepers.
fn info(cluster: &cloud::Cluster) -> ClusterInfo {
    let product = cluster
        .product_name
        .as_ref()
        .map(|name| cluster.product_tier.as_ref().map_or_else(|| name.clone(), |tier| format!("{name}/{tier}")));
    ClusterInfo {
        name: cluster.name.clone(),
        address: cluster.id.to_string(),
        keeper: Keeper::Cloud,
        state: state(cluster),
        product,
        version: cluster.crate_version.clone(),
        place: region(cluster),
        url: cluster.database_url(),
        can_suspend: cluster.allow_suspend.unwrap_or(false),
    }
}

impl From<&cloud::Cluster> for ClusterInfo {
    fn from(cluster: &cloud::Cluster) -> Self {
        info(cluster)
    }
}

fn absent(address: &ClusterAddress) -> ClusterInfo {
    ClusterInfo {
        name: address.to_string(),
        address: address.to_string(),
        keeper: Keeper::Cloud,
        state: RunState::Absent,
        product: None,
        version: None,
        place: None,
        url: None,
        can_suspend: false,
    }
}

fn state(cluster: &cloud::Cluster) -> RunState {
    match (cluster.running_operation(), cluster.suspended) {
        (Some(operation), _) => RunState::Changing(operation.as_str().to_ascii_lowercase().replace('_', " ")),
        (None, Some(true)) => RunState::Suspended,
        (None, Some(false)) => RunState::Running,
        (None, None) => RunState::Unknown,
    }
}

/// The region, which the API says only as a part of the host name: `red.aks1.eastus.azure.cratedb.net.`
fn region(cluster: &cloud::Cluster) -> Option<String> {
    let (_, rest) = cluster.host()?.split_once('.')?;
    let region = rest.strip_suffix(".cratedb.net").or_else(|| rest.strip_suffix(".cratedb-dev.net"))?;
    Some(region.to_owned()).filter(|region| !region.is_empty())
}
