//! Policies of CrateDB Toolkit, with what differs in meaning.

use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::import::{Import, Judged, judge, read};
use clusterkeep_retention::model::Manifest;
use serde::Serialize;

use super::super::source::Opened;
use super::change::{self, Replace};
use super::file;
use crate::args::ImportPoliciesArgs;
use crate::context::Context;
use crate::output::{Format, Listing};

/// What the manifest is called that is printed.
const NAME: &str = "imported";

/// What programs are given.
#[derive(Debug, Serialize)]
struct Document<'a> {
    manifest: &'a Manifest,
    policies: &'a [Judged],
}

pub(super) async fn import(args: ImportPoliciesArgs, context: &Context) -> Result<ExitCode> {
    let read_only = ConnectOptions::default().read_only();
    let state = ConnectOptions::default();
    let (cluster, state) = match (&args.into, &args.place.state) {
        (None, _) => (read_only.clone(), read_only),
        (Some(_), None) => (state.clone(), state),
        (Some(_), Some(_)) => (read_only, state.create()),
    };
    let opened = Opened::both(&args.place, cluster, state, context).await?;
    let rows = read(opened.db(), &args.source).await?;
    if rows.is_empty() {
        return Err(Error::input(format!("`{}` holds no policy", args.source))
            .with_hint("name another table with --source; by default it is ext.retention_policy"));
    }
    let import = judge(args.into.as_deref().unwrap_or(NAME), rows)?;
    if args.into.is_some() && !import.manifest.tables.is_empty() {
        let policies = opened.store().policies(&import.manifest.name);
        change::put(&policies, &import.manifest, Replace { allowed: false, version: None }).await?;
    }
    show(&import, args.into.as_deref(), context)?;
    opened.close().await;
    let imported = import.judged.iter().filter(|one| one.imported).count();
    Ok(match imported {
        0 => ExitCode::Failed,
        n if n < import.judged.len() => ExitCode::Partial,
        _ => ExitCode::Done,
    })
}

fn show(import: &Import, into: Option<&str>, context: &Context) -> Result<()> {
    let printer = &context.printer;
    let listing = Listing::of(&import.judged, "")
        .column("table", |one: &Judged| table(one).into())
        .column("strategy", |one| one.row.strategy.as_str().into())
        .column("days", |one| one.row.days.into())
        .column("tags", |one| one.row.tags.join(", ").into())
        .column("outcome", |one| (if one.imported { "imported" } else { "not imported" }).into());
    match (printer.format(), into) {
        (Format::Json | Format::Ndjson | Format::Yaml, _) => {
            let document = Document { manifest: &import.manifest, policies: &import.judged };
            return printer.data(&printer.format().document(&document)?);
        }
        (format @ (Format::Csv | Format::Markdown | Format::Html), _) => {
            return printer.data(&listing.render(format, &import.judged)?);
        }
        (Format::Table, Some(_)) => printer.data(&listing.render(Format::Table, &import.judged)?)?,
        (Format::Table, None) => {
            printer.note(listing.render(Format::Table, &import.judged)?.trim_end());
            if !import.manifest.tables.is_empty() {
                printer.data(&file(&import.manifest)?)?;
            }
        }
    }
    for (why, tables) in reasons(&import.judged) {
        printer.note(&format!("{tables}: {why}"));
    }
    Ok(())
}

fn table(one: &Judged) -> String {
    let parts = [one.row.schema.as_deref(), one.row.table.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(".")
}

/// Each difference once, with the tables that it is about.
fn reasons(judged: &[Judged]) -> Vec<(String, String)> {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for one in judged {
        for differs in &one.differs {
            let (why, table) = (differs.to_string(), table(one));
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, tables)) if tables.contains(&table) => {}
                Some((_, tables)) => tables.push(table),
                None => reasons.push((why, vec![table])),
            }
        }
    }
    let clean = |text: String| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    reasons.into_iter().map(|(why, tables)| (clean(why), clean(tables.join(", ")))).collect()
}
