//! Creating a cluster that a guard is to hold.

use tokio::time::sleep;

use super::super::holding::{Holding, Suspend};
use super::start::{LEAVING_POLL, existing, hold};
use super::suspend::{Which, is_refusal};
use super::undo::CloudUndo;
use super::{endpoint, find};
use crate::address::ClusterAddress;
use crate::cloud::CloudClient;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::registry::{Cause, ClusterKey, Hold, Registry, Turn};

/// Has the cluster at `address` created; what is returned undoes it, and is there before the request is sent.
///
/// Where another guard of this machine has just created it, it is only held.
pub(super) async fn create(
    client: &CloudClient,
    address: &ClusterAddress,
    registry: &Registry,
    holding: &Holding,
) -> Result<CloudUndo> {
    let Some(deploy) = &holding.deploy else { return Err(unknown(client, address).await) };
    let ClusterAddress::CloudName(name) = address else {
        return Err(Error::input(format!("cluster not found: `{address}`"))
            .with_hint("a cluster is created by its name; an id is given to it then"));
    };
    let intent = ClusterKey { endpoint: endpoint(client), id: None, name: name.clone() };
    let (turn, intent) = turn(registry, &intent).await?;
    // Whoever had the turn before may have created it just now.
    if let Some(cluster) = find(client, address).await? {
        drop((intent, turn));
        return existing(client, &cluster, registry, holding).await;
    }
    let chosen = deploy.choose(name, client).await?;
    let owed = if holding.suspend == Suspend::Never { None } else { Some(intent.oblige(Cause::Created)?) };
    let asked = Which::Asked { name: name.clone(), organization: chosen.organization };
    let mut guard = CloudUndo::new(client.clone(), asked, intent, holding);
    tracing::info!(cluster = name, product = chosen.cluster.product, region = chosen.region, "creating a cluster");
    holding.events.emit(Event::Operation {
        cluster: name.clone(),
        what: "create".into(),
        status: "asked".into(),
        message: Some(format!("{} in {}, CrateDB {}", chosen.cluster.product, chosen.region, chosen.cluster.version)),
    });
    guard.asking(true);
    let created = match client.create_once(chosen.organization, &chosen.cluster, &holding.wait()).await {
        Ok(created) => created,
        Err(error) => {
            if is_refusal(&error) {
                // One of the name that may be there now is somebody else's.
                guard.withdraw(owed)?;
            }
            guard.give_up().await;
            return Err(error);
        }
    };
    let held = hold(registry, &super::start::key(client, &created)).await?;
    if owed.is_some() {
        held.oblige(Cause::Created)?;
    }
    guard.created(created.id, held)?;
    guard.asking(false);
    drop(turn);
    Ok(guard)
}

/// Waits until nobody else on this machine is creating a cluster, so that nothing of it is made twice, and until who asked
/// for one of the name is done with that.
async fn turn(registry: &Registry, intent: &ClusterKey) -> Result<(Turn, Hold)> {
    loop {
        if let Some(turn) = registry.turn()?
            && let Some(hold) = registry.hold(intent)?
        {
            return Ok((turn, hold));
        }
        sleep(LEAVING_POLL).await;
    }
}

/// Why there is nothing to start: the client knows near names.
async fn unknown(client: &CloudClient, address: &ClusterAddress) -> Error {
    let reference = match super::reference(address) {
        Ok(reference) => reference,
        Err(error) => return error,
    };
    match client.find_cluster(&reference).await {
        Err(error) => error,
        // It has come into being just now.
        Ok(_) => Error::failed(format!("cluster {address} was created while this looked for it: try again")),
    }
}
