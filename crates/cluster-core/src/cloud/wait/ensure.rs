//! The changes that a cluster can be made to go through, each waited for.

use uuid::Uuid;

use super::super::{Cidr, CloudClient, Cluster, OperationKind, Restore, check_backup_hours, check_password};
use super::{Changing, Wait};
use crate::error::Result;
use crate::secret::Secret;

impl CloudClient {
    /// Resumes a cluster, and waits until it is.
    ///
    /// Its database may need a little longer until it answers.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn resume(&self, id: Uuid, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::Suspend, "resume");
        self.change(&changing, Cluster::is_resumed, || self.set_suspended(id, false), wait).await
    }

    /// Suspends a cluster, and waits until it is.
    ///
    /// # Errors
    ///
    /// Its product can't be suspended; see [`change`](Self::change) for the others.
    pub async fn suspend(&self, id: Uuid, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::Suspend, "suspend");
        self.change(&changing, Cluster::is_suspended, || self.set_suspended(id, true), wait).await
    }

    /// Moves a cluster to a step on its product's scale, and waits until it is there.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn scale(&self, id: Uuid, unit: u32, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::Scale, "scale");
        let there = |cluster: &Cluster| cluster.product_unit == Some(unit);
        self.change(&changing, there, || self.scale_cluster(id, unit), wait).await
    }

    /// Upgrades a cluster, and waits until it is.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn upgrade(&self, id: Uuid, version: &str, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::Upgrade, "upgrade");
        let there = |cluster: &Cluster| cluster.crate_version.as_deref() == Some(version);
        self.change(&changing, there, || self.upgrade_cluster(id, version), wait).await
    }

    /// Moves a cluster to another product, and waits until it is there.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn move_to_product(&self, id: Uuid, product: &str, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::ChangeCompute, "change the product of");
        let there = |cluster: &Cluster| cluster.product_name.as_deref() == Some(product);
        self.change(&changing, there, || self.change_product(id, product), wait).await
    }

    /// Gives each node of a cluster a disk of `bytes` bytes, and waits until they have it.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn expand(&self, id: Uuid, bytes: u64, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::ExpandStorage, "expand the storage of");
        let there = |cluster: &Cluster| cluster.storage_bytes() == Some(bytes);
        self.change(&changing, there, || self.expand_storage(id, bytes), wait).await
    }

    /// Replaces the list of networks that may reach a cluster, and waits until it holds; with an empty one all may.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn allow(&self, id: Uuid, networks: &[Cidr], wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::AllowedCidrUpdate, "replace the allow list of");
        let there = |cluster: &Cluster| Cidr::same_list(networks, &cluster.ip_whitelist);
        self.change(&changing, there, || self.set_allow_list(id, networks), wait).await
    }

    /// Sets the hours of the day, in UTC, at which backups are made, and waits until it holds.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn schedule_backups(&self, id: Uuid, hours: &[u8], wait: &Wait) -> Result<Cluster> {
        check_backup_hours(hours)?;
        let changing = Changing::new(id, OperationKind::BackupScheduleUpdate, "change the backup schedule of").always();
        self.change(&changing, |_| true, || self.set_backup_hours(id, hours), wait).await
    }

    /// Changes the password of the database's administrator, and waits until it holds.
    ///
    /// # Errors
    ///
    /// See [`change`](Self::change).
    pub async fn change_password(&self, id: Uuid, password: &Secret, wait: &Wait) -> Result<Cluster> {
        check_password(password)?;
        let changing = Changing::new(id, OperationKind::PasswordUpdate, "change the password of").always();
        self.change(&changing, |_| true, || self.set_password(id, password), wait).await
    }

    /// Restores a snapshot into a cluster, and waits until it is.
    ///
    /// # Errors
    ///
    /// A table of it is there already; see [`change`](Self::change) for the others.
    pub async fn restore(&self, id: Uuid, restore: &Restore, wait: &Wait) -> Result<Cluster> {
        restore.check()?;
        let changing = Changing::new(id, OperationKind::RestoreSnapshot, "restore a snapshot into").always();
        self.change(&changing, |_| true, || self.restore_snapshot(id, restore), wait).await
    }
}
