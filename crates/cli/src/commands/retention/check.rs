//! `retention check`: whether a manifest can be read and obeys its rules; and, against a database, whether all that it
//! names is there and means a point in time.

use chrono::SubsecRound;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::manifest::Located;
use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::Manifest;
use serde::Serialize;

use super::source::{self, Opened};
use crate::args::CheckArgs;
use crate::context::Context;
use crate::output::Format;

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    manifest: String,
    place: String,
    policies: usize,
    /// The tables that they are about; missing where no database was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

pub(in crate::commands) async fn check(args: CheckArgs, context: &Context) -> Result<ExitCode> {
    let from_files = source::of_files(&args.manifest)?;
    let checked = match from_files {
        // What the environment names is no wish to have the file compared with it.
        Some(manifest) if args.place.cluster.cluster.is_none() => Checked::of(&manifest),
        from_files => {
            let read_only = ConnectOptions::default().read_only();
            let opened = Opened::both(&args.place, read_only.clone(), read_only, context).await?;
            let manifest = match from_files {
                Some(manifest) => manifest,
                None => source::kept(&opened.state, args.manifest.manifest.as_deref()).await?,
            };
            let checked = against(&manifest, &opened).await?;
            opened.close().await;
            checked
        }
    };
    let text = match context.printer.format() {
        Format::Table => checked.text(),
        format => format.document(&checked)?,
    };
    context.printer.data(&text)?;
    Ok(ExitCode::Done)
}

/// Looks for everything that the manifest names: what planning would find wrong, this does.
async fn against(manifest: &Located<Manifest>, opened: &Opened) -> Result<Checked> {
    let now = SystemClock.now().trunc_subsecs(0);
    let retention = Retention::new(opened.db().clone()).manifest(manifest.value.clone()).state(opened.state.clone());
    let planned = retention.plan(now).await.map_err(|error| match error {
        Error::Input { place: None, .. } => error.at(manifest.place.clone()),
        other => other,
    })?;
    let tables = planned.policies.iter().map(|of| of.table.to_string()).collect();
    Ok(Checked { tables: Some(tables), notes: planned.notes, ..Checked::of(manifest) })
}

impl Checked {
    fn of(manifest: &Located<Manifest>) -> Self {
        Self {
            manifest: manifest.value.name.clone(),
            place: manifest.place.to_string(),
            policies: manifest.value.tables.len(),
            tables: None,
            notes: Vec::new(),
        }
    }

    fn text(&self) -> String {
        let policies = if self.policies == 1 { "1 policy".to_owned() } else { format!("{} policies", self.policies) };
        let mut text = format!("{}: manifest `{}` is sound: {policies}", self.place, self.manifest);
        match self.tables.as_deref() {
            None => text.push_str("; no database was asked: name one with --cluster\n"),
            Some([one]) => text.push_str(&format!(", about table {one}\n")),
            Some(tables) => text.push_str(&format!(", about {} tables: {}\n", tables.len(), tables.join(", "))),
        }
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        text
    }
}
