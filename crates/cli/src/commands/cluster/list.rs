//! `cluster list`: the clusters of the Cloud that the credentials see, and those of this machine.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::cloud::{self, CloudClient, ClusterFilter, Organization, Project};
use clusterkeep_core::managed::ClusterInfo;
use clusterkeep_core::{Error, ExitCode, Result};
use uuid::Uuid;

use super::documents::{ListedCluster, ListedOperation};
use super::words;
use crate::args::ListClustersArgs;
use crate::context::Context;
use crate::output::{Format, Listing};

pub(super) async fn run(args: ListClustersArgs, context: &Context) -> Result<ExitCode> {
    let mut rows = if args.local { Vec::new() } else { in_cloud(&args, context).await? };
    if args.organization.is_none() && args.project.is_none() {
        rows.extend(super::local::list()?);
    }
    rows.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
    let now = SystemClock.now();
    let wide = context.printer.format() != Format::Table;
    let rows: Vec<_> = rows.into_iter().map(|row| Row::of(row, now, wide)).collect();
    let documents: Vec<_> = rows.iter().map(|row| &row.listed).collect();
    let listing = Listing::of(&rows, "there is no cluster")
        .column("name", |row: &Row| row.listed.name.as_str().into())
        .column("id", |row| row.id.as_str().into())
        .column("project", |row| row.listed.project.clone().into())
        .column("place", |row| row.listed.place.clone().into())
        .column("product", |row| row.listed.product.clone().into())
        .column("version", |row| row.listed.version.clone().into())
        .column("state", |row| row.listed.state.to_string().into())
        .column("health", |row| row.listed.health.clone().into())
        .column("last operation", |row| row.last.as_str().into());
    context.printer.data(&listing.render(context.printer.format(), &documents)?)?;
    Ok(ExitCode::Done)
}

/// A cluster with what its line has room for.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Row {
    listed: ListedCluster,
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    last: String,
}

impl Row {
    fn of(listed: ListedCluster, now: DateTime<Utc>, wide: bool) -> Self {
        let id = match listed.id {
            Some(id) if wide => id.to_string(),
            Some(id) => words::short(id),
            None => listed.address.clone(),
        };
        let last = listed.last_operation.as_ref().map(|last| {
            let when = last.changed.or(last.began).map(|at| format!(" {}", words::ago(at, now))).unwrap_or_default();
            format!("{}: {}{when}", words::operation(&last.kind, &listed.state), words::word(&last.status))
        });
        Self { id, last: last.unwrap_or_default(), listed }
    }
}

async fn in_cloud(args: &ListClustersArgs, context: &Context) -> Result<Vec<ListedCluster>> {
    let client = context.cloud()?;
    let mut filter = ClusterFilter::default();
    if let Some(wanted) = &args.organization {
        filter.organization = Some(organization(wanted, &client).await?);
    }
    let (clusters, projects) = match &args.project {
        Some(wanted) => {
            let projects = client.projects().await?;
            filter.project = Some(project(wanted, &projects)?);
            (client.clusters(&filter).await?, projects)
        }
        None => futures::future::try_join(client.clusters(&filter), client.projects()).await?,
    };
    let projects: HashMap<Uuid, Project> = projects.into_iter().map(|project| (project.id, project)).collect();
    Ok(clusters.iter().map(|cluster| listed(cluster, &projects)).collect())
}

fn listed(cluster: &cloud::Cluster, projects: &HashMap<Uuid, Project>) -> ListedCluster {
    let info = ClusterInfo::from(cluster);
    let project = cluster.project_id.as_ref().and_then(|id| projects.get(id));
    let name = project.map(|project| project.name.clone()).or_else(|| cluster.project_id.map(|id| id.to_string()));
    ListedCluster {
        id: Some(cluster.id),
        project: name,
        health: cluster.status().map(ToString::to_string),
        last_operation: cluster.last_async_operation.as_ref().and_then(last_operation),
        name: info.name,
        address: info.address,
        keeper: info.keeper,
        place: project.and_then(|project| project.region.clone()).or(info.place),
        product: info.product,
        version: info.version,
        state: info.state,
    }
}

fn last_operation(last: &cloud::LastOperation) -> Option<ListedOperation> {
    let dc = last.dc.as_ref();
    Some(ListedOperation {
        kind: last.r#type.as_ref()?.to_string(),
        status: last.status.as_ref()?.to_string(),
        message: None,
        began: dc.and_then(|dc| dc.created),
        changed: dc.and_then(|dc| dc.modified),
    })
}

/// The organization that an id or a name means.
pub(super) async fn organization(wanted: &str, client: &CloudClient) -> Result<Uuid> {
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    let all = client.organizations().await?;
    let named = all.iter().map(|one: &Organization| (one.name.as_str(), one.id));
    one("organization", wanted, named)
}

/// The project that an id or a name means.
fn project(wanted: &str, projects: &[Project]) -> Result<Uuid> {
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    one("project", wanted, projects.iter().map(|one| (one.name.as_str(), one.id)))
}

fn one<'a>(kind: &str, wanted: &str, all: impl Iterator<Item = (&'a str, Uuid)>) -> Result<Uuid> {
    let all: Vec<_> = all.collect();
    let found: Vec<_> = all.iter().filter(|(name, _)| *name == wanted).map(|(_, id)| *id).collect();
    match found.as_slice() {
        [id] => Ok(*id),
        [] => {
            let mut near: Vec<_> = all.iter().map(|(name, _)| (strsim::jaro_winkler(wanted, name), *name)).collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            let names: Vec<_> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
            let hint = if names.is_empty() { "there is none".into() } else { format!("there is {}", names.join(", ")) };
            Err(Error::input(format!("{kind} not found: `{}`", wanted.escape_debug())).with_hint(hint))
        }
        several => {
            let ids: Vec<_> = several.iter().map(Uuid::to_string).collect();
            Err(Error::input(format!("{} {kind}s are named `{wanted}`: {}", several.len(), ids.join(", ")))
                .with_hint(format!("name the {kind} by its id")))
        }
    }
}
