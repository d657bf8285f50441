//! The composition of Clusterkeep: which commands there are, which actions a job can name, and how all of it is shown.
//!
//! `main` is one call of [`run`]; another program, such as a server, uses the same parts: [`compose`] to register the
//! actions with a scheduler of its own, and [`schema`] for the documents that it speaks.
//!
//! Nothing here ends the process, and only [`output`] writes to the terminal.

pub mod args;
mod commands;
pub mod compose;
mod context;
mod demo;
mod errors;
mod files;
mod health;
mod history;
pub mod metrics;
pub mod output;
mod permissions;
mod power;
pub mod report;
pub mod schema;
mod served;
mod source;
mod targets;

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use clusterkeep_core::{Error, ExitCode, Result};

use crate::args::Cli;
use crate::context::Context;
use crate::output::Printer;

/// How long what runs on the runtime's own threads may take to end after the command has.
const LINGER: Duration = Duration::from_millis(200);

/// Runs a command line, its first word being the name of the program, and says how the process is to end.
///
/// ```
/// let code = clusterkeep::run(["clusterkeep", "schema", "retention"]);
/// assert_eq!(code.code(), 0);
/// ```
pub fn run<A: Into<OsString> + Clone>(args: impl IntoIterator<Item = A>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return errors::usage(&error),
    };
    let printer = Printer::new(&cli.output);
    match with_runtime(cli, &printer) {
        Ok(code) => code,
        Err(error) => errors::report(&printer, &error),
    }
}

/// What answers from the program alone is done before a runtime is started.
fn with_runtime(cli: Cli, printer: &Printer) -> Result<ExitCode> {
    let command = match commands::without_runtime(cli.command, printer) {
        commands::Next::Done(result) => return result,
        commands::Next::Needs(command) => command,
    };
    output::logs(&cli.output)?;
    // What only asks and waits is done before further threads would be there.
    let mut builder = match command.only_asks() {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(|error| Error::caused("start the runtime", error))?;
    let code = runtime.block_on(async {
        let context = Context::new(printer.clone());
        context.until_interrupted(commands::run(command, &context)).await
    });
    runtime.shutdown_timeout(LINGER);
    code
}
