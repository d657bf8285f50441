//! Creating and deleting a cluster, each waited for.

use uuid::Uuid;

use super::super::{CloudClient, CloudErrorKind, Cluster, ClusterFilter, NewCluster, OperationKind, OperationStatus};
use super::pace::Pace;
use super::watch::Watch;
use super::{Changing, Wait};
use crate::error::{Error, Result};

/// How often a cluster is looked for of which nobody knows whether it was created.
const LOOKS: u32 = 3;

impl CloudClient {
    /// Creates a cluster, and waits until it is there.
    ///
    /// Its database may need a little longer until it answers, and its name until it is known to the Internet.
    ///
    /// # Errors
    ///
    /// It is refused; its creation fails (the cluster may then be there all the same, and has to be deleted); the time is
    /// over; the service is away for long.
    pub async fn create(&self, organization: Uuid, cluster: &NewCluster, wait: &Wait) -> Result<Cluster> {
        let created = self.create_once(organization, cluster, wait).await?;
        self.wait_until_created(created.id, wait).await
    }

    /// Creates a cluster, and returns as soon as its creation is accepted.
    ///
    /// Where the answer to the request is lost, the cluster is looked for, so that there is never a second one.
    ///
    /// # Errors
    ///
    /// It is refused, or the service is away for long.
    pub async fn create_once(&self, organization: Uuid, cluster: &NewCluster, wait: &Wait) -> Result<Cluster> {
        cluster.check()?;
        let mut pace = Pace::new(wait);
        let before: Vec<Uuid> = self.named(organization, &cluster.name).await?.iter().map(|one| one.id).collect();
        let lost = match self.create_cluster(organization, cluster).await {
            Err(Error::Cloud(error)) if error.is_ambiguous() => error,
            answer => return answer,
        };
        for _ in 0..LOOKS {
            if !pace.pause().await {
                break;
            }
            let Ok(now) = self.named(organization, &cluster.name).await else { continue };
            if let Some(created) = now.into_iter().find(|one| !before.contains(&one.id)) {
                return Ok(created);
            }
        }
        Err(Error::Cloud(lost))
    }

    /// Waits until a cluster whose creation was accepted is there.
    ///
    /// # Errors
    ///
    /// Its creation fails, the time is over, or the service is away for long.
    pub async fn wait_until_created(&self, id: Uuid, wait: &Wait) -> Result<Cluster> {
        let changing = Changing::new(id, OperationKind::Create, "create");
        let there = |cluster: &Cluster| {
            cluster.database_url().is_some() && cluster.running_operation() != Some(&OperationKind::Create)
        };
        self.wait_for(&changing, there, wait).await
    }

    async fn named(&self, organization: Uuid, name: &str) -> Result<Vec<Cluster>> {
        let mut clusters = self.organization_clusters(organization, &ClusterFilter::default()).await?;
        clusters.retain(|cluster| cluster.name == name);
        Ok(clusters)
    }

    /// Deletes a cluster with its backups, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// There is none, it is protected, the time is over, or the service is away for long.
    pub async fn delete(&self, id: Uuid, wait: &Wait) -> Result<()> {
        let changing = Changing::new(id, OperationKind::Other("DELETE".into()), "delete");
        let mut watch = Watch::new(self, &changing, wait);
        let mut pace = Pace::new(wait);
        watch.cluster().await?;
        loop {
            let error = match self.delete_cluster(id).await {
                Ok(()) => break,
                Err(error) => watch.named(error),
            };
            match &error {
                // It was there just now.
                Error::Cloud(cause) if cause.kind == CloudErrorKind::NotFound => return Ok(()),
                Error::Cloud(cause) if cause.kind == CloudErrorKind::Conflict => match watch.idle(&mut pace).await {
                    Err(Error::Cloud(cause)) if cause.kind == CloudErrorKind::NotFound => return Ok(()),
                    answer => drop(answer?),
                },
                Error::Cloud(cause) if cause.is_ambiguous() => watch.bear(error)?,
                _ => return Err(error),
            }
            if !pace.pause().await {
                return Err(watch.late(&pace));
            }
        }
        watch.say("delete", &OperationStatus::InProgress, None);
        loop {
            match watch.cluster().await {
                Err(Error::Cloud(cause)) if cause.kind == CloudErrorKind::NotFound => break,
                Ok(_) => watch.answered(),
                Err(error) => watch.bear(error)?,
            }
            if !pace.pause().await {
                return Err(watch.late(&pace));
            }
        }
        watch.say("delete", &OperationStatus::Succeeded, None);
        Ok(())
    }
}
