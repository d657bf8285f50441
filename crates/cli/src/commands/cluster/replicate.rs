//! `cluster copy --replicate`: one CrateDB follows another, for as long as its subscription stands.

use clusterkeep_core::address::{ClusterAddress, Resolved};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::copy::Replication;
use clusterkeep_core::copy::replicate::{LAG_HEADINGS, Lag, Upstream};
use clusterkeep_core::plan::show::table;
use clusterkeep_core::sql::Db;
use clusterkeep_core::{Error, ExitCode, Result};

use super::planned::{self, Again, Next};
use crate::args::CopyArgs;
use crate::context::{Context, actor};
use crate::output::{Format, Listing, Status};

pub(super) async fn run(
    args: &CopyArgs,
    from: &Resolved,
    databases: (Db, Db),
    again: &Again,
    context: &Context,
) -> Result<ExitCode> {
    let (source, target) = databases;
    let status = Status::of("replicate", &context.printer);
    let mut replication =
        Replication::new(source, target).actor(actor()).events(status.events()).cancel(context.stop_between_steps());
    if !args.table.is_empty() {
        replication = replication.tables(args.table.iter().cloned());
    }
    if args.lag {
        let lag = context.interruptible(replication.lag()).await;
        status.finish();
        return show(&lag?, context);
    }
    // What the target is to connect to is known before anything is planned.
    let upstream = if args.end { Upstream::new("nowhere", "crate") } else { upstream(args, from, context)? };
    let now = SystemClock.now();
    let made = if args.end { replication.plan_end(now).await } else { replication.plan(now).await };
    status.finish();
    let made = made?;
    let text = made.text(planned::painted(&context.printer));
    match planned::approve(&made.plan, &text, &args.approval, again, context).await? {
        Next::End(code) => Ok(code),
        Next::Apply(approval) => {
            let report = replication.apply(&made, approval, &upstream).await;
            status.finish();
            planned::report(&report?, &made.plan, again, &context.printer)
        }
    }
}

/// How the target reaches the source.
fn upstream(args: &CopyArgs, from: &Resolved, context: &Context) -> Result<Upstream> {
    let address = match &args.upstream {
        Some(text) => context.resolve_flag("--upstream", text, &args.cluster)?.address,
        None => from.address.clone(),
    };
    let ClusterAddress::Url(url) = address else {
        return Err(Error::input(format!("how the target reaches {address} is not known")).with_hint(
            "say it with --upstream crate://user@host?password=env:NAME: a user of the source who may read",
        ));
    };
    let upstream = Upstream::of(&url)?;
    Ok(match args.upstream_port {
        Some(port) => upstream.port(port),
        None => upstream,
    })
}

fn show(lag: &[Lag], context: &Context) -> Result<ExitCode> {
    let text = match context.printer.format() {
        Format::Table if lag.is_empty() => "nothing is replicated".to_owned(),
        Format::Table => {
            let rows: Vec<_> = lag.iter().map(Lag::cells).collect();
            table(&LAG_HEADINGS, &rows, planned::painted(&context.printer))
        }
        format => Listing::of(lag, "")
            .column("table", |lag: &Lag| lag.table.to_string().into())
            .column("state", |lag| lag.state.to_string().into())
            .column("source rows", |lag| lag.source_rows.into())
            .column("target rows", |lag| lag.target_rows.into())
            .column("behind", |lag| lag.behind.into())
            .render(format, &lag)?,
    };
    context.printer.data(&text)?;
    Ok(ExitCode::Done)
}
