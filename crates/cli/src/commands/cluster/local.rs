//! The clusters of this machine that have a name.

use clusterkeep_core::managed::local::{LocalClusters, LocalRecord, LocalState};
use clusterkeep_core::managed::{Keeper, RunState};
use clusterkeep_core::{Error, Result};

use super::documents::ListedCluster;
use crate::context::state_folder;

pub(super) fn clusters() -> Result<LocalClusters> {
    Ok(LocalClusters::at(state_folder()?.join("local")))
}

/// All of them.
pub(super) fn list() -> Result<Vec<ListedCluster>> {
    Ok(clusters()?.list()?.into_iter().map(listed).collect())
}

fn listed(record: LocalRecord) -> ListedCluster {
    let state = match record.state {
        LocalState::Running => RunState::Running,
        _ => RunState::Suspended,
    };
    ListedCluster {
        address: format!("local:{}", record.name),
        name: record.name,
        id: None,
        keeper: Keeper::Local,
        project: None,
        place: Some(record.directory.display().to_string()),
        product: Some(record.engine.to_string()),
        version: None,
        state,
        health: None,
        last_operation: None,
    }
}

/// The one of this name.
pub(super) fn record(name: &str) -> Result<LocalRecord> {
    clusters()?.find(name)?.ok_or_else(|| {
        Error::input(format!("cluster not found: `local:{name}`"))
            .with_hint("`clusterkeep cluster list --local` shows those of this machine")
    })
}

/// Stops one, whoever started it; its data stays.
pub(super) async fn stop(name: &str) -> Result<()> {
    clusters()?.stop(name).await
}
