//! Bringing a cluster of CrateDB Cloud up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::super::cluster::Cluster;
use super::super::holding::{Holding, Started, Suspend};
use super::backend::CloudBackend;
use super::suspend::{Which, is_refusal, was_created_at};
use super::undo::CloudUndo;
use super::{Access, create, endpoint, find};
use crate::address::ClusterAddress;
use crate::cloud::{self, Changing, CloudClient, OperationKind, Wait};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::registry::{Cause, ClusterKey, Hold, Registry};

/// How often a registry that says "somebody is suspending it" is looked at again.
pub(super) const LEAVING_POLL: Duration = Duration::from_millis(100);
/// How often a database that should run is asked whether it does.
const READY_POLL: Duration = Duration::from_millis(500);

/// Brings the cluster at `address` up, and waits until its database answers.
pub(in super::super) async fn start(access: &Access, address: &ClusterAddress, holding: Holding) -> Result<Started> {
    let limit = holding.limit();
    let name = address.to_string();
    let undone = if holding.suspend == Suspend::Never { "stays as it is" } else { "is undone" };
    // Cancelled or out of time, what is under way is dropped, and the guard within undoes it.
    match tokio::time::timeout(limit, bring_up(access, address, holding)).await {
        Ok(started) => started,
        Err(_) => Err(Error::failed(format!("start cluster {name}: not running after {} s", limit.as_secs()))
            .with_hint(format!("give it more time with `--timeout`; what was begun {undone}"))),
    }
}

async fn bring_up(access: &Access, address: &ClusterAddress, holding: Holding) -> Result<Started> {
    let client = access.client()?;
    let registry = Registry::open(&holding.folder.join("registry"))?.on_behalf_of(client.identity());
    let mut guard = match find(&client, address).await? {
        Some(cluster) => existing(&client, &cluster, &registry, &holding).await?,
        None => create::create(&client, address, &registry, &holding).await?,
    };
    match run(&client, &guard, &holding).await {
        Ok((cluster, notes)) => Ok(Started { cluster, undo: Box::new(guard), notes }),
        Err(error) => {
            guard.give_up().await;
            Err(error)
        }
    }
}

/// The guard of a cluster that is there.
pub(super) async fn existing(
    client: &CloudClient,
    cluster: &cloud::Cluster,
    registry: &Registry,
    holding: &Holding,
) -> Result<CloudUndo> {
    let hold = hold(registry, &key(client, cluster)).await?;
    let asked = ClusterKey { id: None, ..key(client, cluster) };
    hold.adopt(&asked, |owed| was_created_at(cluster, owed.since))?;
    Ok(CloudUndo::new(client.clone(), Which::Id(cluster.id), hold, holding))
}

/// Makes the cluster that is held run.
async fn run(client: &CloudClient, guard: &CloudUndo, holding: &Holding) -> Result<(Cluster, Vec<String>)> {
    let wait = holding.wait();
    let mut notes = Vec::new();
    // What somebody else is doing to it comes first: it may be on its way up or down.
    let mut found = if guard.is_new() {
        client.wait_until_created(guard.id()?, &wait).await?
    } else {
        client.wait_until_idle(guard.id()?, &wait).await?
    };
    if found.is_suspended() {
        found = resume(client, guard, holding.suspend, &wait).await?;
    } else if !guard.is_new() {
        guard.forget_earlier_run(found.id).await?;
    }
    let can_suspend = found.allow_suspend != Some(false);
    match holding.suspend {
        Suspend::Always if !can_suspend => {
            return Err(Error::failed(format!("cluster {} can't be suspended: {}", found.name, product(&found)))
                .with_hint("leave it running, or change its product with `clusterkeep cluster scale --product`"));
        }
        Suspend::Always => drop(guard.oblige(Cause::Asked)?),
        Suspend::WhatItStarted | Suspend::Never => {}
    }
    if !can_suspend {
        notes.push(format!(
            "{} can't be suspended: the cluster runs on, and is billed, when its guard leaves",
            product(&found)
        ));
    }
    let cluster = Cluster::new(Arc::new(CloudBackend::new(client.clone(), &found, holding)));
    until_ready(&cluster, &holding.events).await?;
    guard.asking(false);
    if holding.suspend == Suspend::Never {
        // Neither do others who are here, or were, have it suspended any more: somebody wants it to run on.
        guard.release()?;
    }
    Ok((cluster, notes))
}

/// Resumes the cluster; owes it a suspension only from when that is asked for, and not where it was refused.
async fn resume(client: &CloudClient, guard: &CloudUndo, suspend: Suspend, wait: &Wait) -> Result<cloud::Cluster> {
    let id = guard.id()?;
    let call = async || {
        let owed = if suspend == Suspend::Never { None } else { guard.oblige(Cause::Resumed)? };
        let before = guard.asking(true);
        let answer = client.set_suspended(id, false).await;
        // What was lost may have been heard, or be heard yet.
        if answer.as_ref().is_err_and(is_refusal) {
            guard.withdraw(owed)?;
            guard.asking(before);
        }
        answer
    };
    let changing = Changing::new(id, OperationKind::Suspend, "resume");
    let running = |cluster: &cloud::Cluster| cluster.suspended == Some(false);
    client.change(&changing, running, call, wait).await
}

fn product(cluster: &cloud::Cluster) -> String {
    format!("product {}", cluster.product_name.as_deref().unwrap_or("(unknown)"))
}

/// Waits until the database answers; the caller's deadline bounds it.
async fn until_ready(cluster: &Cluster, events: &Events) -> Result<()> {
    let mut said = false;
    while !cluster.ready().await {
        if !std::mem::replace(&mut said, true) {
            events.emit(Event::Operation {
                cluster: cluster.name().to_owned(),
                what: "start".into(),
                status: "in progress".into(),
                message: Some("The Cloud says that it runs. Waiting until its database answers.".into()),
            });
        }
        sleep(READY_POLL).await;
    }
    Ok(())
}

/// Holds the cluster as soon as nobody on this machine is suspending it any more.
pub(super) async fn hold(registry: &Registry, key: &ClusterKey) -> Result<Hold> {
    loop {
        if let Some(hold) = registry.hold(key)? {
            return Ok(hold);
        }
        sleep(LEAVING_POLL).await;
    }
}

pub(super) fn key(client: &CloudClient, cluster: &cloud::Cluster) -> ClusterKey {
    ClusterKey { endpoint: endpoint(client), id: Some(cluster.id), name: cluster.name.clone() }
}
