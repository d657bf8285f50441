//! `dev cloud`: a CrateDB Cloud API on this machine, to try automation against.
//!
//! It asks the real Cloud nothing and forgets everything when it ends.

use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use serde_json::json;

use crate::args::{DevCloudArgs, DevCommand};
use crate::context::Context;
use crate::output::Format;

pub(super) async fn run(command: DevCommand, context: &Context) -> Result<ExitCode> {
    match command {
        DevCommand::Cloud(args) => cloud(args, context).await,
    }
}

async fn cloud(args: DevCloudArgs, context: &Context) -> Result<ExitCode> {
    if !args.listen.ip().is_loopback() {
        return Err(Error::Input {
            what: format!("the local Cloud does not listen on {}", args.listen.ip()),
            place: None,
            hint: Some("listen on 127.0.0.1: it speaks plain text and its keys guard nothing".into()),
            source: None,
        });
    }
    let mut builder = LocalCloud::builder().listen(args.listen).operation_time(args.operation_time.0);
    if let Some(url) = &args.backed_by {
        builder = builder.backed_by(url);
    }
    let failed = |error| Error::caused("start a local Cloud", error);
    let cloud = builder.start().await.map_err(failed)?;
    let clusters = args.running.iter().map(|name| (name, false)).chain(args.suspended.iter().map(|name| (name, true)));
    for (name, suspended) in clusters {
        cloud.add_cluster(Fixture::named(name).suspended(suspended)).map_err(failed)?;
    }
    context.printer.data(&announcement(&cloud, context.printer.format())?)?;
    context.printer.note("a CrateDB Cloud of this machine is running; Ctrl-C ends it and forgets everything");
    context.stopped().await;
    cloud.stop();
    Ok(ExitCode::Done)
}

/// What a program needs to find it: lines for a shell, or a document.
fn announcement(cloud: &LocalCloud, format: Format) -> Result<String> {
    let document = json!({
        "endpoint": cloud.endpoint(),
        "key": cloud.key(),
        "secret": cloud.secret(),
        "organization_id": cloud.organization(),
        "project_id": cloud.project(),
        "subscription_id": cloud.subscription(),
    });
    match format {
        Format::Json | Format::Ndjson | Format::Yaml => format.document(&document),
        Format::Table | Format::Csv | Format::Markdown | Format::Html => Ok([
            ("CRATEDB_CLOUD_ENDPOINT", cloud.endpoint().to_owned()),
            ("CRATEDB_CLOUD_API_KEY", cloud.key().to_owned()),
            ("CRATEDB_CLOUD_API_SECRET", cloud.secret().to_owned()),
            ("CRATEDB_CLOUD_ORGANIZATION_ID", cloud.organization().to_string()),
            ("CRATEDB_CLOUD_SUBSCRIPTION_ID", cloud.subscription().to_string()),
        ]
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect()),
    }
}
