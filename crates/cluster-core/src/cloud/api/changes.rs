//! Changing a cluster: each call is accepted at once, and done later.
//!
//! The cluster that these calls return is often still the old one. [`CloudClient::change`] and its relatives wait.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::request::{check_product_name, check_version};
use super::super::transport::Call;
use super::super::{Cidr, CloudClient, Cluster, check_backup_hours, check_password};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The size of disks is a multiple of this many bytes.
const GIB: u64 = 1 << 30;

impl CloudClient {
    /// Puts `body` to what `what` of a cluster.
    async fn put(&self, operation: String, id: Uuid, what: &str, body: Value) -> Result<Cluster> {
        self.read(Call::put(operation, format!("/clusters/{id}/{what}/")).body(body)).await
    }

    /// Suspends a cluster, or resumes it.
    ///
    /// # Errors
    ///
    /// Its product can't be suspended, something else is being done to it, or the call fails.
    pub async fn set_suspended(&self, id: Uuid, suspended: bool) -> Result<Cluster> {
        let verb = if suspended { "suspend" } else { "resume" };
        self.put(format!("{verb} cluster {id}"), id, "suspend", json!({ "suspended": suspended })).await
    }

    /// Sets the step on its product's scale; this is not added to the present one.
    ///
    /// # Errors
    ///
    /// The product has no such step, something else is being done to the cluster, or the call fails.
    pub async fn scale_cluster(&self, id: Uuid, unit: u32) -> Result<Cluster> {
        self.put(format!("scale cluster {id}"), id, "scale", json!({ "product_unit": unit })).await
    }

    /// Upgrades a cluster to another version of its channel: the next minor one at most.
    ///
    /// # Errors
    ///
    /// The version is not to be had, something else is being done to the cluster, or the call fails.
    pub async fn upgrade_cluster(&self, id: Uuid, version: &str) -> Result<Cluster> {
        check_version(version)?;
        self.put(format!("upgrade cluster {id}"), id, "upgrade", json!({ "crate_version": version })).await
    }

    /// Moves a cluster to another product.
    ///
    /// # Errors
    ///
    /// The product is not to be had, something else is being done to the cluster, or the call fails.
    pub async fn change_product(&self, id: Uuid, product: &str) -> Result<Cluster> {
        check_product_name(product)?;
        let operation = format!("move cluster {id} to another product");
        self.put(operation, id, "product", json!({ "product_name": product })).await
    }

    /// Gives each node of a cluster a larger disk.
    ///
    /// # Errors
    ///
    /// The size is no whole number of GiB, the product has disks of one size, the disk would shrink, something else is
    /// being done to the cluster, or the call fails.
    pub async fn expand_storage(&self, id: Uuid, bytes: u64) -> Result<Cluster> {
        if bytes == 0 || !bytes.is_multiple_of(GIB) {
            return Err(Error::input(format!("a disk of {bytes} bytes is no whole number of GiB"))
                .with_hint("give the size of the disk of each node, such as `256 GiB`"));
        }
        let body = json!({ "disk_size_per_node_bytes": bytes });
        self.put(format!("expand the storage of cluster {id}"), id, "storage", body).await
    }

    /// Replaces the list of networks that may reach a cluster; with an empty one all may.
    ///
    /// # Errors
    ///
    /// Something else is being done to the cluster, or the call fails.
    pub async fn set_allow_list(&self, id: Uuid, networks: &[Cidr]) -> Result<Cluster> {
        let list: Vec<Value> = networks.iter().map(Cidr::to_json).collect();
        let operation = format!("replace the allow list of cluster {id}");
        self.put(operation, id, "ip-restrictions", json!({ "ip_whitelist": list })).await
    }

    /// Sets the hours of the day, in UTC, at which backups are made.
    ///
    /// # Errors
    ///
    /// They are no hours, something else is being done to the cluster, or the call fails.
    pub async fn set_backup_hours(&self, id: Uuid, hours: &[u8]) -> Result<Cluster> {
        check_backup_hours(hours)?;
        let hours = hours.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        let operation = format!("change the backup schedule of cluster {id}");
        self.put(operation, id, "backup-schedule", json!({ "backup_hours": hours })).await
    }

    /// Makes the service refuse to delete a cluster, or not refuse it; this is done at once.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn set_deletion_protection(&self, id: Uuid, protected: bool) -> Result<Cluster> {
        let verb = if protected { "protect" } else { "stop protecting" };
        let body = json!({ "deletion_protected": protected });
        self.put(format!("{verb} cluster {id}"), id, "deletion-protection", body).await
    }

    /// Changes the password of the database's administrator.
    ///
    /// # Errors
    ///
    /// It has fewer than 24 or more than 128 characters, something else is being done to the cluster, or the call fails.
    pub async fn set_password(&self, id: Uuid, password: &Secret) -> Result<Cluster> {
        check_password(password)?;
        let operation = format!("change the password of cluster {id}");
        let body = json!({ "password": password.expose() });
        self.read(Call::patch(operation, format!("/clusters/{id}/")).body(body).hiding(password)).await
    }

    /// Restarts a node of a cluster, the first being 0; it is accepted at once, and there is nothing to wait for.
    ///
    /// # Errors
    ///
    /// There is no such cluster or node, or the call fails.
    pub async fn restart_node(&self, id: Uuid, ordinal: u32) -> Result<()> {
        // The one path of this kind without a slash at its end.
        let call =
            Call::delete(format!("restart node {ordinal} of cluster {id}"), format!("/clusters/{id}/nodes/{ordinal}"));
        self.run(call).await
    }
}
