//! `cluster copy`: tables of one cluster into another, at once or for as long as a subscription stands.

use clusterkeep_core::address::{ClusterAddress, Resolved};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::copy::TableCopy;
use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{Error, ExitCode, Result};

use super::planned::{self, Again, Next};
use super::replicate;
use crate::args::CopyArgs;
use crate::context::{Context, actor};
use crate::output::Status;

pub(super) async fn run(args: CopyArgs, context: &Context) -> Result<ExitCode> {
    let from = context.resolve(&args.cluster)?;
    let to = context.resolve_flag("--to", &args.to, &args.cluster)?;
    if from.address == to.address {
        return Err(Error::input(format!("{} is both the source and the target", from.address))
            .with_hint("name another cluster with --to"));
    }
    let again = again(&args, &from, &to);
    if !args.lag {
        planned::can_be_approved(&args.approval, &again, &context.printer)?;
    }
    let stop = context.stop_between_steps();
    let options = ConnectOptions::default();
    let reading = options.clone().read_only();
    let target_options = if args.approval.plan || args.lag { reading.clone() } else { options };
    // A replication makes its publication at the source.
    let source_options = if args.replicate { target_options.clone() } else { reading };
    let source = context.connect_to(&from.address, &from.origin, source_options).await?.db;
    let target = context.connect_to(&to.address, &to.origin, target_options).await?.db;
    if args.replicate {
        let code = replicate::run(&args, &from, (source.clone(), target.clone()), &again, context).await;
        source.close().await;
        target.close().await;
        return code;
    }
    let status = Status::of("copy", &context.printer);
    let mut copy = TableCopy::new(source.clone(), target.clone()).actor(actor()).events(status.events()).cancel(stop);
    if !args.table.is_empty() {
        copy = copy.tables(args.table.iter().cloned());
    }
    let made = copy.plan(SystemClock.now()).await;
    status.finish();
    let made = made?;
    let text = made.text(planned::painted(&context.printer));
    let code = match planned::approve(&made.plan, &text, &args.approval, &again, context).await? {
        Next::End(code) => code,
        Next::Apply(approval) => {
            let report = copy.apply(&made, approval).await;
            status.finish();
            planned::report(&report?, &made.plan, &again, &context.printer)?
        }
    };
    source.close().await;
    target.close().await;
    Ok(code)
}

fn again(args: &CopyArgs, from: &Resolved, to: &Resolved) -> Again {
    let again = Again::of("copy").cluster(&args.cluster, from).flag("--to", Some(&to.address));
    let again = args.table.iter().fold(again, |again, table| again.flag("--table", Some(table)));
    again
        .switch("--replicate", args.replicate)
        // Parsed first: as an address it shows no password.
        .flag("--upstream", args.upstream.as_ref().and_then(|text| text.parse::<ClusterAddress>().ok()))
        .flag("--upstream-port", args.upstream_port)
        .switch("--end", args.end)
}
