//! `retention acknowledge`: somebody agrees that tables may be cleared which a manifest does not name.

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::{ConnectOptions, TableName};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::{KnownTable, TablePolicy, resolve};
use clusterkeep_retention::observe;
use serde::Serialize;

use super::source::{self, Opened};
use crate::args::AcknowledgeArgs;
use crate::context::Context;
use crate::output::Listing;

/// What became of a table.
#[derive(Debug, Serialize)]
struct Row {
    manifest: String,
    table: TableName,
    outcome: &'static str,
}

pub(in crate::commands) async fn acknowledge(args: AcknowledgeArgs, context: &Context) -> Result<ExitCode> {
    let from_files = source::of_files(&args.manifest)?;
    let options = ConnectOptions::default();
    let opened = Opened::both(&args.place, options.clone().read_only(), options.create(), context);
    let opened = match &args.place.state {
        Some(_) => opened.await?,
        None => Opened::both(&args.place, ConnectOptions::default(), ConnectOptions::default(), context).await?,
    };
    let manifest = match from_files {
        Some(manifest) => manifest,
        None => source::kept(&opened.state, args.manifest.manifest.as_deref()).await?,
    };
    let known = observe::tables(opened.db()).await?;
    let policies = resolve(&manifest.value, &known).map_err(|error| error.at(manifest.place.clone()))?;
    let tables = args.names.iter().map(|name| meant(name, &policies, &known, &manifest.value.name));
    let tables = tables.collect::<Result<Vec<_>>>()?;
    let subject = format!("retention:{}", manifest.value.name);
    let added = opened.store().acknowledged().add(&subject, tables.clone(), SystemClock.now()).await?;
    let rows: Vec<_> = tables
        .into_iter()
        .map(|table| {
            let outcome = if added.contains(&table) { "acknowledged" } else { "was acknowledged before" };
            Row { manifest: manifest.value.name.clone(), table, outcome }
        })
        .collect();
    let listing = Listing::of(&rows, "")
        .column("manifest", |row: &Row| row.manifest.clone().into())
        .column("table", |row| row.table.to_string().into())
        .column("outcome", |row| row.outcome.into());
    context.printer.data(&listing.render(context.printer.format(), &rows)?)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

/// The table as plans call it.
fn meant(name: &TableName, policies: &[TablePolicy], known: &[KnownTable], manifest: &str) -> Result<TableName> {
    let table = known.iter().find(|known| known.is(name)).map_or(name, |known| &known.table);
    if policies.iter().any(|of| of.table == *table) {
        return Ok(table.clone());
    }
    let about: Vec<_> = policies.iter().map(|of| of.table.to_string()).collect();
    Err(Error::input(format!("manifest `{manifest}` is not about table `{name}`"))
        .with_hint(format!("it is about {}", about.join(", "))))
}
