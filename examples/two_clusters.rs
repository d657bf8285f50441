//! Two clusters at once, of two accounts: each has its own credentials and its own tokens.
//!
//!     cargo run -p clusterkeep-examples --example two_clusters
//!
//! It runs offline, on two Clouds of this machine. With real ones, the lines that matter are those of `run`.

use std::process::ExitCode;
use std::time::Duration;

use clusterkeep_core::Result;
use clusterkeep_core::managed::ManagedCluster;
use clusterkeep_examples::{offline, say};

#[tokio::main]
async fn main() -> ExitCode {
    say(run().await)
}

async fn run() -> Result<()> {
    let (Some(one), Some(other)) = (offline::Cloud::start().await?, offline::Cloud::start().await?) else {
        return Ok(());
    };
    one.add("staging", true)?;
    other.add("reporting", false)?;

    let staging = ManagedCluster::cloud("staging")
        .credentials(one.key(), one.secret())
        .endpoint(one.endpoint())
        .timeout(Duration::from_secs(300));
    let reporting =
        ManagedCluster::cloud("reporting").credentials(other.key(), other.secret()).endpoint(other.endpoint());
    // Both are brought up side by side. Where one fails, the other is suspended again.
    let (staging, reporting) = tokio::try_join!(staging.start(), reporting.start())?;

    for cluster in [&staging, &reporting] {
        println!("{}: {}", cluster.name(), cluster.info().await?.state);
        println!("{}", cluster.query("SELECT name FROM sys.cluster").await?);
    }
    println!("staging: {}", staging.stop().await?);
    println!("reporting: {}", reporting.stop().await?);
    Ok(())
}
