//! `retention restore`: where copies of partitions are, and back.

use chrono_tz::Tz;
use clusterkeep_core::sql::{ConnectOptions, Engine};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::restore::{Archived, Destination};
use clusterkeep_retention::text::{bound, grouped};

use super::source::Opened;
use crate::args::{ArchiveCommand, ListArchivesArgs, RestorePartitionArgs, ShowArchiveArgs};
use crate::context::{Context, actor};
use crate::output::{Format, Listing};

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
    let opened = Opened::both(&args.place, ConnectOptions::default(), ConnectOptions::default(), context).await?;
    let to = if args.beside { Destination::Beside } else { Destination::Table };
    let restored = retention(&opened).archives().restore(&args.snapshot, to).await?;
    let engine = opened.db().engine();
    opened.close().await;
    match context.printer.format() {
        Format::Table => {
            let (from, until) = (bound(restored.start, Tz::UTC), bound(Some(restored.end), Tz::UTC));
            let rows = grouped(restored.rows);
            // Of a snapshot the rows are counted, of files every value is held against its checksum.
            let how = if engine == Engine::Cratedb { "counted" } else { "verified" };
            context.printer.note(&format!(
                "restored {rows} rows from {from} until {until} UTC into {} and {how} them",
                restored.into
            ));
            if args.beside && engine == Engine::Postgres {
                context.printer.note(&format!(
                    "where the partition is gone: ALTER TABLE ... ATTACH PARTITION {} FOR VALUES FROM ... TO ..., with \
                     the bounds that it had, makes it one again",
                    restored.into
                ));
            }
            if !args.beside {
                context.printer.note(&format!(
                    "the next apply may drop them again; to keep them: clusterkeep retention hold add --table {} \
                     --from {from} --until {until} --reason ...",
                    restored.into
                ));
            }
        }
        format => context.printer.data(&format.document(&restored)?)?,
    }
    Ok(ExitCode::Done)
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
