//! `cluster sweep`: suspends what processes of this machine have left running.

use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::managed::sweep::{self, Sweep};
use clusterkeep_core::{ExitCode, Result};

use super::planned::{self, Again, Next};
use crate::args::SweepArgs;
use crate::context::{Context, actor, state_folder};
use crate::output::Status;

pub(super) async fn run(args: SweepArgs, context: &Context) -> Result<ExitCode> {
    let again = Again::of("sweep");
    planned::can_be_approved(&args.approval, &again, &context.printer)?;
    let stop = context.stop_between_steps();
    let status = Status::of("sweep", &context.printer);
    let sweeping = Sweep::open(context.cloud()?, &state_folder()?)?.actor(actor()).events(status.events()).cancel(stop);
    let plan = sweeping.plan(SystemClock.now()).await;
    status.finish();
    let plan = plan?;
    match planned::approve(
        &plan,
        &sweep::text(&plan, planned::painted(&context.printer)),
        &args.approval,
        &again,
        context,
    )
    .await?
    {
        Next::End(code) => Ok(code),
        Next::Apply(approval) => {
            let report = sweeping.apply(&plan, approval).await?;
            planned::report(&report, &plan, &again, &context.printer)
        }
    }
}
