//! `cluster`: what there is, how it is, and what is to become of it.

mod shell;

use clusterkeep_core::{Error, ExitCode, Result};

use crate::args::ClusterCommand;
use crate::context::Context;

pub(super) async fn run(command: ClusterCommand, context: &Context) -> Result<ExitCode> {
    match command {
        ClusterCommand::Shell(args) => shell::run(args, context).await,
        _ => Err(Error::failed("not there yet")),
    }
}
