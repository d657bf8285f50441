//! `retention hold`: keeps what policies would let go.

use chrono::SubsecRound;
use chrono_tz::Tz;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::{ConnectOptions, TableName};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::{Hold, HoldScope};
use clusterkeep_retention::observe;
use clusterkeep_retention::store::NewHold;

use super::source::Opened;
use crate::args::{AddHoldArgs, HoldCommand, ListHoldsArgs, ReleaseHoldArgs};
use crate::context::{Context, actor};
use crate::output::{Format, Listing};

pub(in crate::commands) async fn hold(command: HoldCommand, context: &Context) -> Result<ExitCode> {
    match command {
        HoldCommand::Add(args) => add(args, context).await,
        HoldCommand::List(args) => list(args, context).await,
        HoldCommand::Release(args) => release(args, context).await,
    }
}

async fn add(args: AddHoldArgs, context: &Context) -> Result<ExitCode> {
    let options = ConnectOptions::default();
    let opened = match (&args.table, &args.place.state) {
        // A hold on a table that is not there would hold nothing, so the cluster is asked.
        (Some(_), Some(_)) => Opened::both(&args.place, options.clone().read_only(), options.create(), context).await?,
        (None, Some(_)) => Opened::state_alone(&args.place, options.create(), context).await?,
        (_, None) => Opened::state_alone(&args.place, options, context).await?,
    };
    let table = match &args.table {
        Some(table) => Some(known(table, &opened).await?),
        None => None,
    };
    let at = |moment: Option<crate::args::Moment>| moment.map(|moment| moment.at(args.zone));
    let scope = HoldScope { table, tag: args.tag, from: at(args.from), until: at(args.until) };
    let new =
        NewHold { owner: args.owner.unwrap_or_else(actor), reason: args.reason, scope, expires_at: at(args.expires) };
    let hold = opened.store().holds().add(new, SystemClock.now().trunc_subsecs(0)).await?;
    show(std::slice::from_ref(&hold), context)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

/// The table as plans call it.
async fn known(name: &TableName, opened: &Opened) -> Result<TableName> {
    let tables = observe::tables(opened.db()).await?;
    let found = tables.into_iter().find(|known| known.is(name)).map(|known| known.table);
    found.ok_or_else(|| {
        Error::input(format!("there is no table `{name}`"))
            .with_hint("a hold on a table that is not there would hold nothing; check the name and its schema")
    })
}

async fn list(args: ListHoldsArgs, context: &Context) -> Result<ExitCode> {
    let opened = Opened::state_alone(&args.place, ConnectOptions::default().read_only(), context).await?;
    let holds = opened.store().holds().list().await?;
    show(&holds, context)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

async fn release(args: ReleaseHoldArgs, context: &Context) -> Result<ExitCode> {
    let opened = Opened::state_alone(&args.place, ConnectOptions::default(), context).await?;
    let hold = opened.store().holds().release(&args.id, &args.reason, SystemClock.now().trunc_subsecs(0)).await?;
    match context.printer.format() {
        Format::Table => context.printer.note(&format!("hold {} of {} is released", hold.id, hold.owner)),
        _ => show(std::slice::from_ref(&hold), context)?,
    }
    opened.close().await;
    Ok(ExitCode::Done)
}

fn show(holds: &[Hold], context: &Context) -> Result<()> {
    let listing = Listing::of(holds, "nothing is held\n")
        .column("id", |hold: &Hold| hold.id.as_str().into())
        .column("what", |hold| what(&hold.scope).into())
        .column("until", |hold| until(hold).into())
        .column("owner", |hold| hold.owner.as_str().into())
        .column("placed", |hold| hold.placed_at.format("%Y-%m-%d %H:%M:%S UTC").to_string().into())
        .column("why", |hold| hold.reason.as_str().into());
    context.printer.data(&listing.render(context.printer.format(), &holds)?)
}

/// What is held, in words.
fn what(scope: &HoldScope) -> String {
    let bound = |at| clusterkeep_retention::text::bound(Some(at), Tz::UTC);
    let mut parts = Vec::new();
    parts.extend(scope.table.as_ref().map(ToString::to_string));
    parts.extend(scope.tag.as_ref().map(|tag| format!("tables tagged {tag}")));
    if parts.is_empty() {
        parts.push("everything".to_owned());
    }
    parts.extend(scope.from.map(|at| format!("from {}", bound(at))));
    parts.extend(scope.until.map(|at| format!("until {}", bound(at))));
    if scope.from.or(scope.until).is_some() {
        parts.push("UTC".to_owned());
    }
    parts.join(" ")
}

/// How long it lasts, in words.
fn until(hold: &Hold) -> String {
    let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match (hold.expires_at, hold.noticed_at) {
        (None, _) => "released".to_owned(),
        (Some(at), None) => time(at),
        (Some(at), Some(_)) => format!("{}, expired", time(at)),
    }
}
