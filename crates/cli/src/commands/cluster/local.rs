//! The clusters of this machine that have a name.

use clusterkeep_core::Result;
use clusterkeep_core::managed::local::{LocalClusters, LocalRecord, LocalState};
use clusterkeep_core::managed::{Keeper, RunState};

use super::documents::ListedCluster;
use crate::context::state_folder;

fn clusters() -> Result<LocalClusters> {
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

/// Stops one, whoever started it; its data stays.
pub(super) async fn stop(name: &str) -> Result<()> {
    clusters()?.stop(name).await
}
