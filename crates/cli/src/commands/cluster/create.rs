//! `cluster create` and `cluster restore`: changes that have more to say than which cluster.

use clusterkeep_core::address::SecretRef;
use clusterkeep_core::change::Change;
use clusterkeep_core::cloud::{CloudClient, CloudRef, CloudSettings, Restore, RestoreWhat, Snapshot, SnapshotRange};
use clusterkeep_core::cloud::{check_cluster_name, check_password};
use clusterkeep_core::managed::Deploy;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, ExitCode, Result, env};
use uuid::Uuid;

use super::change::{Asked, run};
use super::planned::{self, Again};
use super::{list, local, words};
use crate::args::{CreateArgs, RestoreArgs, SecretPlace};
use crate::context::Context;

pub(super) async fn create(args: CreateArgs, context: &Context) -> Result<ExitCode> {
    let name = args.name.clone().or_else(|| args.cluster.clone()).unwrap_or_default();
    if let Some(local) = name.strip_prefix("local:") {
        return context.interruptible(local::create(local, &args, context)).await;
    }
    if args.engine.is_some() {
        return Err(Error::input(format!("--engine is for a cluster of this machine, and `{name}` is none"))
            .with_hint(format!("write `local:{name}`; CrateDB Cloud runs CrateDB")));
    }
    // What the API would refuse is refused before it is asked.
    check_cluster_name(&name)?;
    let password = password(args.password.as_ref())?;
    let again = again(&name, &args);
    planned::can_be_approved(&args.approval, &again, &context.printer)?;
    let settings = CloudSettings::from_env()?;
    let client = settings.client()?;
    let deploy = context.interruptible(deploy(&args, &settings, &client, &password)).await?;
    let mut chosen = context.interruptible(deploy.choose(&name, &client)).await?;
    if let Some(size) = args.storage {
        chosen.cluster = chosen.cluster.storage_bytes(size.0);
    }
    let change = Change::Create { organization: chosen.organization, cluster: Box::new(chosen.cluster) };
    run(client, change, Asked { again, approval: &args.approval, wait: Some(&args.wait) }, context).await
}

/// The administrator's password, from where it is.
fn password(place: Option<&SecretPlace>) -> Result<Secret> {
    let password = match place {
        Some(SecretPlace::Known(SecretRef::Env(name))) => env::named(name).map(Secret::new).ok_or_else(|| {
            Error::input(format!("there is no password in environment variable {name}"))
                .with_hint(format!("export {name}, or say --password file:PATH"))
        })?,
        Some(SecretPlace::Known(place)) => place.load("--password refers to", &env::named)?,
        Some(SecretPlace::Literal) => {
            return Err(Error::input("--password says where the password is, not what it is")
                .with_hint("write --password env:NAME or file:PATH: others can read the arguments of a process"));
        }
        None => env::CRATEDB_PASSWORD.read()?.map(Secret::new).ok_or_else(|| {
            Error::input("the administrator of a new cluster needs a password")
                .with_hint(format!("24 characters or more, in {}, or --password env:NAME", env::CRATEDB_PASSWORD.name))
        })?,
    };
    check_password(&password)?;
    Ok(password)
}

async fn deploy(
    args: &CreateArgs,
    settings: &CloudSettings,
    client: &CloudClient,
    password: &Secret,
) -> Result<Deploy> {
    let defaults = &settings.deploy;
    let said = |flag: &Option<String>, default: &Option<String>| flag.clone().or_else(|| default.clone());
    let mut deploy = Deploy::new().unit(args.unit);
    if let Some(product) = said(&args.product, &defaults.product) {
        deploy = deploy.product(product);
    }
    if let Some(tier) = said(&args.tier, &defaults.tier) {
        deploy = deploy.tier(tier);
    }
    if let Some(channel) = said(&args.channel, &defaults.channel) {
        deploy = deploy.channel(channel);
    }
    if let Some(version) = said(&args.crate_version, &defaults.version) {
        deploy = deploy.version(version);
    }
    if let Some(region) = said(&args.region, &defaults.region) {
        deploy = deploy.region(region);
    }
    if let Some(project) = &args.project {
        deploy = deploy.project(project);
    }
    let organization = match &args.organization {
        Some(wanted) => Some(list::organization(wanted, client).await?),
        None => settings.organization,
    };
    if let Some(id) = organization {
        deploy = deploy.organization(id.to_string());
    }
    if args.free {
        let product = args.product.clone();
        deploy = product.into_iter().fold(deploy.free_tier(), Deploy::product);
    } else if let Some(subscription) = said(&args.subscription, &settings.subscription) {
        deploy = deploy.subscription(subscription);
    }
    let username = match &args.username {
        Some(username) => Some(username.clone()),
        None => env::CRATEDB_USERNAME.read()?,
    };
    Ok(deploy.admin(username.as_deref().unwrap_or("admin"), password.expose()))
}

fn again(name: &str, args: &CreateArgs) -> Again {
    let place = match &args.password {
        Some(SecretPlace::Known(place)) => Some(place),
        Some(SecretPlace::Literal) | None => None,
    };
    let unit = (args.unit > 0).then_some(args.unit);
    Again::of("create")
        .word(name)
        .flag("--project", args.project.as_ref())
        .flag("--organization", args.organization.as_ref())
        .flag("--subscription", args.subscription.as_ref())
        .switch("--free", args.free)
        .flag("--region", args.region.as_ref())
        .flag("--product", args.product.as_ref())
        .flag("--tier", args.tier.as_ref())
        .flag("--unit", unit)
        .flag("--crate-version", args.crate_version.as_ref())
        .flag("--channel", args.channel.as_ref())
        .flag("--storage", args.storage)
        .flag("--username", args.username.as_ref())
        .flag("--password", place)
        .switch("--no-wait", args.wait.no_wait)
}

pub(super) async fn restore(args: RestoreArgs, context: &Context) -> Result<ExitCode> {
    let resolved = context.resolve(&args.cluster)?;
    let again = Again::of("restore").word(&args.snapshot).flag("--source", args.source.as_ref());
    let again = args.table.iter().fold(again, |again, table| again.flag("--table", Some(table)));
    let again = again.cluster(&args.cluster, &resolved).switch("--no-wait", args.wait.no_wait);
    planned::can_be_approved(&args.approval, &again, &context.printer)?;
    let (client, cluster) = context.interruptible(context.cloud_cluster(&resolved.address)).await?;
    let source = match &args.source {
        Some(wanted) => {
            let wanted: CloudRef = wanted.parse().unwrap_or_else(|never| match never {});
            Some(context.interruptible(client.find_cluster(&wanted)).await?.id)
        }
        None => None,
    };
    let of = source.unwrap_or(cluster.id);
    let snapshot = context.interruptible(snapshot(&args.snapshot, of, &client)).await?;
    let (Some(repository), Some(name)) = (snapshot.repository, snapshot.snapshot) else {
        return Err(Error::failed("the Cloud says neither repository nor name of the snapshot"));
    };
    let mut restore = Restore::new(repository, name);
    if !args.table.is_empty() {
        restore = restore.what(RestoreWhat::Tables(args.table.iter().map(ToString::to_string).collect()));
    }
    if let Some(source) = source.filter(|source| *source != cluster.id) {
        restore = restore.of_cluster(source);
    }
    let change = Change::Restore { cluster: cluster.id, restore };
    run(client, change, Asked { again, approval: &args.approval, wait: Some(&args.wait) }, context).await
}

/// The snapshot of this name, or the newest.
async fn snapshot(wanted: &str, cluster: Uuid, client: &CloudClient) -> Result<Snapshot> {
    let all = client.snapshots(cluster, &SnapshotRange::default()).await?;
    let newest = all.iter().filter_map(|one| one.created).max().map(words::instant);
    let found = match wanted {
        "latest" => all.into_iter().max_by_key(|one| one.created),
        name => all.into_iter().find(|one| one.snapshot.as_deref() == Some(name)),
    };
    found.ok_or_else(|| {
        let hint = newest.map_or_else(
            || "it has none of the last two weeks".to_owned(),
            |newest| {
                format!("`clusterkeep cluster snapshots` lists those of the last two weeks; the newest is of {newest}")
            },
        );
        Error::input(format!("snapshot not found: `{}`", wanted.escape_debug())).with_hint(hint)
    })
}
