//! A cluster of CrateDB Cloud for the length of a scope: resumed if it is suspended, and suspended again at the end.
//!
//!     export CRATEDB_CLUSTER_NAME=staging CRATEDB_CLOUD_API_KEY=... CRATEDB_CLOUD_API_SECRET=...
//!     cargo run -p clusterkeep-examples --example managed_cluster
//!
//! Where no cluster is named, it shows the same on a Cloud of this machine, with a CrateDB of this machine behind it where
//! one is installed. `clusterkeep dev cloud` is that Cloud for programs in any language.

use std::process::ExitCode;

use clusterkeep_core::Result;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::managed::{ManagedCluster, ManagedClusterBuilder};
use clusterkeep_examples::{offline, say};

#[tokio::main]
async fn main() -> ExitCode {
    say(run().await)
}

async fn run() -> Result<()> {
    if std::env::var_os("CRATEDB_CLOUD_API_KEY").is_some() {
        return work(ManagedCluster::from_env()).await;
    }
    println!("no CRATEDB_CLOUD_API_KEY: this is a Cloud of this machine");
    let Some(offline) = offline::Cloud::start().await? else { return Ok(()) };
    offline.add("staging", true)?;
    work(offline.builder("staging")).await
}

async fn work(builder: ManagedClusterBuilder) -> Result<()> {
    // What the Cloud says while it works, in its own words.
    let events = Events::to(|event| {
        if let Event::Operation { cluster, what, status, message } = event {
            println!("  {what} {cluster}: {status} {}", message.unwrap_or_default());
        }
    });
    let cluster = builder.events(events).start().await?;
    println!("{}", cluster.query("SELECT name, hostname FROM sys.nodes").await?);
    // However this function ends from here on, by `?`, a panic or `return`, the cluster is suspended. `stop` does it in
    // order, waits for it, and can tell what went wrong.
    let left = cluster.stop().await?;
    println!("{left}");
    Ok(())
}
