//! What the registry knows, and how the clusters in it stand. Reads only.

use uuid::Uuid;

use super::super::cloud::{endpoint, runs_anew, was_created_at};
use crate::cloud::{CloudClient, CloudErrorKind, Cluster, ClusterFilter};
use crate::error::{Error, Result};
use crate::registry::{Record, Registry};

/// A record, and how its cluster stands.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) record: Record,
    /// The cluster's id, where there is such a cluster.
    pub(super) id: Option<Uuid>,
    /// How many guards that live hold it, under whatever record.
    pub(super) guards: usize,
    pub(super) standing: Standing,
}

/// How a cluster stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Gone,
    Suspended,
    Running,
    /// It runs, and somebody has suspended and resumed it since.
    Renewed,
    /// It runs, and its product can't be suspended.
    Fixed,
    Changing(String),
    /// Which of as many clusters it is can't be told.
    Uncertain(usize),
    /// Whoever asks may not see it, and it was somebody else who made it run.
    Unseen,
    /// Another API keeps it than the one that is asked.
    Elsewhere,
}

/// Every record, with how its cluster stands.
pub(super) async fn observe(client: &CloudClient, registry: &Registry) -> Result<Vec<Seen>> {
    let records = registry.records()?;
    let mut seen = Vec::new();
    for record in &records {
        let (id, standing) = if record.cluster.endpoint == endpoint(client) {
            match record.cluster.id {
                Some(id) => (Some(id), by_id(client, id, record).await?),
                None => by_name(client, record).await?,
            }
        } else {
            (record.cluster.id, Standing::Elsewhere)
        };
        // What was created under a name may be held under its id by now.
        let same = |other: &&Record| {
            let known = other.cluster.endpoint == record.cluster.endpoint && other.cluster.id.is_some();
            other.cluster == record.cluster || (known && other.cluster.id == id)
        };
        let guards = records.iter().filter(same);
        let guards = guards.map(|record| record.holders.len() + usize::from(record.leaving.is_some())).sum();
        seen.push(Seen { record: record.clone(), id, guards, standing });
    }
    Ok(seen)
}

async fn by_id(client: &CloudClient, id: Uuid, record: &Record) -> Result<Standing> {
    match client.cluster(id).await {
        Ok(cluster) => standing(client, &cluster, record).await,
        Err(Error::Cloud(error)) if error.kind == CloudErrorKind::Forbidden => Ok(Standing::Unseen),
        Err(Error::Cloud(error)) if error.kind == CloudErrorKind::NotFound => Ok(gone(client, record)),
        Err(error) => Err(error),
    }
}

/// The cluster that was created under a name when that was asked for, where it is the only one.
async fn by_name(client: &CloudClient, record: &Record) -> Result<(Option<Uuid>, Standing)> {
    let mut named = client.clusters(&ClusterFilter::default()).await?;
    named.retain(|cluster| cluster.name == record.cluster.name);
    let ours = |cluster: &&Cluster| record.obligations.iter().any(|owed| was_created_at(cluster, owed.since));
    let mut created = named.iter().filter(ours);
    Ok(match (created.next(), created.next()) {
        (Some(only), None) => (Some(only.id), standing(client, only, record).await?),
        _ if named.is_empty() => (None, gone(client, record)),
        _ if named.iter().all(Cluster::is_suspended) => (None, Standing::Suspended),
        _ => (None, Standing::Uncertain(named.len())),
    })
}

/// What is not there is gone for those who could see it.
fn gone(client: &CloudClient, record: &Record) -> Standing {
    let caller = client.identity();
    let known = record.obligations.iter().all(|owed| owed.caller.is_empty() || owed.caller == caller);
    if known { Standing::Gone } else { Standing::Unseen }
}

async fn standing(client: &CloudClient, cluster: &Cluster, record: &Record) -> Result<Standing> {
    Ok(match (cluster.running_operation(), cluster.is_suspended()) {
        (Some(operation), _) => Standing::Changing(operation.as_str().to_ascii_lowercase().replace('_', " ")),
        (None, true) => Standing::Suspended,
        (None, false) if cluster.allow_suspend == Some(false) => Standing::Fixed,
        (None, false) if runs_anew(client, cluster.id, &record.obligations).await? => Standing::Renewed,
        (None, false) => Standing::Running,
    })
}
