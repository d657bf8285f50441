//! A file against what is kept.

use std::fmt::Write;

use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::store::{Difference, Differs, Field, differences};

use super::super::source::Opened;
use crate::args::DiffPoliciesArgs;
use crate::context::Context;
use crate::files;
use crate::output::{Format, Listing};

pub(super) async fn diff(args: DiffPoliciesArgs, context: &Context) -> Result<ExitCode> {
    let manifest = files::manifest(&args.files, args.store.manifest.as_deref())?;
    let opened = Opened::state_alone(&args.store.place, ConnectOptions::default().read_only(), context).await?;
    let stored = opened.store().policies(&manifest.value.name).list().await?;
    let found = differences(&manifest.value, &stored).map_err(|error| error.at(manifest.place))?;
    let text = match context.printer.format() {
        Format::Table => text(&found),
        format => Listing::of(&found, "")
            .column("id", |one: &Difference| one.id.short().into())
            .column("about", |one| one.about.as_str().into())
            .column("change", |one| word(&one.differs).into())
            .column("what", |one| fields(&one.differs).join("; ").into())
            .render(format, &found)?,
    };
    context.printer.data(&text)?;
    opened.close().await;
    Ok(if found.is_empty() { ExitCode::Done } else { ExitCode::Pending })
}

fn text(found: &[Difference]) -> String {
    let mut out = String::new();
    for one in found {
        // Writing to a String can't fail.
        writeln!(out, "{} {}", word(&one.differs), one.about).ok();
        for field in fields(&one.differs) {
            writeln!(out, "  {field}").ok();
        }
    }
    if found.is_empty() {
        out.push_str("both say the same\n");
    }
    out
}

const fn word(differs: &Differs) -> &'static str {
    match differs {
        Differs::Added => "added",
        Differs::Removed => "removed",
        Differs::Changed { .. } => "changed",
    }
}

fn fields(differs: &Differs) -> Vec<String> {
    let Differs::Changed { fields } = differs else { return Vec::new() };
    let shown = |value: &Option<serde_json::Value>| match value {
        None => "nothing".to_owned(),
        Some(serde_json::Value::String(text)) => text.escape_debug().to_string(),
        Some(value) => value.to_string(),
    };
    let line = |field: &Field| format!("{}: {} -> {}", field.path, shown(&field.store), shown(&field.manifest));
    fields.iter().map(line).collect()
}
