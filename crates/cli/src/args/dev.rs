//! The arguments of `dev`.

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use super::Timeout;

/// What helps to develop and to try out.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Run a CrateDB Cloud API on this machine, in memory, until it is stopped
    Cloud(DevCloudArgs),
}

/// Runs a CrateDB Cloud API on this machine, in memory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DevCloudArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// How long each operation takes
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub operation_time: Timeout,
    /// A CrateDB that is behind all clusters, `http://[USER[:PASSWORD]@]HOST:PORT`
    #[arg(long, value_name = "URL")]
    pub backed_by: Option<String>,
    /// A cluster that runs from the beginning; can be repeated
    #[arg(long, value_name = "NAME")]
    pub running: Vec<String>,
    /// A cluster that is there and suspended; can be repeated
    #[arg(long, value_name = "NAME")]
    pub suspended: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  clusterkeep dev cloud
  clusterkeep dev cloud --listen 127.0.0.1:4444 --suspended staging --operation-time 10s
  clusterkeep dev cloud --format json --backed-by http://127.0.0.1:4200";
