//! A local Cloud with a cluster in it, and changes through it.

use std::time::Duration;

use chrono::Utc;
use clusterkeep_core::change::{Change, Changes, ClusterChange, Planned, Reason};
use clusterkeep_core::cloud::{CloudClient, Credentials, NewCluster, Wait};
use clusterkeep_core::plan::Report;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, Result};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use tempfile::TempDir;
use uuid::Uuid;

/// The password of clusters that are made; it must never be seen again.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) struct World {
    pub(crate) cloud: LocalCloud,
    pub(crate) folder: TempDir,
    pub(crate) id: Uuid,
}

impl World {
    pub(crate) async fn with(fixture: Fixture) -> Self {
        let cloud = LocalCloud::start().await.unwrap();
        let id = cloud.add_cluster(fixture).unwrap();
        Self { cloud, folder: tempfile::tempdir().unwrap(), id }
    }

    pub(crate) async fn new() -> Self {
        Self::with(Fixture::named("staging")).await
    }

    pub(crate) fn client(&self) -> CloudClient {
        let credentials = Credentials::key(self.cloud.key(), self.cloud.secret());
        CloudClient::builder().endpoint(self.cloud.endpoint()).credentials(credentials).build().unwrap()
    }

    pub(crate) fn changes(&self) -> Changes {
        let wait = Wait::default().pauses(Duration::from_millis(10), Duration::from_millis(50));
        Changes::new(self.client(), self.folder.path()).wait(wait.timeout(Duration::from_secs(20)))
    }

    /// Plans, and sees that nothing but looking was done.
    pub(crate) async fn plan(&self, change: &Change) -> Planned {
        self.cloud.clear_requests();
        let planned = self.changes().plan(change, Utc::now()).await.unwrap();
        for request in self.cloud.requests() {
            assert_eq!(request.method, "GET", "a plan changes nothing: {request:?}");
        }
        assert!(!self.folder.path().join("changes.jsonl").exists() || !planned.to_string().is_empty());
        planned
    }

    pub(crate) async fn apply(&self, planned: &Planned) -> Result<Report<ClusterChange>> {
        self.changes().apply(planned, planned.hash.into()).await
    }

    /// The reason for which a change is refused.
    pub(crate) async fn refused(&self, change: &Change) -> Reason {
        let planned = self.plan(change).await;
        assert!(planned.is_empty(), "{planned}");
        let mut refused = planned.refused();
        let reason = refused.next().unwrap_or_else(|| panic!("{planned}")).reason.clone();
        assert_eq!(planned.exit_code(false).code(), 4);
        reason
    }

    pub(crate) fn field(&self, name: &str) -> serde_json::Value {
        self.cloud.cluster(self.id)[name].clone()
    }

    /// The audit, as text.
    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("changes.jsonl")).unwrap_or_default()
    }

    pub(crate) fn new_cluster(&self, name: &str) -> Change {
        let cluster = NewCluster::new(name, "admin", Secret::new(PASSWORD), "6.1.2")
            .project(self.cloud.project())
            .subscription(self.cloud.subscription().to_string());
        Change::Create { organization: self.cloud.organization(), cluster: Box::new(cluster) }
    }
}

pub(crate) fn is_drifted(error: &Error) -> bool {
    matches!(error, Error::Drifted { .. })
}
