//! `cluster`: what there is, how it is, and what is to become of it.

mod change;
mod copy;
mod create;
mod data;
mod diagnostics;
pub(crate) mod documents;
mod health;
mod info;
mod list;
mod lists;
mod local;
pub(super) mod planned;
mod power;
mod remove;
mod replicate;
mod shell;
mod sweep;
mod words;

use clusterkeep_core::address::ClusterAddress;
use clusterkeep_core::{ExitCode, Result};

use crate::args::ClusterCommand;
use crate::context::Context;

pub(crate) use power::{no_cluster, stop_at as stop};

/// What is told who leaves before the end.
const GOES_ON: &str =
    "what was asked for goes on; `clusterkeep cluster operations` and `cluster jobs` show how far it is";

pub(super) async fn run(command: ClusterCommand, context: &Context) -> Result<ExitCode> {
    match command {
        ClusterCommand::Shell(args) => shell::run(args, context).await,
        ClusterCommand::List(args) => context.interruptible(list::run(args, context)).await,
        ClusterCommand::Info(args) => context.interruptible(info::run(args, context)).await,
        ClusterCommand::Health(args) => context.interruptible(health::run(args, context)).await,
        ClusterCommand::Ping(args) => context.interruptible(health::ping(args, context)).await,
        ClusterCommand::Operations(args) => context.interruptible(lists::operations(args, context)).await,
        ClusterCommand::Jobs(args) => context.interruptible(lists::jobs(args, context)).await,
        ClusterCommand::Snapshots(args) => context.interruptible(lists::snapshots(args, context)).await,
        ClusterCommand::Start(args) => context.leaving(GOES_ON, power::start(args, context)).await,
        ClusterCommand::Stop(args) => context.leaving(GOES_ON, power::stop(args, context)).await,
        ClusterCommand::Import(args) => context.leaving(GOES_ON, data::import(args, context)).await,
        ClusterCommand::Export(args) => context.leaving(GOES_ON, data::export(args, context)).await,
        ClusterCommand::Copy(args) => copy::run(args, context).await,
        ClusterCommand::Sweep(args) => sweep::run(args, context).await,
        ClusterCommand::Create(args) => create::create(*args, context).await,
        ClusterCommand::Delete(args) => change::delete(args, context).await,
        ClusterCommand::Scale(args) => change::scale(args, context).await,
        ClusterCommand::Upgrade(args) => change::upgrade(args, context).await,
        ClusterCommand::Storage(args) => change::storage(args, context).await,
        ClusterCommand::Allow(args) => change::allow(args, context).await,
        ClusterCommand::Protect(args) => change::protect(args, context).await,
        ClusterCommand::Restore(args) => create::restore(args, context).await,
    }
}

/// Whether CrateDB Cloud keeps what is at this address.
const fn is_in_cloud(address: &ClusterAddress) -> bool {
    matches!(address, ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_))
}
