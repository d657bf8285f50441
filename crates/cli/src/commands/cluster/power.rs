//! `cluster start` and `cluster stop`.
//!
//! What was started runs on when the command has ended: a guard is for the length of a scope, and this is none.

use std::time::Duration;

use clusterkeep_core::address::{ClusterAddress, DatabaseUrl};
use clusterkeep_core::cloud::{self, CloudClient, Wait};
use clusterkeep_core::event::Events;
use clusterkeep_core::managed::{ManagedCluster, RunState, Suspend};
use clusterkeep_core::{Error, ExitCode, Result};

use super::documents::ClusterDocument;
use super::{info, is_in_cloud, local};
use crate::args::{StartArgs, StopArgs, WaitArgs};
use crate::context::{Context, cloud_cluster};
use crate::output::{Format, Status};

pub(super) async fn start(args: StartArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    if args.wait.no_wait && is_in_cloud(&address) {
        return send(&address, false, context).await;
    }
    let status = Status::of(&format!("start {address}"), &context.printer);
    let builder = ManagedCluster::at(address.clone())
        .suspend(Suspend::Never)
        .timeout(args.wait.timeout.0)
        .events(status.events());
    let started = builder.start().await;
    status.finish();
    let guard = started?;
    for note in guard.notes() {
        context.printer.note(note);
    }
    guard.keep()?;
    told(&info::look(&address, context).await?, context)
}

pub(super) async fn stop(args: StopArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    if is_in_cloud(&address) {
        return suspend(&address, &args.wait, context).await;
    }
    stop_at(&address).await?;
    told(&info::look(&address, context).await?, context)
}

/// Stops a cluster, whoever has started it, and waits until that is done.
pub(crate) async fn stop_at(address: &ClusterAddress) -> Result<()> {
    match address {
        ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_) => {
            let (client, cluster) = cloud_cluster(address).await?;
            can_be_suspended(&cluster)?;
            client.suspend(cluster.id, &Wait::default()).await.map(drop)
        }
        ClusterAddress::Local(name) => local::stop(name).await,
        ClusterAddress::Url(url) => Err(no_cluster(url, "stop")),
    }
}

/// That this is the address of a database, to which nobody here can do that.
pub(crate) fn no_cluster(url: &DatabaseUrl, what: &str) -> Error {
    Error::input(format!("{url} is the address of a database, which nobody here can {what}"))
        .with_hint("give the id or name of a CrateDB Cloud cluster, or `local:NAME`")
}

async fn suspend(address: &ClusterAddress, wait: &WaitArgs, context: &Context) -> Result<ExitCode> {
    if wait.no_wait {
        return send(address, true, context).await;
    }
    let (client, cluster) = context.cloud_cluster(address).await?;
    can_be_suspended(&cluster)?;
    let status = Status::of(&format!("suspend {}", cluster.name), &context.printer);
    let done = client.suspend(cluster.id, &waiting(wait.timeout.0, status.events())).await;
    status.finish();
    // What comes back was read after the end of the operation.
    told(&info::of(done?), context)
}

/// Asks for it, and does not wait until it is so.
async fn send(address: &ClusterAddress, suspended: bool, context: &Context) -> Result<ExitCode> {
    let (client, cluster) = context.cloud_cluster(address).await?;
    if suspended {
        can_be_suspended(&cluster)?;
    }
    let wanted = cluster.suspended == Some(suspended) && cluster.running_operation().is_none();
    let cluster = if wanted { cluster } else { asked(&client, &cluster, suspended).await? };
    if !wanted {
        let (name, what) = (&cluster.name, if suspended { "suspension" } else { "resumption" });
        context.printer.note(&format!(
            "{what} of {name} accepted; `clusterkeep cluster operations --cluster {name}` shows how far it is"
        ));
    }
    told(&info::of(cluster), context)
}

async fn asked(client: &CloudClient, cluster: &cloud::Cluster, suspended: bool) -> Result<cloud::Cluster> {
    client.set_suspended(cluster.id, suspended).await?;
    client.cluster(cluster.id).await
}

fn can_be_suspended(cluster: &cloud::Cluster) -> Result<()> {
    if cluster.allow_suspend != Some(false) || cluster.is_suspended() {
        return Ok(());
    }
    let product = cluster.product_name.as_deref().unwrap_or("unknown");
    Err(Error::failed(format!("cluster {} can't be suspended: its product is {product}", cluster.name))
        .with_hint("products cr1 to cr4 can be suspended; it runs on, and is billed"))
}

/// How long to wait, and who hears of it.
pub(super) fn waiting(timeout: Duration, events: Events) -> Wait {
    Wait::default().timeout(timeout).events(events)
}

/// One line for people, the document for programs.
pub(super) fn told(document: &ClusterDocument, context: &Context) -> Result<ExitCode> {
    if context.printer.format() != Format::Table {
        info::show(document, context)?;
        return Ok(ExitCode::Done);
    }
    let cluster = &document.cluster;
    let url = match (&cluster.state, &cluster.url) {
        (RunState::Running, Some(url)) => format!(" at {url}"),
        _ => String::new(),
    };
    context.printer.note(&info::plain(&format!("{}: {}{url}", cluster.name, cluster.state)));
    Ok(ExitCode::Done)
}
