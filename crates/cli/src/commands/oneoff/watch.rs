//! `run --watch`: runs something again and again and shows what it writes, as watch(1) does.

use std::time::Duration;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::target::Echo;
use clusterkeep_scheduler::{Target, Triggered};
use tokio::time::Instant;

use super::{NAME, builder, namespace};
use crate::args::RunArgs;
use crate::context::Context;
use crate::served::Served;

/// The shortest time between two runs.
const SHORTEST: Duration = Duration::from_millis(10);

pub(super) async fn run(target: &Target, every: Duration, args: &RunArgs, context: &Context) -> Result<ExitCode> {
    let (printer, stop) = (&context.printer, context.stop_between_steps());
    let every = every.max(SHORTEST);
    let namespace = namespace::once(target, args)?;
    let served = Served::of(&args.cluster, None);
    let mut due = Instant::now();
    while !stop.is_cancelled() {
        let builder = builder(target, &namespace, args, &served, &Echo::default());
        let triggered = builder.ending(stop.clone()).trigger(NAME).await?;
        if stop.is_cancelled() {
            break;
        }
        if let Triggered::Ran(run) = triggered {
            let now = SystemClock.now().format("%Y-%m-%d %H:%M:%S UTC");
            let error = run.error.as_deref().map(|error| format!("{}: {error}\n", run.state)).unwrap_or_default();
            let head = format!("every {every:?}: {target}  {now}");
            let output = run.output.as_deref().unwrap_or_default();
            printer.screen(&format!("{head}\n\n{output}{error}"))?;
        }
        due = if args.one.precise {
            // One that took longer than its time begins the next at once, and those that it has missed do not come.
            let mut next = due + every;
            while next < Instant::now() {
                next += every;
            }
            next
        } else {
            Instant::now() + every
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(due) => {}
        }
    }
    Ok(ExitCode::Done)
}
