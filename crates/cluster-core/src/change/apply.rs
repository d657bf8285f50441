//! The effects of a change: one call, whose end is waited for.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::changes::Changes;
use super::domain::{ClusterChange, Object};
use super::inventory::Inventory;
use super::model::Change;
use super::observe::observe;
use crate::cloud::{Cidr, CloudErrorKind, Cluster};
use crate::error::{Error, Result};
use crate::plan::{Executor, Lock, Outcome, Plan, Ran, Recorder, Step};

/// Applies one change.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    changes: &'a Changes,
    change: &'a Change,
    as_of: DateTime<Utc>,
    /// What was seen under the lock, and the plan that was made of it.
    seen: Mutex<Option<(Inventory, Plan<ClusterChange>)>>,
    /// The cluster that was created.
    created: Mutex<Option<Uuid>>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(changes: &'a Changes, change: &'a Change, as_of: DateTime<Utc>) -> Self {
        Self { changes, change, as_of, seen: Mutex::default(), created: Mutex::default() }
    }

    /// Waits for what is being done to the cluster already, and looks whether it is the same plan after that.
    async fn settle(&self) -> Result<()> {
        let seen = self.seen.lock().await;
        let Some((inventory, plan)) = seen.as_ref() else { return Ok(()) };
        let (Some(cluster), Some(running)) = (self.change.cluster(), inventory.running.as_ref()) else { return Ok(()) };
        self.changes.cloud.wait_until_idle(cluster, &self.changes.wait).await?;
        let inventory = observe(&self.changes.cloud, self.change).await?;
        let now = super::plan::plan(self.change, &inventory, self.as_of)?;
        if now.hash == plan.hash {
            return Ok(());
        }
        let (then, now) = (plan.hash.short(), now.hash.short());
        let what = format!("plan {then} was approved; after {running} had ended it would be {now}");
        Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) })
    }

    /// Makes the call, and waits until it is done.
    async fn act(&self) -> Result<Ran> {
        let (cloud, wait) = (&self.changes.cloud, &self.changes.wait);
        let cluster = match self.change {
            Change::Create { organization, cluster } => {
                let created = cloud.create_once(*organization, cluster, wait).await?;
                *self.created.lock().await = Some(created.id);
                let id = created.id;
                let waited = cloud.wait_until_created(id, wait).await;
                waited.map_err(|error| {
                    let name = &cluster.name;
                    let what = format!("create {name}, which may be there as {id} and be billed all the same");
                    Error::caused(what, error)
                })?
            }
            Change::Delete { cluster } => {
                cloud.delete(*cluster, wait).await?;
                return Ok(Ran::Done(serde_json::json!({ "cluster": cluster })));
            }
            Change::Scale { cluster, unit } => cloud.scale(*cluster, *unit, wait).await?,
            Change::ChangeProduct { cluster, product } => cloud.move_to_product(*cluster, product, wait).await?,
            Change::Upgrade { cluster, version } => cloud.upgrade(*cluster, version, wait).await?,
            Change::ExpandStorage { cluster, bytes } => cloud.expand(*cluster, *bytes, wait).await?,
            Change::Allow { cluster, networks } => cloud.allow(*cluster, networks, wait).await?,
            Change::Protect { cluster, on } => cloud.set_deletion_protection(*cluster, *on).await?,
            Change::Restore { cluster, restore } => cloud.restore(*cluster, restore, wait).await?,
            Change::Suspend { cluster } => cloud.suspend(*cluster, wait).await?,
        };
        Ok(Ran::Done(serde_json::json!({ "cluster": cluster.id })))
    }

    /// Makes the call, and waits for nothing.
    async fn ask(&self) -> Result<Ran> {
        let cloud = &self.changes.cloud;
        let id = match self.change {
            Change::Create { organization, cluster } => {
                let id = cloud.create_once(*organization, cluster, &self.changes.wait).await?.id;
                *self.created.lock().await = Some(id);
                id
            }
            Change::Delete { cluster } => {
                cloud.delete_cluster(*cluster).await?;
                *cluster
            }
            Change::Scale { cluster, unit } => cloud.scale_cluster(*cluster, *unit).await?.id,
            Change::ChangeProduct { cluster, product } => cloud.change_product(*cluster, product).await?.id,
            Change::Upgrade { cluster, version } => cloud.upgrade_cluster(*cluster, version).await?.id,
            Change::ExpandStorage { cluster, bytes } => cloud.expand_storage(*cluster, *bytes).await?.id,
            Change::Allow { cluster, networks } => cloud.set_allow_list(*cluster, networks).await?.id,
            Change::Protect { cluster, on } => cloud.set_deletion_protection(*cluster, *on).await?.id,
            Change::Restore { cluster, restore } => {
                cloud.restore_snapshot(*cluster, restore).await?;
                *cluster
            }
            Change::Suspend { cluster } => cloud.set_suspended(*cluster, true).await?.id,
        };
        Ok(Ran::Done(serde_json::json!({ "cluster": id, "accepted": true })))
    }

    /// Whether the cluster is as wanted; none where that can't be seen from outside.
    fn is_wanted(&self, cluster: &Cluster) -> bool {
        match self.change {
            Change::Create { .. } | Change::Restore { .. } => true,
            Change::Delete { .. } => false,
            Change::Scale { unit, .. } => cluster.product_unit == Some(*unit),
            Change::ChangeProduct { product, .. } => cluster.product_name.as_ref() == Some(product),
            Change::Upgrade { version, .. } => cluster.crate_version.as_ref() == Some(version),
            Change::ExpandStorage { bytes, .. } => cluster.storage_bytes() == Some(*bytes),
            Change::Allow { networks, .. } => same_networks(networks, cluster),
            Change::Protect { on, .. } => cluster.deletion_protected.unwrap_or(false) == *on,
            Change::Suspend { .. } => cluster.is_suspended(),
        }
    }

    /// Whether an object is as the plan wants it, as the cluster is now.
    fn outcome(&self, object: &Object, cluster: &Cluster) -> Outcome {
        let Object::Network(network) = object else {
            return if self.is_wanted(cluster) { Outcome::Done } else { Outcome::Failed };
        };
        let is_in = |list: &[String]| list.iter().any(|one| one == network);
        let there: Vec<String> = cluster.ip_whitelist.iter().map(|entry| normal(&entry.cidr)).collect();
        let Change::Allow { networks, .. } = self.change else { return Outcome::Failed };
        let wanted: Vec<String> = networks.iter().map(ToString::to_string).collect();
        match (is_in(&wanted), is_in(&there)) {
            (true, true) | (false, false) => Outcome::Done,
            (false, true) => Outcome::StillPresent,
            (true, false) => Outcome::Failed,
        }
    }
}

/// A network as it is written here, where it can be read.
fn normal(text: &str) -> String {
    text.parse::<Cidr>().map_or_else(|_| text.to_owned(), |cidr| cidr.to_string())
}

fn same_networks(wanted: &[Cidr], cluster: &Cluster) -> bool {
    let mut wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let mut there: Vec<String> = cluster.ip_whitelist.iter().map(|entry| normal(&entry.cidr)).collect();
    wanted.sort();
    there.sort();
    there.dedup();
    wanted == there
}

#[async_trait]
impl Executor<ClusterChange> for Apply<'_> {
    async fn prepare(&self) -> Result<()> {
        self.changes.folder.prepare()
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        self.changes.folder.lock(&self.changes.subject(self.change))
    }

    async fn replan(&self) -> Result<Plan<ClusterChange>> {
        let inventory = observe(&self.changes.cloud, self.change).await?;
        let plan = super::plan::plan(self.change, &inventory, self.as_of)?;
        *self.seen.lock().await = Some((inventory, plan.clone()));
        Ok(plan)
    }

    async fn run(&self, _: &Step<ClusterChange>, _: &Recorder<'_, ClusterChange>) -> Result<Ran> {
        if !self.changes.waits {
            return self.ask().await;
        }
        self.settle().await?;
        self.act().await
    }

    async fn verify(&self, step: &Step<ClusterChange>) -> Result<Vec<(Object, Outcome)>> {
        let all = |outcome| step.objects.iter().map(|object| (object.clone(), outcome)).collect();
        if !self.changes.waits {
            return Ok(all(Outcome::Done));
        }
        let id = match self.change {
            Change::Create { .. } => *self.created.lock().await,
            change => change.cluster(),
        };
        let Some(id) = id else { return Ok(all(Outcome::Failed)) };
        match self.changes.cloud.cluster(id).await {
            Err(Error::Cloud(error)) if error.kind == CloudErrorKind::NotFound => {
                let gone = matches!(self.change, Change::Delete { .. });
                Ok(all(if gone { Outcome::Done } else { Outcome::Failed }))
            }
            Err(error) => Err(error),
            Ok(_) if matches!(self.change, Change::Delete { .. }) => Ok(all(Outcome::StillPresent)),
            Ok(cluster) => {
                let seen = |object: &Object| (object.clone(), self.outcome(object, &cluster));
                Ok(step.objects.iter().map(seen).collect())
            }
        }
    }
}
