//! `cluster sweep`: suspends what processes of this machine have left running.

use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::managed::sweep::{Sweep, Sweeping};
use clusterkeep_core::plan::Decide as _;
use clusterkeep_core::plan::Plan;
use clusterkeep_core::plan::show::{Cells, Heading, table};
use clusterkeep_core::{ExitCode, Result};

use super::planned::{self, Again, Next};
use crate::args::SweepArgs;
use crate::context::{Context, actor, state_folder};
use crate::output::{Printer, Status};

const HEADINGS: [Heading; 5] = [
    Heading::text("cluster"),
    Heading::text("id"),
    Heading::text("owed since"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

pub(super) async fn run(args: SweepArgs, context: &Context) -> Result<ExitCode> {
    let again = Again::of("sweep");
    planned::can_be_approved(&args.approval, &again, &context.printer)?;
    let stop = context.stop_between_steps();
    let status = Status::of("sweep", &context.printer);
    let sweep = Sweep::open(context.cloud()?, &state_folder()?)?.actor(actor()).events(status.events()).cancel(stop);
    let plan = sweep.plan(SystemClock.now()).await;
    status.finish();
    let plan = plan?;
    match planned::approve(&plan, &text(&plan, &context.printer), &args.approval, &again, context).await? {
        Next::End(code) => Ok(code),
        Next::Apply(approval) => {
            let report = sweep.apply(&plan, approval).await?;
            planned::report(&report, &plan, &again, &context.printer)
        }
    }
}

fn text(plan: &Plan<Sweeping>, printer: &Printer) -> String {
    let cells = clusterkeep_core::managed::sweep::cells(plan);
    let rows: Vec<_> = plan
        .verdicts
        .iter()
        .zip(cells)
        .map(|(verdict, cells)| Cells { class: verdict.verdict.class(), cells: cells.to_vec() })
        .collect();
    let table = if rows.is_empty() { String::new() } else { table(&HEADINGS, &rows, planned::painted(printer)) + "\n" };
    format!("{table}plan {}: {}\n", plan.hash.short(), clusterkeep_core::managed::sweep::summary(plan))
}
