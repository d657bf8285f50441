//! Data into a table and out of it, by the jobs of the Cloud.

use std::path::Path;

use uuid::Uuid;

use super::super::transfer::{Load, Loaded, Save, Saved, Source};
use crate::cloud::{
    CloudClient, CloudFile, Compression, DataFormat, ExportRequest, ImportJob, ImportRequest, ImportSource, Wait,
};
use crate::error::{Error, Result};
use crate::sql::TableName;

/// The name as it stands in a statement.
fn quoted(table: &TableName) -> String {
    let engine = crate::sql::Engine::Cratedb;
    let name = table.name.quoted(engine);
    table.schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{}.{name}", schema.quoted(engine)))
}

/// How data is written and compressed: as was said, else as the name tells.
fn shape(
    name: &str,
    format: Option<DataFormat>,
    compression: Option<Compression>,
) -> Result<(DataFormat, Compression)> {
    let told = DataFormat::of_name(name);
    let format = format.or_else(|| told.map(|(format, _)| format)).ok_or_else(|| {
        Error::input(format!("`{name}` does not tell its format"))
            .with_hint("say it, with `--input-format csv`, `json` or `parquet`")
    })?;
    Ok((format, compression.or_else(|| told.map(|(_, compression)| compression)).unwrap_or_default()))
}

/// Loads by an import job of the Cloud.
pub(super) async fn load(client: &CloudClient, cluster: Uuid, load: &Load, wait: &Wait) -> Result<Loaded> {
    let table = load.table()?;
    let (format, compression) = shape(&load.source(), load.format, load.compression)?;
    let import =
        |source| ImportRequest::new(source, format, quoted(&table)).compression(compression).create_table(load.create);
    let job = match &load.source {
        Source::Remote(source) => run(client, cluster, &import(source.clone()), wait).await?,
        Source::Url(url) => run(client, cluster, &import(ImportSource::Url(url.clone())), wait).await?,
        Source::File(path) => {
            let organization = organization_of(client, cluster).await?;
            let file = upload(client, organization, path).await?;
            let ran = run(client, cluster, &import(ImportSource::File(file.id)), wait).await;
            // It served its purpose, and would lie there for days.
            if let Err(error) = client.delete_file(organization, file.id).await {
                tracing::warn!(file = %file.id, %error, "an uploaded file is not removed");
            }
            ran?
        }
    };
    let progress = job.progress.as_ref();
    Ok(Loaded {
        table: table.to_string(),
        job: job.id,
        records: progress.and_then(|progress| progress.records),
        failed_records: progress.and_then(|progress| progress.failed_records).unwrap_or(0),
        failed_files: progress.and_then(|progress| progress.failed_files).unwrap_or(0),
    })
}

async fn run(client: &CloudClient, cluster: Uuid, import: &ImportRequest, wait: &Wait) -> Result<ImportJob> {
    let job = client.create_import_job(cluster, import).await?;
    client.wait_for_import(cluster, job.id, wait).await
}

async fn upload(client: &CloudClient, organization: Uuid, path: &Path) -> Result<CloudFile> {
    // Before anything is registered, for a file that is not there.
    tokio::fs::metadata(path).await.map_err(|error| {
        let said = Error::io("read", path, error);
        Error::caused(format!("load `{}`", path.display()), said)
    })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = client.create_file(organization, &name).await?;
    client.upload(&file, path).await?;
    Ok(file)
}

/// The organization of a cluster, which only its project knows.
async fn organization_of(client: &CloudClient, cluster: Uuid) -> Result<Uuid> {
    let found = client.cluster(cluster).await?;
    let project = found.project_id.ok_or_else(|| Error::failed(format!("cluster {} names no project", found.name)))?;
    let project = client.project(project).await?;
    project.organization_id.ok_or_else(|| Error::failed(format!("project {} names no organization", project.name)))
}

/// Saves by an export job of the Cloud.
pub(super) async fn save(client: &CloudClient, cluster: Uuid, save: &Save, wait: &Wait) -> Result<Saved> {
    let table: TableName = save.table.parse()?;
    if tokio::fs::symlink_metadata(&save.path).await.is_ok() {
        return Err(Error::input(format!("file `{}` is there already", save.path.display()))
            .with_hint("give another name, or remove it first"));
    }
    let (format, compression) = shape(&save.path.to_string_lossy(), save.format, save.compression)?;
    let request = ExportRequest::new(quoted(&table), format).compression(compression);
    let organization = organization_of(client, cluster).await?;
    let job = client.create_export_job(cluster, &request).await?;
    let job = client.wait_for_export(cluster, job.id, wait).await?;
    let file = job
        .destination
        .as_ref()
        .and_then(|destination| destination.file.as_ref())
        .ok_or_else(|| Error::failed(format!("export job {} has succeeded and names no file", job.id)))?;
    let file = client.file(organization, file.id).await?;
    let bytes = client.download(&file, &save.path).await?;
    Ok(Saved {
        table: table.to_string(),
        path: save.path.clone(),
        job: job.id,
        records: job.progress.as_ref().and_then(|progress| progress.records),
        bytes,
    })
}
