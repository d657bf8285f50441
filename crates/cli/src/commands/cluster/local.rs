//! The clusters of this machine that have a name.

use clusterkeep_core::address::ClusterAddress;
use clusterkeep_core::managed::ClusterInfo;
use clusterkeep_core::managed::local::{LocalClusters, LocalRecord, LocalWish};
use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, ExitCode, Result};

use super::documents::ListedCluster;
use super::{info, power};
use crate::args::{CreateArgs, LocalEngine};
use crate::context::{Context, state_folder};
use crate::output::Status;

pub(super) fn clusters() -> Result<LocalClusters> {
    Ok(LocalClusters::at(clusterkeep_core::folder::servers(&state_folder()?)))
}

/// All of them.
pub(super) fn list() -> Result<Vec<ListedCluster>> {
    Ok(clusters()?.list()?.iter().map(listed).collect())
}

fn listed(record: &LocalRecord) -> ListedCluster {
    let info = ClusterInfo::from(record);
    ListedCluster {
        address: info.address,
        name: info.name,
        id: None,
        keeper: info.keeper,
        project: None,
        place: info.place,
        product: info.product,
        version: info.version,
        state: info.state,
        health: None,
        last_operation: None,
    }
}

/// The one of this name.
pub(super) fn record(name: &str) -> Result<LocalRecord> {
    clusters()?.find(name)?.ok_or_else(|| {
        Error::input(format!("cluster not found: `local:{name}`"))
            .with_hint("`clusterkeep cluster list --local` shows those of this machine")
    })
}

/// Stops one, whoever started it; its data stays.
pub(super) async fn stop(name: &str) -> Result<()> {
    clusters()?.stop(name).await
}

/// Creates one, and leaves it running.
pub(super) async fn create(name: &str, args: &CreateArgs, context: &Context) -> Result<ExitCode> {
    let address = ClusterAddress::local(name)?;
    let engine = match args.engine {
        Some(LocalEngine::Postgres) => Engine::Postgres,
        Some(LocalEngine::Mariadb) => Engine::Mysql,
        Some(LocalEngine::Cratedb) => Engine::Cratedb,
        None => {
            return Err(Error::input(format!("nobody has said what {address} is to run"))
                .with_hint("say --engine postgres, mariadb or cratedb"));
        }
    };
    if args.approval.plan || args.approval.expect_plan.is_some() {
        return Err(Error::input("a cluster of this machine is created without a plan")
            .with_hint("leave --plan and --expect-plan out: it costs nothing, and replaces nothing"));
    }
    let clusters = clusters()?;
    if clusters.find(name)?.is_some() {
        return Err(Error::input(format!("there is a cluster {address} already"))
            .with_hint(format!("start it with `clusterkeep cluster start --cluster {address}`")));
    }
    let wish = LocalWish::new(engine).nodes(args.nodes.unwrap_or(1));
    let wish = wish.configure(|server| server.timeout(args.wait.timeout.0));
    let status = Status::of(&format!("create {address}"), &context.printer);
    let started = clusters.start(name, &wish).await;
    status.finish();
    started?.keep()?;
    power::told(&info::look(&address, context).await?, context)
}
