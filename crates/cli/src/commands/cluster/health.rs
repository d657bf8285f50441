//! `cluster health`: both sides of a cluster, one line each; and `cluster ping`.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::managed::{
    ClusterInfo, DatabaseHealth, Health, Keeper, KeeperHealth, RunState, Status, TableHealth,
};
use clusterkeep_core::plan::show::grouped;
use clusterkeep_core::{Error, ExitCode, Result};

use super::documents::{HealthDocument, PingDocument};
use super::info::{headline, plain};
use super::words;
use crate::args::{HealthArgs, PingArgs};
use crate::context::Context;
use crate::output::{Colour, Format, Listing, Printer};

/// How many tables a line names.
const NAMED: usize = 3;

pub(super) async fn run(args: HealthArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let cluster = context.opener().open(&address).await?;
    let (info, health) = futures::future::try_join(cluster.info(), cluster.health()).await?;
    let well = health.is_well();
    let document = HealthDocument { well, cluster: info, health };
    let printer = &context.printer;
    let text = match printer.format() {
        Format::Table => text(&document, printer, SystemClock.now()),
        Format::Csv | Format::Markdown | Format::Html => {
            Listing::of(&sides(&document.cluster, &document.health, SystemClock.now()), "")
                .column("side", |(side, ..): &Side| (*side).into())
                .column("status", |(_, status, _)| status.to_string().into())
                .column("what", |(.., what)| what.as_str().into())
                .render(printer.format(), &document)?
        }
        format => format.document(&document)?,
    };
    printer.data(&text)?;
    Ok(if well { ExitCode::Done } else { ExitCode::Failed })
}

fn text(document: &HealthDocument, printer: &Printer, now: DateTime<Utc>) -> String {
    let HealthDocument { cluster, health, .. } = document;
    let mut out = format!("{}\n", headline(cluster));
    for (side, status, words) in sides(cluster, health, now) {
        let word = format!("{:11}", status.to_string());
        // Writing to a String can't fail.
        writeln!(out, "  {side:8}  {} {}", paint(printer, &status, &word), plain(&words)).ok();
    }
    out
}

/// Its name, its status, and what else there is to say.
type Side = (&'static str, Status, String);

fn sides(info: &ClusterInfo, health: &Health, now: DateTime<Utc>) -> Vec<Side> {
    let mut sides = Vec::new();
    if let Some(keeper) = &health.keeper {
        let name = if info.keeper == Keeper::Cloud { "cloud" } else { "machine" };
        sides.push((name, keeper.status.clone(), kept(keeper, now)));
    }
    sides.push(("database", health.database.status.clone(), said(info, &health.database)));
    sides
}

fn kept(keeper: &KeeperHealth, now: DateTime<Utc>) -> String {
    let mut text = keeper.state.to_string();
    if let Some(last) = &keeper.last_operation {
        let kind = words::operation(&last.kind, &keeper.state);
        let when = last.ended.or(last.began).map(|at| words::ago(at, now));
        let took = words::took(last.began, last.ended);
        let parts = [Some(words::word(&last.status)), when, took].into_iter().flatten();
        text.push_str(&format!("; last operation {kind}: {}", parts.collect::<Vec<_>>().join(" ")));
    }
    text
}

fn said(info: &ClusterInfo, database: &DatabaseHealth) -> String {
    if let Some(error) = &database.error {
        return error.clone();
    }
    if database.status == Status::Suspended {
        return format!("resume it: clusterkeep cluster start --cluster {}", info.name);
    }
    let counted = |count: Option<u64>, what: &str| {
        count.map(|count| format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" }))
    };
    let parts = [
        database.shards.is_none().then(|| database.server.clone()).flatten(),
        counted(database.nodes, "node"),
        counted(database.shards, "shard"),
    ];
    let mut text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let sum = |of: fn(&TableHealth) -> Option<u64>| database.unwell.iter().filter_map(of).sum::<u64>();
    let (missing, under) = (sum(|table| table.missing_shards), sum(|table| table.underreplicated_shards));
    for (count, what) in [(missing, "missing"), (under, "under-replicated")] {
        if count > 0 {
            text.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    if !database.unwell.is_empty() {
        let named: Vec<_> = database.unwell.iter().take(NAMED).map(named).collect();
        text.push_str(&format!(": {}", named.join(", ")));
        if database.unwell.len() > NAMED {
            text.push_str(&format!(" and {} more", database.unwell.len() - NAMED));
        }
    }
    text
}

fn named(table: &TableHealth) -> String {
    match &table.partition {
        Some(partition) => format!("{} (partition {partition})", table.table),
        None => table.table.clone(),
    }
}

fn paint(printer: &Printer, status: &Status, word: &str) -> String {
    match status {
        Status::Green => printer.paint(Colour::Good, word),
        Status::Yellow | Status::Suspended => printer.paint(Colour::Act, word),
        _ => printer.paint(Colour::Refuse, word),
    }
}

/// Asks both sides, and starts nothing.
pub(super) async fn ping(args: PingArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let is_in_cloud = super::is_in_cloud(&address);
    let opened = match context.opener().open(&address).await {
        Ok(cluster) => cluster.info().await.map(|info| (cluster, info)),
        Err(error) => Err(error),
    };
    let (answer, why) = match opened {
        Ok((_, info)) if info.state == RunState::Suspended => {
            let why = Error::failed(format!("{} is suspended", info.name))
                .with_hint(format!("resume it: `clusterkeep cluster start --cluster {}`", info.name));
            (PingDocument { cloud: is_in_cloud.then_some(true), database: false }, Some(why))
        }
        Ok((cluster, _)) => {
            let database = cluster.ready().await;
            (PingDocument { cloud: is_in_cloud.then_some(true), database }, None)
        }
        Err(error @ Error::Cloud(_)) => (PingDocument { cloud: Some(false), database: false }, Some(error)),
        Err(error) => return Err(error),
    };
    let printer = &context.printer;
    let word = |answer: bool| if answer { "yes" } else { "no" };
    let text = match printer.format() {
        Format::Table => match answer.cloud {
            Some(cloud) => format!("cloud: {}, database: {}", word(cloud), word(answer.database)),
            None => format!("database: {}", word(answer.database)),
        },
        Format::Csv | Format::Markdown | Format::Html => {
            let one = [answer.clone()];
            Listing::of(&one, "")
                .column("cloud", |answer: &PingDocument| answer.cloud.into())
                .column("database", |answer| answer.database.into())
                .render(printer.format(), &answer)?
        }
        format => format.document(&answer)?,
    };
    printer.data(&text)?;
    match why {
        Some(why) => Err(why),
        None if answer.database => Ok(ExitCode::Done),
        None => Ok(ExitCode::Failed),
    }
}
