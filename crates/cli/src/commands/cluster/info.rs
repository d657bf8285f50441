//! `cluster info`: what is known of a cluster.

use std::fmt::Write as _;

use clusterkeep_core::address::ClusterAddress;
use clusterkeep_core::cloud::Cluster;
use clusterkeep_core::managed::{ClusterInfo, Keeper, RunState};
use clusterkeep_core::{ExitCode, Result};

use super::diagnostics::{self, DatabaseInfo};
use super::documents::ClusterDocument;
use super::words;
use crate::args::InfoArgs;
use crate::context::Context;
use crate::errors;
use crate::output::{Colour, Format, Listing};

pub(super) async fn run(args: InfoArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let mut document = look(&address, context).await?;
    if args.database {
        document.database = Some(ask(&address, &document, context).await?);
    }
    show(&document, context)?;
    let failed = document.database.is_some_and(|database| database.error.is_some());
    Ok(if failed { ExitCode::Failed } else { ExitCode::Done })
}

/// What the keeper of the cluster says of it.
pub(super) async fn look(address: &ClusterAddress, context: &Context) -> Result<ClusterDocument> {
    if let ClusterAddress::CloudId(_) | ClusterAddress::CloudName(_) = address {
        let (_, cluster) = context.cloud_cluster(address).await?;
        return Ok(of(cluster));
    }
    let cluster = context.opener().open(address).await?.info().await?;
    Ok(ClusterDocument { cluster, cloud: None, database: None })
}

/// The document of a cluster of the Cloud.
pub(super) fn of(cluster: Cluster) -> ClusterDocument {
    ClusterDocument { cluster: ClusterInfo::from(&cluster), cloud: Some(Box::new(cluster)), database: None }
}

/// What the database says; that it can't be asked is an answer.
async fn ask(address: &ClusterAddress, document: &ClusterDocument, context: &Context) -> Result<DatabaseInfo> {
    if document.cluster.state == RunState::Suspended {
        return Ok(DatabaseInfo::silent("the cluster is suspended"));
    }
    let opened = match context.opener().open(address).await {
        Ok(cluster) => cluster.connect(diagnostics::options()).await,
        Err(error) => Err(error),
    };
    match opened {
        Ok(db) => {
            let answer = diagnostics::ask(&db).await;
            db.close().await;
            Ok(answer)
        }
        Err(error) => Ok(DatabaseInfo::silent(&errors::chain(&error))),
    }
}

/// Shows it in the format that is asked for.
pub(super) fn show(document: &ClusterDocument, context: &Context) -> Result<()> {
    let printer = &context.printer;
    let text = match printer.format() {
        Format::Table => text(document, context),
        Format::Csv | Format::Markdown | Format::Html => {
            let facts = facts(document);
            Listing::of(&facts, "")
                .column("fact", |(fact, _): &(&str, String)| (*fact).into())
                .column("value", |(_, value)| value.as_str().into())
                .render(printer.format(), document)?
        }
        format => format.document(document)?,
    };
    printer.data(&text)
}

fn text(document: &ClusterDocument, context: &Context) -> String {
    let mut out = format!("{}\n", headline(&document.cluster));
    for (fact, value) in facts(document) {
        // Writing to a String can't fail.
        writeln!(out, "  {fact:14}{}", plain(&value)).ok();
    }
    let Some(database) = &document.database else { return out };
    writeln!(out, "  {:14}{}", "database", plain(database.server.as_deref().unwrap_or("unknown"))).ok();
    if let Some(error) = &database.error {
        writeln!(out, "  {:14}{}", "", context.printer.paint(Colour::Refuse, &plain(error))).ok();
    }
    for answer in &database.diagnostics {
        writeln!(out, "\n{}", answer.name).ok();
        match (&answer.records, &answer.error) {
            (Some(records), _) if records.is_empty() => out.push_str("  none\n"),
            (Some(records), _) => out.push_str(&Format::aligned(records)),
            (None, error) => {
                let error = plain(error.as_deref().unwrap_or_default());
                writeln!(out, "  {} {error}", context.printer.paint(Colour::Refuse, "failed:")).ok();
            }
        }
    }
    out
}

/// Name, id and kind of a cluster on one line.
pub(super) fn headline(info: &ClusterInfo) -> String {
    let id = info.address.parse().map(words::short).unwrap_or_default();
    let keeper = match info.keeper {
        Keeper::Standalone => None,
        keeper => Some(keeper.to_string()),
    };
    let kind: Vec<_> =
        [keeper, info.place.clone(), info.product.clone(), info.version.clone()].into_iter().flatten().collect();
    let parts = [info.name.clone(), id, kind.join(", ")];
    plain(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  "))
}

/// What somebody else says must not break the line, or steer the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What there is to say, in the order in which one wants to know it.
fn facts(document: &ClusterDocument) -> Vec<(&'static str, String)> {
    let info = &document.cluster;
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    if info.keeper != Keeper::Standalone {
        add("state", Some(info.state.to_string()));
    }
    let Some(cloud) = &document.cloud else {
        add("url", info.url.clone());
        return facts;
    };
    add("health", cloud.status().map(ToString::to_string));
    add(
        "last",
        cloud.last_async_operation.as_ref().and_then(|last| {
            let status = last.status.as_ref()?.words();
            let at = last.dc.as_ref().and_then(|dc| dc.modified.or(dc.created)).map(words::instant);
            let kind = words::operation(last.r#type.as_ref()?.as_str(), &info.state);
            Some(format!("{kind}: {status}{}", at.map(|at| format!(" at {at}")).unwrap_or_default()))
        }),
    );
    add("nodes", nodes(cloud));
    add("url", info.url.clone());
    add("user", cloud.username.clone());
    add("allowed", Some(allowed(cloud)));
    add("backups", cloud.backup_schedule.as_ref().map(|cron| format!("{cron} (UTC)")));
    add("protected", cloud.deletion_protected.map(|yes| if yes { "against deletion" } else { "no" }.to_owned()));
    add("channel", cloud.channel.as_ref().map(ToString::to_string));
    add("id", Some(cloud.id.to_string()));
    add("project", cloud.project_id.map(|id| id.to_string()));
    add("subscription", cloud.subscription_id.clone());
    add("created", cloud.dc.as_ref().and_then(|dc| dc.created).map(words::instant));
    facts
}

fn nodes(cloud: &Cluster) -> Option<String> {
    let count = cloud.num_nodes?;
    let specs = cloud.hardware_specs.as_ref();
    let parts = [
        specs.and_then(|specs| specs.cpus_per_node).map(|cpus| format!("{cpus} CPUs")),
        specs.and_then(|specs| specs.memory_per_node_bytes).map(|bytes| format!("{} memory", words::size(bytes))),
        cloud.storage_bytes().map(|bytes| format!("{} disk", words::size(bytes))),
    ];
    let each: Vec<_> = parts.into_iter().flatten().collect();
    Some(if each.is_empty() { count.to_string() } else { format!("{count}, each {}", each.join(", ")) })
}

fn allowed(cloud: &Cluster) -> String {
    let networks: Vec<_> = cloud.ip_whitelist.iter().map(|network| network.cidr.as_str()).collect();
    if networks.is_empty() { "everyone".into() } else { networks.join(", ") }
}
