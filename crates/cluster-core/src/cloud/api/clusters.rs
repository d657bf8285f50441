//! Clusters: reading, creating and deleting them.

use serde_json::Value;
use uuid::Uuid;

use super::super::request::{check_named, check_order, stamp};
use super::super::transport::{Call, part};
use super::super::{Channels, CloudClient, Cluster, ClusterFilter, MetricRange, NewCluster, Product};
use crate::error::Result;

impl CloudClient {
    /// The clusters that the caller can see.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn clusters(&self, filter: &ClusterFilter) -> Result<Vec<Cluster>> {
        let path = match filter.organization {
            Some(organization) => format!("/organizations/{organization}/clusters/"),
            None => "/clusters/".into(),
        };
        let call = Call::get("list clusters", path)
            .query("subscription_id", filter.subscription.as_ref())
            .query("project_id", filter.project)
            .query("product_name", filter.product.as_ref());
        self.read_list(call).await
    }

    /// The clusters of an organization.
    ///
    /// # Errors
    ///
    /// There is no such organization, or the call fails.
    pub async fn organization_clusters(&self, organization: Uuid, filter: &ClusterFilter) -> Result<Vec<Cluster>> {
        self.clusters(&ClusterFilter { organization: Some(organization), ..filter.clone() }).await
    }

    /// The cluster with the id `id`.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn cluster(&self, id: Uuid) -> Result<Cluster> {
        self.read(Call::get(format!("look at cluster {id}"), format!("/clusters/{id}/"))).await
    }

    /// Creates a cluster; see [`create`](Self::create) for one that is ready.
    ///
    /// # Errors
    ///
    /// Something about it would be refused, or the call fails.
    pub async fn create_cluster(&self, organization: Uuid, cluster: &NewCluster) -> Result<Cluster> {
        cluster.check()?;
        let operation = format!("create cluster {}", cluster.name);
        let call = Call::post(operation, format!("/organizations/{organization}/clusters/"));
        self.read(call.body(cluster.to_json()).hiding(&cluster.password)).await
    }

    /// Deletes a cluster with its backups.
    ///
    /// # Errors
    ///
    /// There is none, it is protected, something else is being done to it, or the call fails.
    pub async fn delete_cluster(&self, id: Uuid) -> Result<()> {
        self.run(Call::delete(format!("delete cluster {id}"), format!("/clusters/{id}/"))).await
    }

    /// The products that a cluster can be moved to.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn available_products(&self, id: Uuid) -> Result<Vec<Product>> {
        let operation = format!("list the products that cluster {id} can be moved to");
        self.read_list(Call::get(operation, format!("/clusters/{id}/available-products/"))).await
    }

    /// The versions that a cluster can be upgraded to.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn available_upgrades(&self, id: Uuid) -> Result<Channels> {
        let operation = format!("list the versions that cluster {id} can be upgraded to");
        let versions: Value = self.read(Call::get(operation, format!("/clusters/{id}/available-upgrades/"))).await?;
        Ok(super::meta::channels(versions))
    }

    /// A metric of a cluster, such as `crate_cpu_seconds`, as the service writes it; nothing where it has none.
    ///
    /// # Errors
    ///
    /// There is no such cluster or metric, or the call fails.
    pub async fn cluster_metrics(&self, id: Uuid, metric: &str, range: &MetricRange) -> Result<Option<Value>> {
        check_named("metric", metric, "_")?;
        check_order(range.start, range.end)?;
        let operation = format!("read metric {metric} of cluster {id}");
        let call = Call::get(operation, format!("/clusters/{id}/metrics/{}/", part(metric)))
            .query("start", range.start.map(stamp))
            .query("end", range.end.map(stamp))
            .query("minutes_ago", range.minutes);
        self.read_optional(call).await
    }
}
