//! `retention restore`: where copies of partitions are, and back.

use chrono_tz::Tz;
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::plan::Plan;
use clusterkeep_core::sql::{ConnectOptions, Engine};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::restore::{Archived, Destination, Detail, Restoring, text};
use clusterkeep_retention::text::{bound, grouped};

use super::source::Opened;
use crate::args::{ArchiveCommand, ListArchivesArgs, RestorePartitionArgs, ShowArchiveArgs};
use crate::commands::cluster::planned::{self, Again, Next};
use crate::context::{Context, actor};
use crate::output::{Listing, Status};

pub(in crate::commands) async fn restore(command: ArchiveCommand, context: &Context) -> Result<ExitCode> {
    match command {
        ArchiveCommand::List(args) => list(args, context).await,
        ArchiveCommand::Show(args) => show_one(args, context).await,
        ArchiveCommand::Run(args) => run(args, context).await,
    }
}

fn retention(opened: &Opened) -> Retention {
    Retention::new(opened.db().clone()).state(opened.state.clone()).actor(actor())
}

async fn list(args: ListArchivesArgs, context: &Context) -> Result<ExitCode> {
    let read = ConnectOptions::default().read_only();
    let opened = Opened::both(&args.place, read.clone(), read, context).await?;
    let archives = retention(&opened).archives().list(args.table.as_ref()).await?;
    show(&archives, context)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

async fn show_one(args: ShowArchiveArgs, context: &Context) -> Result<ExitCode> {
    let read = ConnectOptions::default().read_only();
    let opened = Opened::both(&args.place, read.clone(), read, context).await?;
    let mut archives = retention(&opened).archives().list(None).await?;
    archives.retain(|archive| archive.snapshot == args.snapshot);
    if archives.is_empty() {
        return Err(Error::input(format!("no archive `{}` is on record", args.snapshot.escape_debug()))
            .with_hint("`clusterkeep retention restore list` shows those that there are"));
    }
    show(&archives, context)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

async fn run(args: RestorePartitionArgs, context: &Context) -> Result<ExitCode> {
    let target = context.resolve(&args.place.cluster)?;
    let again = Again::of_command("retention restore run").word(&args.snapshot).cluster(&args.place.cluster, &target);
    // As it is shown, without a password.
    let state = args.place.state.as_deref().map(|address| context.state_url(address)).transpose()?;
    let again = again.flag("--state", state).switch("--beside", args.beside);
    planned::can_be_approved(&args.approval, &again, &context.printer)?;
    let options = if args.approval.plan { ConnectOptions::default().read_only() } else { ConnectOptions::default() };
    let opened = Opened::both(&args.place, options.clone(), options, context).await?;
    let stop = context.stop_between_steps();
    let (status, to) = (Status::of("restore", &context.printer), destination(&args));
    let archives = retention(&opened).events(status.events()).cancel(stop).archives();
    let plan = archives.plan(&args.snapshot, to, SystemClock.now()).await;
    status.finish();
    let plan = plan?;
    let text = text(&plan, planned::painted(&context.printer));
    let code = match planned::approve(&plan, &text, &args.approval, &again, context).await? {
        Next::End(code) => code,
        Next::Apply(approval) => {
            let report = archives.apply(&plan, approval).await?;
            let code = planned::report(&report, &plan, &again, &context.printer)?;
            if code == ExitCode::Done && !plan.is_empty() {
                advise(&plan, &args, opened.db().engine(), context);
            }
            code
        }
    };
    opened.close().await;
    Ok(code)
}

fn destination(args: &RestorePartitionArgs) -> Destination {
    if args.beside { Destination::Beside } else { Destination::Table }
}

/// Says what comes next, for people.
fn advise(plan: &Plan<Restoring>, args: &RestorePartitionArgs, engine: Engine, context: &Context) {
    let Some(Detail { into, start, end, .. }) = plan.verdicts.first().map(|verdict| &verdict.detail) else { return };
    if args.beside && engine == Engine::Postgres {
        context.printer.note(&format!(
            "where the partition is gone: ALTER TABLE ... ATTACH PARTITION {into} FOR VALUES FROM ... TO ..., with the \
             bounds that it had, makes it one again"
        ));
    }
    if !args.beside {
        let (from, until) = (bound(*start, Tz::UTC), bound(Some(*end), Tz::UTC));
        context.printer.note(&format!(
            "the next apply may drop them again; to keep them: clusterkeep retention hold add --table {into} --from {from} \
             --until {until} --reason ..."
        ));
    }
}

fn show(archives: &[Archived], context: &Context) -> Result<()> {
    let listing = Listing::of(archives, "nothing is archived\n")
        .column("table", |archive: &Archived| archive.table.as_str().into())
        .column("from", |archive| bound(archive.start, Tz::UTC).into())
        .column("until", |archive| bound(Some(archive.end), Tz::UTC).into())
        .column("rows", |archive| grouped(archive.rows).into())
        .column("in", |archive| archive.repository.as_str().into())
        .column("name", |archive| archive.snapshot.as_str().into())
        .column("state", |archive| archive.state.as_deref().unwrap_or("not listed").into())
        .column("in table", |archive| if archive.in_table { "yes" } else { "no" }.into());
    context.printer.data(&listing.render(context.printer.format(), &archives)?)
}
