//! Snapshots of a cluster, and their restoration.

use uuid::Uuid;

use super::super::request::stamp;
use super::super::transport::Call;
use super::super::{CloudClient, Restore, Snapshot, SnapshotRange};
use crate::error::Result;

impl CloudClient {
    /// The snapshots of a cluster, the newest first.
    ///
    /// # Errors
    ///
    /// The range spans more than two weeks, there is no such cluster, or the call fails.
    pub async fn snapshots(&self, cluster: Uuid, range: &SnapshotRange) -> Result<Vec<Snapshot>> {
        range.check()?;
        let call = Call::get(format!("list snapshots of cluster {cluster}"), format!("/clusters/{cluster}/snapshots/"))
            .query("start", range.start.map(stamp))
            .query("end", range.end.map(stamp));
        self.read_list(call).await
    }

    /// Starts to restore a snapshot into a cluster; [`restore`](Self::restore) waits for its end.
    ///
    /// # Errors
    ///
    /// Something about it would be refused, a table is there already, something else is being done to the cluster, or the
    /// call fails.
    pub async fn restore_snapshot(&self, cluster: Uuid, restore: &Restore) -> Result<()> {
        restore.check()?;
        let operation = format!("restore snapshot {} into cluster {cluster}", restore.snapshot);
        let call = Call::post(operation, format!("/clusters/{cluster}/snapshots/restore/"));
        self.run(call.body(restore.to_json())).await
    }
}
