//! What the registry knows, and how the clusters in it stand. Reads only.

use uuid::Uuid;

use crate::cloud::{CloudClient, CloudErrorKind, Cluster, ClusterFilter};
use crate::error::{Error, Result};
use crate::registry::{Record, Registry};

/// A record, and how its cluster stands.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) record: Record,
    /// The cluster's id, where there is such a cluster.
    pub(super) id: Option<Uuid>,
    pub(super) standing: Standing,
}

/// How a cluster stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Gone,
    Suspended,
    Running,
    /// It runs, and its product can't be suspended.
    Fixed,
    Changing(String),
    /// Another API keeps it than the one that is asked.
    Elsewhere,
}

/// Every record, with how its cluster stands.
pub(super) async fn observe(client: &CloudClient, registry: &Registry) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for record in registry.records()? {
        if record.cluster.endpoint != client.endpoint() {
            seen.push(Seen { id: record.cluster.id, record, standing: Standing::Elsewhere });
            continue;
        }
        let cluster = match record.cluster.id {
            Some(id) => by_id(client, id).await?,
            None => by_name(client, &record).await?,
        };
        let id = cluster.as_ref().map(|cluster| cluster.id);
        seen.push(Seen { record, id, standing: cluster.as_ref().map_or(Standing::Gone, standing) });
    }
    Ok(seen)
}

async fn by_id(client: &CloudClient, id: Uuid) -> Result<Option<Cluster>> {
    match client.cluster(id).await {
        Ok(cluster) => Ok(Some(cluster)),
        Err(Error::Cloud(error)) if error.kind == CloudErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The cluster that was created under a name, not before that was asked for, where it is the only one.
async fn by_name(client: &CloudClient, record: &Record) -> Result<Option<Cluster>> {
    let since = record.obligations.iter().map(|owed| owed.since - super::super::cloud::SKEW).min();
    let all = client.clusters(&ClusterFilter::default()).await?;
    let mut named = all.into_iter().filter(|cluster| {
        let created = cluster.dc.as_ref().and_then(|dc| dc.created);
        cluster.name == record.cluster.name && created.zip(since).is_some_and(|(created, since)| created >= since)
    });
    Ok(named.next().filter(|_| named.next().is_none()))
}

fn standing(cluster: &Cluster) -> Standing {
    match (cluster.running_operation(), cluster.is_suspended()) {
        (Some(operation), _) => Standing::Changing(operation.as_str().to_ascii_lowercase().replace('_', " ")),
        (None, true) => Standing::Suspended,
        (None, false) if cluster.allow_suspend == Some(false) => Standing::Fixed,
        (None, false) => Standing::Running,
    }
}
