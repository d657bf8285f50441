//! Creating a cluster that a guard is to hold.

use chrono::Utc;

use super::super::builder::{Holding, Suspend};
use super::start::hold;
use super::suspend::Which;
use super::undo::CloudUndo;
use crate::address::ClusterAddress;
use crate::cloud::CloudClient;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::registry::{Cause, ClusterKey, Registry};

/// Has the cluster at `address` created; what is returned undoes it, and is there before the request is sent.
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
    let chosen = deploy.choose(name, client).await?;
    let intent = ClusterKey { endpoint: client.endpoint().to_owned(), id: None, name: name.clone() };
    let intent = hold(registry, &intent).await?;
    let obliged = holding.suspend != Suspend::Never;
    if obliged {
        intent.oblige(Cause::Created)?;
    }
    let asked = Which::Asked { name: name.clone(), organization: chosen.organization, since: Utc::now() };
    let mut guard = CloudUndo::new(client.clone(), asked, intent, holding);
    tracing::info!(cluster = name, product = chosen.cluster.product, region = chosen.region, "creating a cluster");
    holding.events.emit(Event::Operation {
        cluster: name.clone(),
        what: "create".into(),
        status: "asked".into(),
        message: Some(format!("{} in {}, CrateDB {}", chosen.cluster.product, chosen.region, chosen.cluster.version)),
    });
    guard.asking(true);
    let created = client.create_once(chosen.organization, &chosen.cluster, &holding.wait()).await?;
    let held = hold(registry, &super::start::key(client, &created)).await?;
    if obliged {
        held.oblige(Cause::Created)?;
    }
    guard.created(created.id, held)?;
    guard.asking(false);
    Ok(guard)
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
