//! Putting policies in and taking them out; somebody who was faster is seen by the version.

use chrono::SubsecRound;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::Manifest;
use clusterkeep_retention::store::{Change, PolicyId, PolicyStore, Stored, Subject};
use serde::Serialize;

use super::super::source::Opened;
use super::Kept;
use crate::args::{AddPoliciesArgs, RemovePolicyArgs};
use crate::context::Context;
use crate::files;
use crate::output::Listing;

/// What became of something that was to be kept.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: PolicyId,
    about: String,
    version: u64,
    outcome: &'static str,
}

/// What may be replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replace {
    pub(super) allowed: bool,
    pub(super) version: Option<u64>,
}

pub(super) async fn add(args: AddPoliciesArgs, context: &Context) -> Result<ExitCode> {
    let manifest = files::manifest(&args.files, args.store.manifest.as_deref())?;
    let options = ConnectOptions::default();
    let options = if args.store.place.state.is_some() { options.create() } else { options };
    let opened = Opened::state_alone(&args.store.place, options, context).await?;
    let replace = Replace { allowed: args.replace, version: args.if_version };
    let policies = opened.store().policies(&manifest.value.name);
    let rows = put(&policies, &manifest.value, replace).await.map_err(|error| match error {
        Error::Input { place: None, .. } => error.at(manifest.place),
        other => other,
    })?;
    show(&rows, context)?;
    opened.close().await;
    Ok(ExitCode::Done)
}

/// Keeps all that a manifest says, or nothing.
pub(super) async fn put(policies: &PolicyStore, manifest: &Manifest, replace: Replace) -> Result<Vec<Row>> {
    let stored = policies.list().await?;
    let (mut rows, mut changes) = (Vec::new(), Vec::new());
    for subject in Subject::all_of(manifest)? {
        let id = PolicyId::of(&manifest.name, &subject);
        let there = stored.iter().find(|stored| stored.id == id);
        let outcome = match there {
            Some(there) if there.subject == subject => "is kept already",
            Some(there) => may_replace(there, replace).map(|()| "replaced")?,
            None => "kept",
        };
        let version = there.map(|there| there.version);
        rows.push(Row { about: subject.about(), id, version: version.unwrap_or(0), outcome });
        if outcome != "is kept already" {
            changes.push(Change::Put { subject, replaces: version });
        }
    }
    let versions = policies.apply(&changes, SystemClock.now().trunc_subsecs(0)).await?;
    let changed = rows.iter_mut().filter(|row| row.outcome != "is kept already");
    changed.zip(versions).for_each(|(row, version)| row.version = version);
    Ok(rows)
}

/// Fails where what is kept is not to be replaced.
fn may_replace(there: &Stored, replace: Replace) -> Result<()> {
    let about = there.subject.about();
    if !replace.allowed {
        return Err(Error::input(format!("what is kept for {about} says something else"))
            .with_hint("look at it with `clusterkeep retention policies diff`, then add it with --replace"));
    }
    match replace.version {
        Some(version) if version != there.version => Err(conflict(&about, there.version, version)),
        _ => Ok(()),
    }
}

fn conflict(about: &str, found: u64, wanted: u64) -> Error {
    Error::Drifted {
        what: format!("what is kept for {about} has version {found}, and not {wanted}"),
        hint: Some("somebody changed it; look at it with `clusterkeep retention policies show`".into()),
    }
}

pub(super) async fn remove(args: RemovePolicyArgs, context: &Context) -> Result<ExitCode> {
    let kept = Kept::open(&args.store, ConnectOptions::default(), context).await?;
    let (id, version, about) = match super::look::one(&kept, &args.which).await {
        Ok(stored) => (stored.id, stored.version, stored.subject.about()),
        // A row that can't be understood keeps the others from being read, and can be taken out by its id all the same.
        Err(error) => match kept.policies.find(&args.which).await {
            Ok((id, version)) => (id, version, "a row that can't be understood".to_owned()),
            Err(_) => return Err(error),
        },
    };
    if let Some(wanted) = args.if_version.filter(|wanted| *wanted != version) {
        return Err(conflict(&about, version, wanted));
    }
    let change = Change::Remove { id: id.clone(), version };
    kept.policies.apply(&[change], SystemClock.now().trunc_subsecs(0)).await?;
    show(&[Row { id, about, version, outcome: "removed" }], context)?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}

pub(super) fn show(rows: &[Row], context: &Context) -> Result<()> {
    let listing = Listing::of(rows, "")
        .column("id", |row: &Row| row.id.short().into())
        .column("about", |row| row.about.as_str().into())
        .column("version", |row| row.version.into())
        .column("outcome", |row| row.outcome.into());
    context.printer.data(&listing.render(context.printer.format(), &rows)?)
}
