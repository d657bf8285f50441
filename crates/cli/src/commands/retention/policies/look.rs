//! Looking at what is kept: as a list, one by one, by tags, as a file.

use std::collections::BTreeMap;

use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::Tag;
use clusterkeep_retention::store::{Stored, Subject};
use serde::Serialize;

use super::{Kept, file, tiers};
use crate::args::{ListPoliciesArgs, ShowPolicyArgs, StoreOf};
use crate::context::Context;
use crate::output::{Format, Listing};

pub(super) async fn list(args: ListPoliciesArgs, context: &Context) -> Result<ExitCode> {
    let kept = Kept::to_read(&args.store, context).await?;
    let mut stored = kept.policies.list().await?;
    stored.retain(|one| args.tags.iter().all(|tag| tags_of(one).contains(&tag)));
    let listing = Listing::of(&stored, "no policy has these tags\n")
        .column("id", |one: &Stored| one.id.short().into())
        .column("about", |one| one.subject.about().into())
        .column("what", |one| what(&one.subject).into())
        .column("tags", |one| own_tags(one).into())
        .column("version", |one| one.version.into())
        .column("changed", |one| one.changed_at.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string()).into())
        .column("by", |one| one.changed_by.as_str().into());
    context.printer.data(&listing.render(context.printer.format(), &stored)?)?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}

fn what(subject: &Subject) -> String {
    match subject {
        Subject::Policy(_) => tiers(subject),
        Subject::Tag(tag) => tag.tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn tags_of(stored: &Stored) -> Vec<&Tag> {
    match &stored.subject {
        Subject::Policy(policy) => policy.tags.iter().collect(),
        Subject::Tag(tag) => vec![&tag.tag],
    }
}

fn own_tags(stored: &Stored) -> String {
    match &stored.subject {
        Subject::Policy(policy) => policy.tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Subject::Tag(_) => String::new(),
    }
}

pub(super) async fn show(args: ShowPolicyArgs, context: &Context) -> Result<ExitCode> {
    let kept = Kept::to_read(&args.store, context).await?;
    let stored = one(&kept, &args.which).await?;
    let text = match context.printer.format() {
        Format::Table | Format::Yaml => {
            let manifest = Subject::together(&kept.name, [stored.subject.clone()]);
            let by = stored.changed_by.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
            let id = &stored.id;
            format!("# {id}, version {}, changed by {by}\n{}", stored.version, file(&manifest)?)
        }
        format => format.document(&stored)?,
    };
    context.printer.data(&text)?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}

/// What is kept about this table, or under the id that begins so.
pub(super) async fn one(kept: &Kept, which: &str) -> Result<Stored> {
    let stored = kept.policies.list().await?;
    if let Some(one) = stored.iter().find(|one| one.subject.about() == which) {
        return Ok(one.clone());
    }
    let (id, _) = kept.policies.find(which).await?;
    let found = stored.into_iter().find(|one| one.id == id);
    found.ok_or_else(|| Error::failed(format!("`{which}` was removed while it was looked for")))
}

/// A tag, and what has it.
#[derive(Debug, Serialize)]
struct Tagged {
    tag: Tag,
    /// Patterns of names of tables.
    tables: Vec<String>,
    /// What policies with this tag are about.
    policies: Vec<String>,
}

pub(super) async fn tags(args: StoreOf, context: &Context) -> Result<ExitCode> {
    let kept = Kept::to_read(&args, context).await?;
    let mut tags: BTreeMap<Tag, Tagged> = BTreeMap::new();
    for one in kept.policies.list().await? {
        for tag in tags_of(&one) {
            let tagged = tags.entry(tag.clone());
            let tagged =
                tagged.or_insert_with(|| Tagged { tag: tag.clone(), tables: Vec::new(), policies: Vec::new() });
            match &one.subject {
                Subject::Policy(policy) => tagged.policies.push(policy.about()),
                Subject::Tag(tables) => tagged.tables.extend(tables.tables.iter().map(ToString::to_string)),
            }
        }
    }
    let tags: Vec<_> = tags.into_values().collect();
    let listing = Listing::of(&tags, "nothing is tagged\n")
        .column("tag", |one: &Tagged| one.tag.to_string().into())
        .column("tables", |one| one.tables.join(", ").into())
        .column("policies", |one| one.policies.join(", ").into());
    context.printer.data(&listing.render(context.printer.format(), &tags)?)?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}

pub(super) async fn check(args: StoreOf, context: &Context) -> Result<ExitCode> {
    let kept = Kept::to_read(&args, context).await?;
    let manifest = super::source::kept(&kept.opened.state, Some(&kept.name)).await?.value;
    let (policies, tags) = (manifest.tables.len(), manifest.tags.len());
    let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    context.printer.data(&format!(
        "manifest `{}` is sound: {}, {}",
        kept.name,
        count(policies, "policy", "policies"),
        count(tags, "tag", "tags")
    ))?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}

pub(super) async fn export(args: StoreOf, context: &Context) -> Result<ExitCode> {
    let kept = Kept::to_read(&args, context).await?;
    let manifest = super::source::kept(&kept.opened.state, Some(&kept.name)).await?.value;
    let text = match context.printer.format() {
        Format::Table | Format::Yaml => file(&manifest)?,
        format => format.document(&manifest)?,
    };
    context.printer.data(&text)?;
    kept.opened.close().await;
    Ok(ExitCode::Done)
}
