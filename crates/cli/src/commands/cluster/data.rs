//! `cluster import` and `cluster export`: data into a table and out of it, by the jobs of CrateDB Cloud.

use std::path::Path;

use clusterkeep_core::cloud::{self, ImportRequest, ImportSource};
use clusterkeep_core::managed::{Load, Loaded, Save, Saved};
use clusterkeep_core::plan::show::grouped;
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, ExitCode, Result};

use super::is_in_cloud;
use crate::args::{Compression, DataFormat, ExportArgs, ImportArgs};
use crate::context::Context;
use crate::output::{Format, Listing, Status};

impl From<DataFormat> for cloud::DataFormat {
    fn from(format: DataFormat) -> Self {
        match format {
            DataFormat::Csv => Self::Csv,
            DataFormat::Json => Self::Json,
            DataFormat::Parquet => Self::Parquet,
        }
    }
}

impl From<Compression> for cloud::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Gzip => Self::Gzip,
            Compression::None => Self::None,
        }
    }
}

pub(super) async fn import(args: ImportArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    let mut load = Load::from(&args.source).create_table(!args.existing);
    if let Some(table) = &args.table {
        load = load.into_table(table.to_string());
    }
    if let Some(format) = args.data_format {
        load = load.format(format.into());
    }
    if let Some(compression) = args.compression {
        load = load.compression(compression.into());
    }
    let table = load.table()?;
    if !args.source.contains("://") && !Path::new(&args.source).is_file() {
        return Err(Error::input(format!("there is no file `{}`", args.source.escape_debug()))
            .with_hint("name a file of this machine, or the address of one: https://..."));
    }
    if args.wait.no_wait {
        return send(&args, &table, context).await;
    }
    let status = Status::of(&format!("import {}", load.source()), &context.printer);
    let cluster = context.opener().events(status.events()).open(&address).await?;
    let loaded = within(args.wait.timeout.0, "import", cluster.load(&load)).await;
    status.finish();
    let loaded = [loaded?];
    let text = match (context.printer.format(), &loaded) {
        (Format::Table, [loaded]) => imported(loaded),
        (format, [only]) => Listing::of(&loaded, "")
            .column("table", |loaded: &Loaded| loaded.table.as_str().into())
            .column("job", |loaded| loaded.job.to_string().into())
            .column("records", |loaded| loaded.records.into())
            .column("failed records", |loaded| loaded.failed_records.into())
            .render(format, only)?,
    };
    context.printer.data(&text)?;
    let [loaded] = loaded;
    Ok(if loaded.is_complete() { ExitCode::Done } else { ExitCode::Partial })
}

fn imported(loaded: &Loaded) -> String {
    let records = loaded.records.map_or_else(String::new, |records| format!(", {} records", grouped(records)));
    let failed = match (loaded.failed_records, loaded.failed_files) {
        (0, 0) => String::new(),
        (records, 0) => format!(", {} records were refused", grouped(records)),
        (records, files) => format!(", {} records were refused, {} files not read", grouped(records), grouped(files)),
    };
    format!("imported into {}{records}{failed} (job {})", loaded.table, loaded.job)
}

/// Asks the Cloud to fetch it, and does not wait until that is done.
async fn send(args: &ImportArgs, table: &TableName, context: &Context) -> Result<ExitCode> {
    if !args.source.contains("://") {
        return Err(Error::input("a file of this machine can't be imported without waiting: it is uploaded first")
            .with_hint("leave --no-wait out, or put the file where the Cloud can fetch it"));
    }
    let path = args.source.split(['?', '#']).next().unwrap_or_default();
    let known = cloud::DataFormat::of_name(path);
    let format = args.data_format.map(Into::into).or(known.map(|(format, _)| format)).ok_or_else(|| {
        Error::input("the name of the source does not tell how the data is written").with_hint("say --input-format")
    })?;
    let compression =
        args.compression.map(Into::into).or(known.map(|(_, compression)| compression)).unwrap_or_default();
    let address = context.resolve(&args.cluster)?.address;
    let (client, cluster) = context.cloud_cluster(&address).await?;
    let request = ImportRequest::new(ImportSource::Url(args.source.clone()), format, quoted(table))
        .compression(compression)
        .create_table(!args.existing);
    let job = client.create_import_job(cluster.id, &request).await?;
    match context.printer.format() {
        Format::Json | Format::Ndjson | Format::Yaml => {
            context.printer.data(&context.printer.format().document(&job)?)?;
        }
        _ => context.printer.data(&job.id.to_string())?,
    }
    context
        .printer
        .note(&format!("accepted; `clusterkeep cluster jobs --cluster {}` shows how far it is", cluster.name));
    Ok(ExitCode::Done)
}

fn quoted(table: &TableName) -> String {
    let name = table.name.quoted(Engine::Cratedb);
    table.schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{}.{name}", schema.quoted(Engine::Cratedb)))
}

pub(super) async fn export(args: ExportArgs, context: &Context) -> Result<ExitCode> {
    let address = context.resolve(&args.cluster)?.address;
    if !is_in_cloud(&address) {
        return Err(Error::input(format!("{address} is not in CrateDB Cloud, whose jobs export tables"))
            .with_hint("`clusterkeep query --format csv` writes the rows of any database"));
    }
    if args.file.exists() && !args.overwrite {
        return Err(Error::input(format!("there is a file `{}` already", args.file.display()))
            .with_hint("name another one, or replace it with --overwrite"));
    }
    // A file that is there is replaced only by a whole one.
    let path = if args.file.exists() { beside(&args.file) } else { args.file.clone() };
    let mut save = Save::table_to(args.table.to_string(), &path);
    let name = args.file.to_string_lossy();
    let known = cloud::DataFormat::of_name(&name);
    if let Some(format) = args.data_format.map(Into::into).or(known.map(|(format, _)| format)) {
        save = save.format(format);
    }
    if let Some(compression) = args.compression.map(Into::into).or(known.map(|(_, compression)| compression)) {
        save = save.compression(compression);
    }
    let status = Status::of(&format!("export {}", args.table), &context.printer);
    let cluster = context.opener().events(status.events()).open(&address).await?;
    let saved = within(args.wait.timeout.0, "export", cluster.save(&save)).await;
    status.finish();
    let mut saved = saved?;
    if path != args.file {
        std::fs::rename(&path, &args.file).map_err(|error| Error::io("replace", &args.file, error))?;
        saved.path = args.file;
    }
    show(saved, context)
}

fn show(saved: Saved, context: &Context) -> Result<ExitCode> {
    let saved = [saved];
    let text = match (context.printer.format(), &saved) {
        (Format::Table, [saved]) => {
            let records = saved.records.map_or_else(String::new, |records| format!("{} records, ", grouped(records)));
            let size = super::words::size(saved.bytes);
            format!("exported {} to {}: {records}{size}", saved.table, saved.path.display())
        }
        (format, [only]) => Listing::of(&saved, "")
            .column("table", |saved: &Saved| saved.table.as_str().into())
            .column("path", |saved| saved.path.display().to_string().into())
            .column("records", |saved| saved.records.into())
            .column("bytes", |saved| saved.bytes.into())
            .render(format, only)?,
    };
    context.printer.data(&text)?;
    Ok(ExitCode::Done)
}

/// A name beside the file, for what is to replace it.
fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Ends the work when its time is over.
async fn within<T>(limit: std::time::Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::failed(format!("{what}: not done within {} s; the Cloud goes on", limit.as_secs()))
            .with_hint("`clusterkeep cluster jobs` shows how far it is; --timeout waits longer")),
    }
}
