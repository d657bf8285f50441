//! `cluster shell`: statements typed at a prompt, piped in, or given with `-c`, on every engine.
//!
//! Somebody at a prompt may write; what is piped in or given with `-c` only reads, unless `--write` is given, by the
//! same two fences as `query`.

mod catalogue;
mod complete;
mod editor;
mod history;
mod meta;
mod piped;
mod runner;

use std::io::IsTerminal as _;

use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{ExitCode, Result};

use self::runner::Runner;
use crate::args::ShellArgs;
use crate::context::Context;

/// How the statements come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With `-c`.
    Given,
    /// On the standard input, which is no terminal.
    Piped,
    /// At a prompt.
    Prompt,
}

pub(in crate::commands) async fn run(args: ShellArgs, context: &Context) -> Result<ExitCode> {
    let way = match (args.command.is_empty(), std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        (false, _) => Way::Given,
        (true, false) => Way::Piped,
        (true, true) => Way::Prompt,
    };
    let may_write = args.write || (way == Way::Prompt && !args.read_only);
    let mut options = ConnectOptions::default().statement_timeout(args.timeout.0).max_sessions(2);
    if !may_write {
        options = options.read_only();
    }
    let target = context.connect(&args.cluster, options).await?;
    let db = target.db.clone();
    let mut runner = Runner::new(target, context, may_write);
    match way {
        Way::Given => context.interruptible(piped::given(&args.command, &mut runner)).await?,
        Way::Piped => context.interruptible(piped::standard_input(&mut runner)).await?,
        Way::Prompt => editor::run(&mut runner).await?,
    }
    drop(runner);
    db.close().await;
    Ok(ExitCode::Done)
}
