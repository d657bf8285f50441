//! `retention policies`: the policies that are kept in the state, instead of in files.

mod change;
mod diff;
mod import;
mod look;

use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::model::{Change, Keep, Manifest, Tier};
use clusterkeep_retention::store::{PolicyStore, Subject};

use super::source::{self, Opened};
use crate::args::{PoliciesCommand, StoreOf};
use crate::context::Context;
use crate::output::Format;

pub(in crate::commands) async fn policies(command: PoliciesCommand, context: &Context) -> Result<ExitCode> {
    match command {
        PoliciesCommand::List(args) => look::list(args, context).await,
        PoliciesCommand::Show(args) => look::show(args, context).await,
        PoliciesCommand::Tags(args) => look::tags(args, context).await,
        PoliciesCommand::Check(args) => look::check(args, context).await,
        PoliciesCommand::Export(args) => look::export(args, context).await,
        PoliciesCommand::Add(args) => change::add(args, context).await,
        PoliciesCommand::Remove(args) => change::remove(args, context).await,
        PoliciesCommand::Import(args) => import::import(args, context).await,
        PoliciesCommand::Diff(args) => diff::diff(args, context).await,
    }
}

/// The policies of one manifest, to be read or changed.
struct Kept {
    opened: Opened,
    name: String,
    policies: PolicyStore,
}

impl Kept {
    async fn open(of: &StoreOf, options: ConnectOptions, context: &Context) -> Result<Self> {
        let opened = Opened::state_alone(&of.place, options, context).await?;
        let name = source::name_of(&opened.state, of.manifest.as_deref()).await?;
        let policies = opened.store().policies(&name);
        Ok(Self { opened, name, policies })
    }

    async fn to_read(of: &StoreOf, context: &Context) -> Result<Self> {
        Self::open(of, ConnectOptions::default().read_only(), context).await
    }
}

/// A manifest as a file has it.
fn file(manifest: &Manifest) -> Result<String> {
    Ok(format!("kind: Retention\n{}", Format::Yaml.document(manifest)?))
}

/// What becomes of the data, in short.
fn tiers(subject: &Subject) -> String {
    let Subject::Policy(policy) = subject else { return String::new() };
    let tier = |tier: &Tier| match tier {
        Tier::Downsample(rollup) => {
            let keep = match rollup.keep {
                Keep::Forever => "for ever".to_owned(),
                Keep::For(age) => format!("for {age}"),
            };
            format!("each {} into {} {keep}", rollup.every, rollup.target)
        }
        Tier::Detach(detach) => format!("detach after {}", detach.after),
        Tier::Drop(drop) => format!("drop after {}", drop.after),
        other => match other.change() {
            Some(Change::SetReplicas(tier)) => format!("{} replicas after {}", tier.replicas, tier.after),
            Some(Change::Merge(tier)) => format!("merge after {}", tier.after),
            Some(Change::Reallocate(tier)) => match (tier.nodes(), &tier.tablespace) {
                (Some((attribute, value)), _) => format!("to {attribute}={value} after {}", tier.after),
                (None, space) => {
                    format!("into {} after {}", space.as_ref().map_or("", |space| space.as_str()), tier.after)
                }
            },
            Some(Change::Archive(tier)) => {
                format!("archive in {} after {}", tier.place().unwrap_or_default(), tier.after)
            }
            None => "a tier that this version has no words for".to_owned(),
        },
    };
    policy.tiers.iter().map(tier).collect::<Vec<_>>().join(", ")
}
