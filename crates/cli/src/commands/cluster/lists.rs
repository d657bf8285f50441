//! `cluster operations`, `jobs` and `snapshots`: what the Cloud remembers of a cluster.

use chrono::TimeDelta;
use chrono_tz::Tz;
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::cloud::{Operation, OperationFilter, Progress, Snapshot, SnapshotRange};
use clusterkeep_core::{ExitCode, Result};

use super::documents::{ListedJob, ListedOperation};
use super::words;
use crate::args::{JobsArgs, OperationsArgs, SnapshotsArgs};
use crate::context::Context;
use crate::output::Listing;

pub(super) async fn operations(args: OperationsArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let (client, cluster) = context.cloud_cluster(&address).await?;
    let filter = OperationFilter { limit: Some(args.limit), ..OperationFilter::default() };
    let mut all = client.operations(cluster.id, &filter).await?;
    all.truncate(args.limit as usize);
    let rows: Vec<ListedOperation> = all.iter().map(listed).collect();
    let listing = Listing::of(&rows, "nothing was done to it yet")
        .column("operation", |row: &ListedOperation| words::word(&row.kind).into())
        .column("status", |row| words::word(&row.status).into())
        .column("began", |row| row.began.map(words::instant).into())
        .column("changed", |row| row.changed.map(words::instant).into())
        .column("message", |row| row.message.clone().into());
    context.printer.data(&listing.render(context.printer.format(), &all)?)?;
    Ok(ExitCode::Done)
}

fn listed(operation: &Operation) -> ListedOperation {
    let dc = operation.dc.as_ref();
    ListedOperation {
        kind: operation.r#type.as_ref().map(ToString::to_string).unwrap_or_default(),
        status: operation.status.as_ref().map(ToString::to_string).unwrap_or_default(),
        message: operation.message().map(str::to_owned),
        began: dc.and_then(|dc| dc.created),
        changed: dc.and_then(|dc| dc.modified),
    }
}

pub(super) async fn jobs(args: JobsArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let (client, cluster) = context.cloud_cluster(&address).await?;
    let (imports, exports) =
        futures::future::try_join(client.import_jobs(cluster.id), client.export_jobs(cluster.id)).await?;
    let mut jobs: Vec<ListedJob> = imports.into_iter().map(|job| ListedJob::Import(Box::new(job))).collect();
    jobs.extend(exports.into_iter().map(|job| ListedJob::Export(Box::new(job))));
    jobs.retain(|job| !args.failed || job.status() == "failed");
    jobs.sort_by_key(|job| std::cmp::Reverse(job.began()));
    let listing = Listing::of(&jobs, "there is no job")
        .column("job", |job: &ListedJob| job.kind().into())
        .column("id", |job| job.id().to_string().into())
        .column("table", |job| job.table().map(str::to_owned).into())
        .column("format", |job| job.format().into())
        .column("status", |job| job.status().into())
        .column("records", |job| job.progress().and_then(|progress| progress.records).into())
        .column("failed", |job| job.progress().and_then(|progress| progress.failed_records).into())
        .column("began", |job| job.began().map(words::instant).into())
        .column("message", |job| job.progress().and_then(|progress| progress.message.clone()).into());
    context.printer.data(&listing.render(context.printer.format(), &jobs)?)?;
    Ok(ExitCode::Done)
}

impl ListedJob {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Import(_) => "import",
            Self::Export(_) => "export",
        }
    }

    fn id(&self) -> uuid::Uuid {
        match self {
            Self::Import(job) => job.id,
            Self::Export(job) => job.id,
        }
    }

    fn table(&self) -> Option<&str> {
        match self {
            Self::Import(job) => job.destination.as_ref().map(|destination| destination.table.as_str()),
            Self::Export(job) => job.source.as_ref().map(|source| source.table.as_str()),
        }
    }

    fn format(&self) -> Option<String> {
        match self {
            Self::Import(job) => job.format.clone(),
            Self::Export(job) => job.destination.as_ref()?.format.clone(),
        }
    }

    fn status(&self) -> String {
        let status = match self {
            Self::Import(job) => &job.status,
            Self::Export(job) => &job.status,
        };
        status.as_ref().map(clusterkeep_core::cloud::JobStatus::words).unwrap_or_default()
    }

    const fn progress(&self) -> Option<&Progress> {
        match self {
            Self::Import(job) => job.progress.as_ref(),
            Self::Export(job) => job.progress.as_ref(),
        }
    }

    fn began(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        match self {
            Self::Import(job) => job.dc.as_ref()?.created,
            Self::Export(job) => job.dc.as_ref()?.created,
        }
    }
}

pub(super) async fn snapshots(args: SnapshotsArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let end = args.until.map(|at| at.at(Tz::UTC));
    let start = args.from.map(|at| at.at(Tz::UTC)).or_else(|| end.map(|end| end - TimeDelta::weeks(2)));
    let (client, cluster) = context.cloud_cluster(&address).await?;
    let now = SystemClock.now();
    let range = SnapshotRange { start, end: end.or(start.map(|_| now)) };
    let all = client.snapshots(cluster.id, &range).await?;
    let listing = Listing::of(&all, "there is no snapshot of that time")
        .column("created", |one: &Snapshot| one.created.map(words::instant).into())
        .column("snapshot", |one| one.snapshot.clone().into())
        .column("repository", |one| one.repository.clone().into())
        .column("tables", |one| (one.tables.len() as u64).into());
    context.printer.data(&listing.render(context.printer.format(), &all)?)?;
    Ok(ExitCode::Done)
}
