//! Waiting for what somebody else does to a cluster.

use uuid::Uuid;

use super::super::{CloudClient, Cluster, Operation, OperationKind, OperationStatus};
use super::pace::Pace;
use super::watch::Watch;
use super::{Changing, Wait};
use crate::error::Result;

impl CloudClient {
    /// Waits until nothing is being done to a cluster, and returns it as it is then.
    ///
    /// # Errors
    ///
    /// There is no such cluster, the time is over, or the service is away for long.
    pub async fn wait_until_idle(&self, cluster: Uuid, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(cluster, OperationKind::Other(String::new()), "wait for");
        let mut watch = Watch::new(self, &changing, wait);
        let mut pace = Pace::new(wait);
        let cluster = watch.cluster().await?;
        let operations = watch.operations().await?;
        if running(&operations).is_none() && cluster.running_operation().is_none() {
            return Ok(cluster);
        }
        watch.idle(&mut pace).await
    }
}

/// The newest operation, where it is still going on.
pub(super) fn running(operations: &[Operation]) -> Option<&Operation> {
    operations.first().filter(|newest| newest.is_running())
}

impl Watch<'_> {
    /// Waits until nothing is being done to the cluster; pauses first.
    ///
    /// One request for each pause, and one more at the end.
    pub(super) async fn idle(&mut self, pace: &mut Pace<'_>) -> Result<Cluster> {
        loop {
            if !pace.pause().await {
                return Err(self.late(pace));
            }
            let operations = match self.operations().await {
                Ok(operations) => operations,
                Err(error) => {
                    self.bear(error)?;
                    continue;
                }
            };
            self.answered();
            if let Some(operation) = running(&operations) {
                let kind = operation.r#type.as_ref().map_or_else(String::new, words);
                let status = operation.status.clone().unwrap_or(OperationStatus::InProgress);
                self.say(kind.trim(), &status, operation.message());
                continue;
            }
            match self.cluster().await {
                Ok(cluster) if cluster.running_operation().is_none() => {
                    // What was waited for is over: it is not the operation that is to come.
                    self.remember(&operations, &cluster);
                    return Ok(cluster);
                }
                Ok(cluster) => {
                    let kind = cluster.running_operation().map_or_else(String::new, words);
                    self.say(&kind, &OperationStatus::InProgress, None);
                }
                Err(error) => self.bear(error)?,
            }
        }
    }
}

/// What an operation does, as words for people: `change compute`.
pub(super) fn words(kind: &OperationKind) -> String {
    kind.as_str().to_lowercase().replace('_', " ")
}
