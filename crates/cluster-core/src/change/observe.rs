//! What is there, as far as a change has to know: read, and nothing else.

use chrono::{NaiveDateTime, TimeDelta};
use uuid::Uuid;

use super::inventory::Inventory;
use super::model::Change;
use crate::cloud::{
    CloudClient, CloudErrorKind, Cluster, ClusterFilter, NewCluster, OperationFilter, PriceQuery, ProductFilter,
    SnapshotRange,
};
use crate::error::{Error, Result};

/// Reads what `change` has to know.
pub(super) async fn observe(cloud: &CloudClient, change: &Change) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    if let Change::Create { organization, cluster } = change {
        creation(cloud, *organization, cluster, &mut inventory).await?;
        return Ok(inventory);
    }
    let Some(id) = change.cluster() else { return Ok(inventory) };
    let cluster = cloud.cluster(id).await?;
    inventory.running = running(cloud, &cluster).await?;
    if let Some(project) = cluster.project_id {
        inventory.project = known(cloud.project(project).await)?;
        inventory.region = inventory.project.as_ref().and_then(|project| project.region.clone());
    }
    match change {
        Change::Delete { .. } => {
            inventory.snapshots = known(cloud.snapshots(id, &SnapshotRange::default()).await)?.unwrap_or_default();
            inventory.price_now = price(cloud, &cluster, |_| {}, &inventory).await?;
        }
        Change::Scale { unit, .. } => {
            inventory.products = products(cloud, &cluster).await?;
            inventory.price_now = price(cloud, &cluster, |_| {}, &inventory).await?;
            inventory.price_then = price(cloud, &cluster, |query| query.unit = *unit, &inventory).await?;
        }
        Change::ChangeProduct { product, .. } => {
            inventory.available_products = cloud.available_products(id).await?;
            inventory.price_now = price(cloud, &cluster, |_| {}, &inventory).await?;
            if inventory.available_products.iter().any(|one| one.name == *product) {
                inventory.price_then =
                    price(cloud, &cluster, |query| query.product.clone_from(product), &inventory).await?;
            }
        }
        Change::ExpandStorage { bytes, .. } => {
            inventory.products = products(cloud, &cluster).await?;
            inventory.price_now = price(cloud, &cluster, |_| {}, &inventory).await?;
            inventory.price_then =
                price(cloud, &cluster, |query| query.storage_bytes = Some(*bytes), &inventory).await?;
        }
        Change::Upgrade { .. } => inventory.upgrades = Some(cloud.available_upgrades(id).await?),
        Change::Allow { .. } => {
            inventory.own_address = known(cloud.ip_address().await)?.and_then(|own| own.ip.parse().ok());
        }
        Change::Restore { restore, .. } => {
            let of = restore.source.unwrap_or(id);
            if of != id {
                let source = cloud.cluster(of).await?;
                if let Some(project) = source.project_id {
                    inventory.source_project = known(cloud.project(project).await)?;
                }
                inventory.source = Some(source);
            }
            inventory.snapshots = cloud.snapshots(of, &around(&restore.snapshot)).await?;
        }
        Change::Create { .. } | Change::Protect { .. } | Change::Suspend { .. } => {}
    }
    inventory.cluster = Some(cluster);
    Ok(inventory)
}

async fn creation(cloud: &CloudClient, organization: Uuid, new: &NewCluster, inventory: &mut Inventory) -> Result<()> {
    if let Some(project) = new.project {
        let project = cloud.project(project).await?;
        if project.organization_id.is_some_and(|of| of != organization) {
            return Err(Error::input(format!("project {} is of another organization", project.id)));
        }
        inventory.region.clone_from(&project.region);
        inventory.project = Some(project);
    } else {
        inventory.region = new.new_project.as_ref().map(|(_, region)| region.clone());
    }
    inventory.siblings = cloud.organization_clusters(organization, &ClusterFilter::default()).await?;
    inventory.products = cloud.products(&ProductFilter::default()).await?;
    if let Some(region) = inventory.region.clone().filter(|_| new.subscription != NewCluster::FREE_TIER) {
        let query = PriceQuery {
            product: new.product.clone(),
            tier: new.tier.clone(),
            unit: new.unit,
            region,
            storage_bytes: new.storage_bytes,
            organization: Some(organization),
        };
        inventory.price_then = monthly(cloud, &query).await?;
    }
    Ok(())
}

/// What is being done to a cluster, as words.
async fn running(cloud: &CloudClient, cluster: &Cluster) -> Result<Option<String>> {
    let words = |kind: &crate::cloud::OperationKind| kind.as_str().to_lowercase().replace('_', " ");
    if let Some(kind) = cluster.running_operation() {
        return Ok(Some(words(kind)));
    }
    // The cluster itself may not say it yet.
    let filter = OperationFilter { limit: Some(1), ..OperationFilter::default() };
    let operations = known(cloud.operations(cluster.id, &filter).await)?.unwrap_or_default();
    let running = operations.first().filter(|newest| newest.is_running());
    Ok(running.map(|newest| newest.r#type.as_ref().map_or_else(|| "something".to_owned(), words)))
}

async fn products(cloud: &CloudClient, cluster: &Cluster) -> Result<Vec<crate::cloud::Product>> {
    cloud.products(&ProductFilter { name: cluster.product_name.clone(), ..ProductFilter::default() }).await
}

/// What a cluster costs a month, as it is or otherwise; none where the service can't tell.
async fn price(
    cloud: &CloudClient,
    cluster: &Cluster,
    otherwise: impl FnOnce(&mut PriceQuery),
    inventory: &Inventory,
) -> Result<Option<f64>> {
    let (Some(product), Some(tier), Some(region)) = (&cluster.product_name, &cluster.product_tier, &inventory.region)
    else {
        return Ok(None);
    };
    let mut query = PriceQuery {
        product: product.clone(),
        tier: tier.clone(),
        unit: cluster.product_unit.unwrap_or_default(),
        region: region.clone(),
        storage_bytes: cluster.storage_bytes(),
        organization: inventory.project.as_ref().and_then(|project| project.organization_id),
    };
    otherwise(&mut query);
    monthly(cloud, &query).await
}

async fn monthly(cloud: &CloudClient, query: &PriceQuery) -> Result<Option<f64>> {
    let price = known(cloud.price(query).await)?;
    Ok(price.and_then(|price| price.total_price?.price_per_month).filter(|price| price.is_finite()))
}

/// What the service says; none where it knows nothing of it, or does not tell this caller.
fn known<T>(answer: Result<T>) -> Result<Option<T>> {
    use CloudErrorKind as Kind;
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Error::Cloud(error)) if matches!(error.kind, Kind::NotFound | Kind::Forbidden | Kind::Invalid) => {
            tracing::debug!(%error, "left out of a plan");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The time around the one in a snapshot's name, `20260710104102`; the last two weeks where there is none in it.
fn around(snapshot: &str) -> SnapshotRange {
    let Ok(at) = NaiveDateTime::parse_from_str(snapshot, "%Y%m%d%H%M%S") else { return SnapshotRange::default() };
    let (start, end) = (at.and_utc() - TimeDelta::days(1), at.and_utc() + TimeDelta::days(1));
    SnapshotRange { start: Some(start), end: Some(end) }
}
